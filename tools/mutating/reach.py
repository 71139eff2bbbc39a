"""Which tests reach which line of the kernel, recorded once.

Boot tests are recorded by a QEMU that logs what it runs
(tests/harness/reached.py). Programs on the host need no record: the
unit tests and replays that a fault can concern are those that make builds again.
"""

import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.reached import FOLDERS, Kernel

ANYWHERE = {*FOLDERS, "tests", "test"}  # in the paths of many files


def lines_of(kernel: Kernel) -> list[tuple[str, int]]:
    """Every line that has code, as (file, number)."""
    return sorted({(name, line) for _, _, name, line in kernel.pieces})


@dataclass(frozen=True)
class Note:
    """What is recorded about a test."""

    name: str
    seconds: float  # of processor time
    passed: bool
    bits: str  # hexadecimal; bit n: it reaches line n of lines_of()
    run: str  # that it shares with other tests, or ""
    needs: list[str]  # files that make builds from the kernel

    @property
    def unit(self) -> str:
        """What costs time together: a shared run and its tests, or a test."""
        return self.run or self.name

    @property
    def module(self) -> str:
        return self.name.partition("::")[0]


class Reach:
    """The recorded tests; `first`: those to try before others, as pytest
    names them: a file, or one of its functions."""

    def __init__(self, kernel: Kernel, notes: Path, first=()):
        self.first = tuple(first)
        self.lines = lines_of(kernel)
        self._bit = {line: bit for bit, line in enumerate(self.lines)}
        rows = [Note(*json.loads(row)) for row in notes.read_text().splitlines()]
        self._tests = [(note, int(note.bits, 16)) for note in rows
                       if note.passed]
        self._cost: Counter = Counter()
        for note, _ in self._tests:
            self._cost[note.unit] += note.seconds

    def files(self) -> list[str]:
        """Those with recorded tests."""
        return sorted({note.module for note, _ in self._tests})

    def of(self, file: str, line: int) -> list[Note]:
        """The tests that reach a line, those that may fail soonest first;
        none if it has no code. If none was seen to: a guess, for the logs
        miss some of what runs before there is paging."""
        bit = self._bit.get((file, line))
        if bit is None:
            return []
        reaching = [note for note, bits in self._tests if bits >> bit & 1]
        return self.sorted(file, reaching or self.guessed(file))

    def guessed(self, file: str) -> list[Note]:
        """Those of the file's subject, and of the cheapest run."""
        cheapest = self.of_cheapest_run()
        return [note for note, _ in self._tests
                if note in cheapest or is_about(note, file)]

    def of_cheapest_run(self) -> list[Note]:
        runs = {note.run for note, _ in self._tests if note.run}
        run = min(runs, key=lambda run: self._cost[run], default="")
        return [note for note, _ in self._tests if run and note.run == run]

    def sorted(self, file: str, notes: list[Note]) -> list[Note]:
        """Those to try first; then those of the file's subject; of each of the
        other modules the cheapest, then the second of each, and so on: they
        differ most in what they check."""
        rank: dict[str, int] = {}
        seen: Counter = Counter()
        for note in sorted(notes, key=lambda note: self._cost[note.unit]):
            if note.unit not in rank:
                rank[note.unit] = seen[note.module]
                seen[note.module] += 1
        return sorted(notes, key=lambda note: (
            not note.name.startswith(self.first),
            not is_about(note, file), rank[note.unit],
            self._cost[note.unit], note.unit))


def is_about(note: Note, file: str) -> bool:
    """Whether the test's module has a word of the file's path in its name."""
    return bool(words(note.module) & words(file))


def words(path: str) -> set[str]:
    """Those of a path that may name a subject."""
    return set(re.findall("[a-z0-9]{3,}", path)) - ANYWHERE


def record(root: Path, tests: list[str], jobs: int, notes: Path) -> bool:
    """Runs boot tests of the tree at `root`, and adds to the notes what they
    reach. False: some did not pass, and are left out."""
    draft = notes.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    wrapper = Kernel(root / "build/baton.elf").qemu(
        notes.with_name("qemu-system-x86_64"))
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-n", str(jobs),
         "-p", "mutating.recorder", *tests], cwd=root,
        env={**os.environ, "QEMU": str(wrapper), "MUTATING_NOTES": str(draft),
             "PYTHONPATH": f"{root}/tools:{root}/tests"})
    add(draft, notes)
    return done.returncode == 0


def add(draft: Path, notes: Path) -> None:
    """The newer note about a test replaces the older one."""
    rows = [row for path in (notes, draft) if path.exists()
            for row in path.read_text().splitlines(keepends=True)]
    latest = {Note(*json.loads(row)).name: row for row in rows}
    draft.write_text("".join(latest.values()))
    draft.replace(notes)
