"""A plugin of pytest: notes which lines of the kernel each test reaches.

MUTATING_NOTES in the environment names a file. Each test that starts a machine,
or uses one that is shared, adds a line of JSON: its name, its seconds, did it
pass, and its lines as a number in hexadecimal: bit n is line n of
reach.lines_of().
"""

import functools
import json
import os
import time
from pathlib import Path

import pytest

from harness import machine
from harness.reached import Kernel

from . import reach

homes: list[Path] = []  # of the machines that the test has started
failed: list[str] = []


def prepare(home, *rest, _prepare=machine.prepare, **more):
    homes.append(home)
    return _prepare(home, *rest, **more)


machine.prepare = prepare


@functools.cache
def kernel() -> tuple[Kernel, dict]:
    found = Kernel()
    return found, {line: bit for bit, line in enumerate(reach.lines_of(found))}


@functools.cache
def bits_of(home: Path, _age: int) -> int:
    measured, bit = kernel()
    found = measured.lines(measured.executed(home / "qemu.log"))
    return sum(1 << bit[name, number] for name, lines in found.items()
               for number, ran in lines.items() if ran)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    homes.clear()
    failed.clear()
    began = time.monotonic()
    yield
    used = {*homes, *(run.home for run in getattr(item, "runs", []))}
    logs = [home for home in used if (home / "qemu.log").exists()]
    bits = 0
    for home in logs:
        bits |= bits_of(home, (home / "qemu.log").stat().st_mtime_ns)
    if bits:
        note = [name_of(item), time.monotonic() - began, not failed, f"{bits:x}"]
        with open(os.environ["MUTATING_NOTES"], "a") as notes:
            notes.write(json.dumps(note) + "\n")


def name_of(item) -> str:
    """As pytest takes it: xdist appends the group of a test."""
    group = item.get_closest_marker("xdist_group")
    return item.nodeid.rpartition("@")[0] if group else item.nodeid


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(report.nodeid)
