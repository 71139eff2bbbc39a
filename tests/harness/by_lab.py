"""Marks for a test of each lab."""

import pytest

OFTEN = "3"  # the lab whose machines run in `make test`, too


def of_labs(numbers, on_machines: bool = False):
    """A test for each of these labs. One worker makes a lab's folder, for all
    tests about it. What takes a machine, or more than one, is slow, but for
    OFTEN."""
    def marks(number: str) -> list:
        slow = on_machines and number != OFTEN
        return [pytest.mark.xdist_group(f"lab{number}"),
                *([pytest.mark.slow] if slow else [])]

    return pytest.mark.parametrize("number", [
        pytest.param(number, marks=marks(number)) for number in numbers])
