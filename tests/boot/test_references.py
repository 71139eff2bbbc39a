"""Each lab's reference passes, whatever arguments its checks choose.

A nonce chooses all arguments of a run: three in `make test`, 200 in
`make test-all`. And what the checks look up in the reference's kernel, symbols
and structures, is in the hand-out's, or they could not say what it lacks.
"""

import pytest

from harness.by_lab import of_labs
from kit import folder

PARTS = 10  # of the 200: a test has to end within its time


@of_labs(folder.numbers())
def test_a_reference_passes_with_three_nonces(number, bench):
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    assert it.failed(repeat=3) == set(), it.log
    used = it.used
    it.put(it.lab.handout(it.seed))
    absent = getattr(it.lab.staff, "ABSENT", [])
    assert it.missing([*used, "nobody"]) == [*absent, "nobody"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@of_labs(folder.numbers())
def test_a_reference_passes_with_200_nonces(number, part, bench):
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    assert it.failed(repeat=200 // PARTS) == set(), it.log
