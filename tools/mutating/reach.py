"""Which tests reach which line of the kernel, recorded once.

Boot tests are recorded by a QEMU that logs what it runs
(tests/harness/reached.py). Programs on the host need no record: the
unit tests and replays that a fault can concern are those that make builds again.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.reached import Kernel


def lines_of(kernel: Kernel) -> list[tuple[str, int]]:
    """Every line that has code, as (file, number)."""
    return sorted({(name, line) for _, _, name, line in kernel.pieces})


@dataclass(frozen=True)
class Test:
    name: str
    seconds: float
    bits: int  # bit n: it reaches line n of lines_of()


class Reach:
    """The recorded tests, those that take least time first."""

    def __init__(self, kernel: Kernel, notes: Path):
        self.lines = lines_of(kernel)
        self._bit = {line: bit for bit, line in enumerate(self.lines)}
        rows = [json.loads(row) for row in notes.read_text().splitlines()]
        self.tests = sorted(
            (Test(name, seconds, int(bits, 16))
             for name, seconds, passed, bits in rows if passed),
            key=lambda test: test.seconds)

    def of(self, file: str, line: int) -> list[str]:
        """The names of the tests that reach a line; none if it has no code."""
        bit = self._bit.get((file, line))
        if bit is None:
            return []
        return [test.name for test in self.tests if test.bits >> bit & 1]


def record(root: Path, tests: list[str], jobs: int, notes: Path) -> bool:
    """Runs the boot tests of the tree at `root`. False: some did not pass,
    and are left out."""
    notes.unlink(missing_ok=True)
    draft = notes.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    wrapper = Kernel(root / "build/baton.elf").qemu(
        notes.with_name("qemu-system-x86_64"))
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-n", str(jobs),
         "-p", "mutating.recorder", *tests], cwd=root,
        env={**os.environ, "QEMU": str(wrapper), "MUTATING_NOTES": str(draft),
             "PYTHONPATH": f"{root}/tools:{root}/tests"})
    draft.replace(notes)
    return done.returncode == 0
