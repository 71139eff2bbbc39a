"""One fault at a time, in a copy of the project: planted, built, tested."""

import json
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import paths
from harness.patience import cpu_limit

from .reach import Note
from .server import used
from .source import Mutant

KILLED, SURVIVED, SAME, NO_BUILD, TROUBLE = (
    "killed", "survived", "equivalent", "does not build", "trouble")

KERNEL = ("all",)
SINS = tuple(f"build/sins{kind}.efi" for kind in
             ("", "-unmoved", "32", "32-unmoved"))
MEDIA = ("build/baton.iso", "build/linux.cpio", *SINS)
FUZZ = ("-f", "tests/fuzz/fuzz.mk")
LINKED = re.compile(r'LINK +(build/unit/[^ "]+)"?\n(.*)')
HOST_SECONDS = 20  # of processor time, for a program; the longest takes 5
# A machine that hangs is found by its silence, sooner than usual.
PATIENCE = {"SLOWNESS": "0.15", **os.environ}
PYTEST = ("/usr/bin/python3", "-m", "pytest", "-q", "-n", "0", "-m", "",
          "--tb=no", "-p", "no:cacheprovider", "-p", "mutating.server")


@dataclass(frozen=True)
class Verdict:
    word: str
    by: str = ""  # what failed, what the compiler said, how much was tried


class Server:
    """A pytest that has collected all tests of some files (server.py)."""

    def __init__(self, home: Path, files: list[str], log: Path):
        ours, theirs = socket.socketpair()
        with theirs, open(log, "w") as output:
            self._process = subprocess.Popen(
                [*PYTEST, *files], cwd=home, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, pass_fds=[theirs.fileno()],
                env={**PATIENCE, "MUTATING_LINK": str(theirs.fileno()),
                     "PYTHONPATH": f"{home}/tools:{home}/tests"})
        self._lines = ours.makefile("rw")
        ours.close()
        if self._lines.readline() != "ready\n":
            raise RuntimeError(f"pytest does not collect: {log}")

    def run(self, names: list[str], limit: float = 0,
            first: bool = True) -> tuple[list[str], int]:
        """The tests that failed, and how many were run."""
        print(json.dumps([names, limit, first]), file=self._lines, flush=True)
        answer = self._lines.readline().strip()
        if not answer:
            raise RuntimeError("a test ended its process")
        return tuple(json.loads(answer))

    def close(self) -> None:
        self._lines.close()
        self._process.wait()


class Tree:
    """A copy of the project's files. It is built once, and then again for
    each fault; nothing outside it changes."""

    def __init__(self, home: Path):
        self.home = home
        self.unsound: set[str] = set()  # programs and tests that say nothing
        self._image = b""

    def refresh(self) -> None:
        """The files as they are now, and everything built."""
        names = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT,
                               check=True, capture_output=True)
        for name in names.stdout.decode().split("\0")[:-1]:
            copy_changed(paths.ROOT / name, self.home / name)
        if not (self.home / ".git").exists():
            subprocess.run(["git", "init", "-q"], cwd=self.home, check=True)
        self._make(*KERNEL, *MEDIA).check_returncode()
        self._make(*FUZZ, "unit", "replay").check_returncode()
        self._image = self._code()

    def judge(self, mutant: Mutant, tests: list[Note], server: Server,
              limit: float = 0) -> Verdict:
        """`limit`: seconds of processor time for programs on the host, for boot
        tests, and for those that need a medium made from the kernel, each; then
        what is left is not tried. 0: all is."""
        place = self.home / mutant.file
        sound = place.read_text()
        place.write_text(mutant.planted(sound))
        try:
            return self._judge(mutant.file, tests, server, limit)
        except RuntimeError as problem:
            return Verdict(TROUBLE, str(problem))
        finally:
            place.write_text(sound)

    def _judge(self, file: str, tests: list[Note], server, limit) -> Verdict:
        tests = [test for test in tests if test.name not in self.unsound]
        built = self._make(*KERNEL)
        if built.returncode:
            return Verdict(NO_BUILD, first_error(built.stdout))
        if self._code() == self._image:
            return Verdict(SAME, "the compiler makes the same code of both")
        programs, tried, began = self._outdated(file), 0, used()
        while tried < len(programs) and not (limit and used() - began > limit):
            if why := self.fails(programs[tried]):
                return Verdict(KILLED, why)
            tried += 1
        failed, _ = server.run(scripts_for(file, self.home))
        if failed:
            return Verdict(KILLED, failed[0])
        failed, done = self._boot(tests, server, limit)
        if failed:
            return Verdict(KILLED, failed[0])
        return Verdict(SURVIVED, f"passed: {tried} of {len(programs)} programs "
                       f"on the host, {done} of {len(tests)} boot tests")

    def _boot(self, tests: list[Note], server, limit):
        """What needs files that take long to make comes last, and has a limit
        of its own."""
        quick = [test.name for test in tests if not test.needs]
        failed, done = server.run(quick, limit) if quick else ([], 0)
        rest = [test for test in tests if test.needs]
        if rest and not failed:
            self._make(*{file for test in rest for file in test.needs}
                       ).check_returncode()
            failed, more = server.run([test.name for test in rest], limit)
            done += more
        return failed, done

    def _outdated(self, file: str) -> list[str]:
        """Programs that a fault concerns, those of fewest sources first.
        Others may be out of date since the fault before this one."""
        plan = self._make(*FUZZ, "-n", "unit", "replay").stdout
        part = f"/{file[:-1]}o " if file.endswith(".c") else ".o "
        size = {program: command.count(".o ") for program, command in
                LINKED.findall(plan)
                if part in command and program not in self.unsound}
        return sorted(size, key=lambda program: size[program])

    def fails(self, program: str) -> str:
        """Builds and runs a program of build/unit: "" if it passes, or what
        is wrong."""
        if self._make(*FUZZ, program).returncode:
            return f"{program} does not build"
        done = subprocess.run(
            [program, *inputs_of(program, self.home)], cwd=self.home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=cpu_limit(HOST_SECONDS))
        return program if done.returncode else ""

    def _make(self, *targets: str) -> subprocess.CompletedProcess:
        return subprocess.run(["make", "-s", *targets], cwd=self.home,
                              text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def _code(self) -> bytes:
        """What the loader loads."""
        return (self.home / "build/baton").read_bytes()


def inputs_of(program: str, home: Path) -> list[str]:
    """Arguments for a program of build/unit: a replay takes what is kept."""
    folder, _, name = program.rpartition("/")
    if not folder.endswith("/replay"):
        return []
    return [str(file.relative_to(home)) for kept in ("corpus", "crashes")
            for file in sorted((home / "tests/fuzz" / kept / name).glob("*"))]


def scripts_for(file: str, home: Path) -> list[str]:
    """Unit tests in Python that build a file by themselves."""
    return [script for script in scripts(home)
            if f'"{file}"' in (home / script).read_text()]


def scripts(home: Path) -> list[str]:
    """But for the one that runs the programs."""
    return [str(path.relative_to(home))
            for path in sorted(home.glob("tests/unit/test_*.py"))
            if path.stem != "test_unit"]


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
