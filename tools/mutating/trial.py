"""One fault at a time, in a copy of the project: planted, built, tested."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import paths

from .source import Mutant

KILLED, SURVIVED, SAME, NO_BUILD, TROUBLE = (
    "killed", "survived", "equivalent", "does not build", "trouble")

KERNEL = ("all", "build/baton.iso", "build/sins.efi", "build/linux.cpio")
HOST = ("-k", "-f", "tests/fuzz/fuzz.mk", "unit", "replay")
PYTEST = ("/usr/bin/python3", "-m", "pytest", "-q", "-x", "--tb=no",
          "-p", "no:cacheprovider")
FAILED = re.compile(  # xdist appends the group of a test
    r"^(?:FAILED|ERROR) (.+?)(?:@[^\]\s]+)?(?: - .*)?$", re.M)
STOPPED = (1, 2)  # by a failure; xdist calls that an interruption
SOME = 200  # tests of one pytest: a fault is mostly found by the first


@dataclass(frozen=True)
class Verdict:
    word: str
    by: str = ""  # the test that failed, or what the compiler said


class Tree:
    """A copy of the project's files. It is built once, and then again for
    each fault; nothing outside it changes."""

    def __init__(self, home: Path):
        self.home = home
        self._image = b""

    def refresh(self) -> None:
        """The files as they are now, and everything built."""
        names = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT,
                               check=True, capture_output=True)
        for name in names.stdout.decode().split("\0")[:-1]:
            copy_changed(paths.ROOT / name, self.home / name)
        if not (self.home / ".git").exists():
            subprocess.run(["git", "init", "-q"], cwd=self.home, check=True)
        for targets in (KERNEL, HOST):
            self._make(*targets).check_returncode()
        self._image = self._code()

    def judge(self, mutant: Mutant, tests: list[str], jobs: int) -> Verdict:
        place = self.home / mutant.file
        sound = place.read_text()
        place.write_text(mutant.planted(sound))
        try:
            return self._judge(tests, jobs)
        finally:
            place.write_text(sound)

    def _judge(self, tests: list[str], jobs: int) -> Verdict:
        built = self._make(*KERNEL)
        if built.returncode:
            return Verdict(NO_BUILD, first_error(built.stdout))
        if self._code() == self._image:
            return Verdict(SAME, "the compiler makes the same code of both")
        before = self._programs()
        failed = self._make(*HOST).returncode
        fresh = [on_host(name) for name, age in self._programs().items()
                 if before.get(name) != age]
        if failed and not fresh:
            return Verdict(KILLED, "a program on the host does not build")
        if not fresh and not tests:
            return Verdict(SURVIVED, "no test reaches the line")
        verdict = self.run(fresh, 0)
        for at in range(0, len(tests), SOME):
            if verdict.word == SURVIVED:
                verdict = self.run(tests[at : at + SOME], jobs)
        return verdict

    def run(self, tests: list[str], jobs: int) -> Verdict:
        """These tests, until the first one fails."""
        if not tests:
            return Verdict(SURVIVED)
        done = subprocess.run([*PYTEST, "-n", str(jobs), *tests],
                              cwd=self.home, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode == 0:
            return Verdict(SURVIVED)
        found = FAILED.search(done.stdout)
        if done.returncode in STOPPED and found:
            return Verdict(KILLED, found[1])
        return Verdict(TROUBLE, done.stdout[-400:])

    def _make(self, *targets: str) -> subprocess.CompletedProcess:
        return subprocess.run(["make", "-s", *targets], cwd=self.home,
                              text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _code(self) -> bytes:
        """What the loader loads."""
        return (self.home / "build/baton").read_bytes()

    def _programs(self) -> dict[str, int]:
        found = [*self.home.glob("build/unit/test_*"),
                 *self.home.glob("build/unit/replay/*")]
        return {str(path.relative_to(self.home / "build/unit")):
                path.stat().st_mtime_ns for path in found if not path.suffix}


def on_host(program: str) -> str:
    """The test that runs a program of build/unit."""
    folder, _, name = program.rpartition("/")
    if folder:
        return f"tests/fuzz/test_fuzz.py::test_replay[{name}]"
    return f"tests/unit/test_unit.py::test_exit_status[{name}]"


def first_error(said: str) -> str:
    lines = [line for line in said.splitlines() if "error" in line.lower()]
    return lines[0] if lines else said.strip()[-200:]


def copy_changed(source: Path, target: Path) -> None:
    """Copies a file unless it is the same already: make looks at its age."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        if not target.is_symlink():
            target.symlink_to(source.readlink())
    elif not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
