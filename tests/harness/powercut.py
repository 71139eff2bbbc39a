"""Cuts a machine's power at any instruction; aftermath.py checks the next boot.

Under -icount, and without a disk, a machine is the same in every run, so an
instant is a number of instructions: since reset, or since kernel_main, where a
scenario's machine is saved once. A plugin (powercut.c) kills QEMU at that
number. The next boot finds the flash file and nothing else, so instants with
the same file share that boot.

The reference is the scenario without a cut. It says when the flash was written,
and so every other instant is aimed there, directly before or after a command to
the flash.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from . import flash, media, paths, qemu, saved
from .events import Event, clean, parse
from .machine import End, Machine, Run
from .patience import patiently
from .process import spawn
from .rsp import symbol

SOURCE = Path(__file__).with_suffix(".c")
HOME = paths.BUILD / "powercut"
FLASH_PA = (4 << 30) - (4 << 20)  # of QEMU's flash, until 4 GiB
PATIENCE = 120  # seconds of a machine without output
LIMIT = 600  # of one that compacts its store, under a plugin
STOPPED = b"debug\0\0"  # the debugger's stop, in a saved state
NEARLY_FULL = 20 << 10  # bytes; with less than 33 KiB OVMF compacts the store

HELLO = tuple((name, f"{name}-{value}") for value in range(4)
              for name in ("Hello", "World"))


@dataclass(frozen=True)
class Scenario:
    """What a machine does when its power is cut."""

    words: str  # of the kernel
    window: tuple[str, ...] = ()  # symbols: cut from one to the next
    writes: tuple[tuple[str, str], ...] = ()  # variables, in this order
    from_reset: bool = False  # until kernel_main
    full: bool = False  # the firmware has to compact the store
    share: int = 1  # of the instants

    @property
    def cmdline(self) -> str:
        commands = "; ".join(f"efi vars write {name} {text}"
                             for name, text in self.writes)
        return f'{self.words} run="{commands}"' if commands else self.words


ONE = "efi=fixed generations=1 end=exit"
SCENARIOS = {
    "boot": Scenario(ONE, from_reset=True, share=3),
    "compact": Scenario(ONE, from_reset=True, full=True, share=2),
    "write": Scenario(ONE, writes=HELLO, share=6),
    "kexec": Scenario("efi=fixed generations=2 end=exit",
                      ("kexec_load", "kernel_main"), share=2),
    "crash": Scenario(f'{ONE} run="crash divide"',
                      ("stage_30_record_write",), share=4),
    "chain": Scenario("efi=physical,fixed generations=3 end=shutdown",
                      share=3),
}
FIRMWARES = ("pflash", "smm")
SEED = 16  # of the instants in the tests


def plan(number: int, scenarios: list[str],
         firmwares: list[str]) -> dict[tuple[str, str], int]:
    """How many of so many instants each scenario gets on each firmware."""
    shares = {(name, firmware): SCENARIOS[name].share
              for name in scenarios for firmware in firmwares}
    total, found, before = sum(shares.values()), {}, 0
    for key, share in shares.items():
        found[key] = (before + share) * number // total - \
            before * number // total
        before += share
    return {key: count for key, count in found.items() if count}


@dataclass(frozen=True)
class Notes:
    """What the plugin noted in the reference."""

    writes: list[int]  # the instructions that wrote to flash
    marks: list[tuple[int, int]]  # (instruction, address)
    end: int

    @classmethod
    def read(cls, path: Path) -> "Notes":
        rows = [(kind, int(count), int(address, 0)) for kind, count, address in
                map(str.split, path.read_text().splitlines())]
        return cls([n for kind, n, _ in rows if kind == "flash"],
                   [(n, at) for kind, n, at in rows if kind == "mark"],
                   next(n for kind, n, _ in rows if kind == "end"))


@dataclass(frozen=True)
class Cut:
    """What a power cut left."""

    at: int
    events: list[Event]  # that were printed before, in whole lines
    flash: bytes

    @classmethod
    def read(cls, at: int, log: Path, content: Path) -> "Cut":
        *lines, _ = log.read_bytes().split(b"\n")
        events = [event for line in lines if (event := parse(clean(line)))]
        return cls(at, events, content.read_bytes())


def plugin() -> Path:
    """Compiled once for each version of QEMU, whose interface changes."""
    major, minor = map(int, re.search(r"version (\d+)\.(\d+)", saved.qemu_version(
        qemu.program())).groups())
    version = f"-DQEMU_VERSION={100 * major + minor}"
    key = hashlib.sha256(SOURCE.read_bytes() + version.encode()).hexdigest()
    made = HOME / f"powercut-{key[:12]}.so"
    with paths.hold(made):
        if not made.exists():
            draft = made.with_suffix(".new")
            media.tool("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared",
                       "-fPIC", version, "-o", draft, SOURCE)
            draft.replace(made)
    return made


class Stage:
    """A scenario on a firmware, ready to be cut. Made once per kernel."""

    def __init__(self, name: str, firmware: str):
        self.name, self.firmware = name, firmware
        self.scenario = SCENARIOS[name]
        self.config = qemu.Config(self.scenario.cmdline, firmware, "memory",
                                  args=" ".join(qemu.MIGRATION_EVENTS))
        inputs = [Path(__file__), SOURCE, paths.KERNEL, Path(
            qemu.code_of(firmware)), Path(self.config.vars)]
        key = hashlib.sha256(b"".join(map(Path.read_bytes, inputs)))
        self.family = HOME / key.hexdigest()[:12]
        saved.remove_unused(HOME, "?" * 12)  # of kernels that are no more
        self.home = self.family / f"{name}-{firmware}"
        with paths.hold(self.home.with_suffix(".turn")):
            if not (self.home / "notes").exists():
                self._make()
            os.utime(self.family)  # it is in use

    @cached_property
    def notes(self) -> Notes:
        return Notes.read(self.home / "notes")

    @cached_property
    def start(self) -> bytes:
        """The flash before the scenario."""
        return (self.home / "vars.fd").read_bytes()

    @cached_property
    def reference(self) -> Cut:
        home = self.home / "reference"
        return Cut.read(self.notes.end, home / "serial.log", home / "vars.fd")

    # Instants

    def window(self) -> tuple[int, int]:
        """The first instruction of it, and the last one."""
        if self.scenario.from_reset:
            return 1, self.notes.marks[0][0]
        first, last = 1, self.notes.end
        if opens := self._addresses()[:1]:
            first = next(n for n, at in self.notes.marks if at in opens)
        if closes := self._addresses()[1:]:
            last = next(n for n, at in self.notes.marks
                        if at in closes and n > first)
        return first, last

    def instants(self, number: int, seed: int) -> list[int]:
        """In ascending order, each once."""
        dice = random.Random(f"{self.name} {self.firmware} {seed}")
        first, last = self.window()
        aims = [n for n in self.notes.writes if first <= n < last]
        found = set()
        while len(found) < number:
            found.add(dice.choice(aims) + dice.randrange(2)
                      if aims and len(found) % 2 else
                      dice.randint(first, last))
        return sorted(found)

    # Machines

    def cut(self, instants: list[int]) -> list[Cut]:
        """The scenario up to the last of these instructions, which is not
        executed; and what a cut at each of the earlier ones would have left.
        Kept, so the same instants are cut once."""
        key = hashlib.sha256(repr(instants).encode()).hexdigest()[:12]
        home = self.home / f"cut-{key}"
        *earlier, last = instants
        with paths.hold(home):
            if not (home / "done").exists():
                code = self._run(home, [f"at={at}" for at in instants])
                if code != -signal.SIGKILL:
                    raise RuntimeError(
                        f"{home}: the machine had ended by itself")
                (home / "done").touch()
            return [*(Cut.read(at, home / f"{at}.log", home / f"{at}.fd")
                      for at in earlier),
                    Cut.read(last, home / "serial.log", home / "vars.fd")]

    def again(self, left: bytes) -> Run:
        """The next boot, from reset, with this flash. The kernel only reads."""
        digest = hashlib.sha256(left).hexdigest()[:16]
        home = self.family / f"again-{self.firmware}-{digest}"
        config = qemu.Config("efi=fixed prove=look generations=1 end=exit "
                             'run="efi vars"', self.firmware, "memory")
        with paths.hold(home.with_suffix(".turn")):
            end = home / "end.json"
            if not end.exists():
                with Machine(home, config, PATIENCE, LIMIT,
                             flash=left) as machine:
                    run = machine.finish()
                if run.end.how == "stalled":  # by the host, perhaps: try again
                    return run
                (home / "grub.efi").unlink()
                end.write_text(json.dumps([run.end.how, run.end.code]))
            return Run.load(home, config, End(*json.loads(end.read_text())))

    def _addresses(self) -> list[int]:
        names = ("kernel_main",) if self.scenario.from_reset else \
            self.scenario.window
        return [symbol(paths.SYMBOLS, name) for name in names]

    def _make(self) -> None:
        """The scenario's start, and its reference."""
        fresh = Path(self.config.vars).read_bytes()
        content = flash.fill(fresh, NEARLY_FULL) if self.scenario.full else None
        with Machine(self.home, replace(self.config, paused=True), PATIENCE,
                     flash=content) as machine:
            if not self.scenario.from_reset:
                with machine.debugger() as debugger:
                    debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
                    saved.save(machine.qmp)
                saved.let_it_run(self.home / saved.STATE, STOPPED)
        home = self.home / "reference"
        self._run(home, ["log=notes", f"flash={FLASH_PA:#x}",
                         *(f"mark={at:#x}" for at in self._addresses())])
        (home / "notes").rename(self.home / "notes")

    def _run(self, home: Path, words: list[str]) -> int:
        """Run the scenario in `home`; returns QEMU's exit code."""
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        for name in ("grub.efi", "vars.fd"):
            shutil.copyfile(self.home / name, home / name)
        resume = [] if self.scenario.from_reset else [
            "-incoming", "exec:cat ../state"]
        process = spawn(home, [
            *qemu.command(self.config), *resume,
            "-plugin", ",".join([f"file={plugin()}", *words])],
            subprocess.DEVNULL)
        try:
            return patiently(LIMIT, process.wait, subprocess.TimeoutExpired)
        finally:
            process.kill()
            process.wait()
