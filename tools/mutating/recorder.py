"""A plugin of pytest: notes which lines of the kernel each test reaches.

MUTATING_NOTES in the environment names a file. Each test that starts a machine,
or uses one that is shared, adds a line of JSON, a reach.Note: also if no line
was seen, for the log has little of what runs before there is paging.
"""

import bisect
import dataclasses
import functools
import json
import os
import re
from pathlib import Path

import pytest

from harness import machine, paths
from harness.reached import INSTRUCTION, Kernel

from . import reach
from .server import used

homes: dict[Path, list[str]] = {}  # of the machines that the test has started
failed: list[str] = []
MADE = {paths.ISO, paths.LINUX_BUNDLE}  # from the kernel, by make


def prepare(home, config, *rest, _prepare=machine.prepare, **more):
    files = {more.get("bundle")}
    if config.medium in ("iso", "stick"):
        files.add(more.get("iso", paths.ISO))
    homes[home] = [str(file.relative_to(paths.ROOT)) for file in MADE & files]
    return _prepare(home, config, *rest, **more)


machine.prepare = prepare


@functools.cache
def bits_of(home: Path, _age: int) -> int:
    found = 0
    for match in set(INSTRUCTION.findall((home / "qemu.log").read_text(
            errors="replace"))):
        found |= bit_of(*match)
    return found


@functools.cache  # most instructions run in most tests
def bit_of(address: str, code: str) -> int:
    """The bits of an instruction's lines; 0 if it is not the kernel's."""
    measured, starts, bits = kernel()
    linked = measured.linked(int(address, 16), bytes.fromhex(code)) or 0
    found, at = 0, bisect.bisect_right(starts, linked) - 1
    while at >= 0 and measured.pieces[at][1] > linked:
        found |= bits[measured.pieces[at][2:]]
        at -= 1
    return found


@functools.cache
def kernel() -> tuple[Kernel, list[int], dict]:
    found = Kernel()
    return (found, [start for start, *_ in found.pieces],
            {line: 1 << bit for bit, line in enumerate(reach.lines_of(found))})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    homes.clear()
    failed.clear()
    began = used()
    yield
    seconds = round(used() - began, 2)
    shared = [run.home for run in getattr(item, "runs", [])
              if (run.home / "session.json").exists()]
    logs = [home for home in {*homes, *shared} if (home / "qemu.log").exists()]
    bits = 0
    for home in logs:
        bits |= bits_of(home, (home / "qemu.log").stat().st_mtime_ns)
    if logs:
        note = reach.Note(name_of(item), seconds, not failed, f"{bits:x}",
                          shared[0].name if shared else "",
                          sorted({file for files in homes.values()
                                  for file in files}))
        with open(os.environ["MUTATING_NOTES"], "a") as notes:
            notes.write(json.dumps(dataclasses.astuple(note)) + "\n")


def name_of(item) -> str:
    """As pytest takes it: xdist appends the group of a test."""
    return re.sub(r"@[^\]\s]+$", "", item.nodeid)


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(report.nodeid)
