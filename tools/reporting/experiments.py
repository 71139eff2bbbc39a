"""The runs of a report: what is booted, and what is asked.

Each is a row. A machine that hangs, resets or does not start is a result too,
so nothing here fails because of the firmware.
"""

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import chain, paths, qemu, saved, vectors
from harness.machine import Machine, Run
from harness.stopwatch import Stopwatch

# Virtual seconds until the kernel ends a call that does not return. (Writing a
# variable may take five times that.)
TIMEOUT = "efi.timeout=10"

# Limits in seconds of processor time (patience.py). Debian's OVMF boots in 3,
# and a run takes 1 to 5; the longest silence in one is a write to flash that
# does not return, 50 virtual seconds, which take 2. Together they leave a
# report about a firmware that hangs in every run below 5 minutes.
BOOT = 20  # until the boot loader
AFTER_SILENCE = 10  # the same, if another machine has said nothing in BOOT
PATIENCE = 10  # without output
LIMIT = 20  # for a run
COLD = 5  # more for a run that has to boot
AT_ONCE = 2  # machines

LINUX = "baton vmlinuz baton vmlinuz baton".split()
QUESTIONS = ("efi tables", "efi regions", "efi time",
             "efi call QueryVariableInfo", "efi vars")


@dataclass(frozen=True)
class Experiment:
    id: str
    what: str  # for people
    words: str  # of the kernel's command line
    act: object = None  # what is done with the machine, if not only watching
    paused: bool = False
    bundle: Path = paths.BUNDLE
    patience: float = PATIENCE
    limit: float = LIMIT
    words_32: str = ""  # with 32-bit firmware, if they differ
    then: str = ""  # of a second boot, from power-on, with the flash of the first


@dataclass
class Result:
    experiment: Experiment
    run: Run | None = None
    extra: dict = field(default_factory=dict)  # what `act` returned
    seconds: float = 0
    problem: str = ""  # why there is no run, or no extra
    hung: bool = False  # that is the problem


def look(machine: Machine) -> dict:
    """Ask at the prompt; SMBIOS is read from the machine's memory."""
    answers = {line: machine.ask(line).lines for line in QUESTIONS}
    found = {"answers": answers, "smbios": smbios(machine, answers)}
    machine.type("poweroff\r")
    machine.finish()
    return found


SMBIOS_BYTES_MAX = 1 << 16


def smbios(machine: Machine, answers: dict) -> dict:
    """Vendor, version and date from type 0 (SMBIOS 3.6 §5.2, §7.1)."""
    entries = {line.split()[-1]: int(line.split()[1], 0)
               for line in answers["efi tables"] if "SMBIOS" in line}
    entry_pa = next(iter(entries.values()), 0)
    if not entry_pa:
        return {}
    head = machine.memory(entry_pa, 32)
    if head.startswith(b"_SM3_"):
        table_pa, size = int.from_bytes(head[16:24], "little"), SMBIOS_BYTES_MAX
    elif head.startswith(b"_SM_"):
        table_pa = int.from_bytes(head[24:28], "little")
        size = int.from_bytes(head[22:24], "little")
    else:
        return {}
    return type_0(machine.memory(table_pa, size))


def type_0(table: bytes) -> dict:
    """The strings of the first structure of type 0."""
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0 or kind == 127:
            break
        if kind == 0 and length >= 9:
            texts = ["", *table[at + length:end].decode("latin-1").split("\0")]
            return {name: texts[table[at + place]].strip()
                    for name, place in (("vendor", 4), ("version", 5),
                                        ("date", 8))
                    if table[at + place] < len(texts)}
        at = end + 2
    return {}


def time_services(machine: Machine) -> dict:
    """Instructions of each service's first call: the firmware's, the gate's."""
    with machine.debugger(LIMIT) as debugger:
        calls = dict(Stopwatch(debugger).services())
    machine.stop()
    return {"instructions": {name: [call.firmware, call.gate]
                             for name, call in calls.items()}}


def _chain(mode: str) -> Experiment:
    more = "efi.diff=on" if mode == "fixed" else ""
    return Experiment(f"chain-{mode}", f"efi={mode}, three generations",
                      f"{chain.cmdline(mode)} {more}".strip())


RELAY = (f"generations={len(LINUX)} efi=physical,inherit "
         f"next={','.join(LINUX[1:])} end=shutdown linux=file "
         "console=ttyS0 quiet nowatchdog tsc=reliable")

# Is what was written before a reset there after it?
REMEMBER = "efi vars read BatonGeneration"

EXPERIMENTS = (  # the longest one first
    # A Linux that calls 32-bit firmware refuses kexec_file_load.
    Experiment("linux", "Baton, Linux, Baton, Linux, Baton", RELAY,
               bundle=paths.LINUX_BUNDLE, patience=30, limit=90,
               words_32=RELAY.replace("linux=file", "linux=load")),
    Experiment("look", "tables, regions, variables",
               "efi=physical generations=1", look),
    *map(_chain, chain.EXPECTED),
    Experiment("vectors-first", "conformance vectors, first generation",
               f'efi=physical generations=1 end=exit run="{vectors.COMMAND}"'),
    Experiment("vectors-last", "the same in the third one, at other addresses",
               f'efi=fixed generations=3 end=exit run="{vectors.COMMAND}"'),
    Experiment("touch", "the pages that each service uses",
               "efi=identity generations=1 end=exit efi.touch=on"),
    Experiment("reset", "ResetSystem, cold",
               'efi=fixed generations=1 run="reboot"',
               then='efi=physical generations=1 end=exit prove=look '
                    f'run="{REMEMBER}"'),
    Experiment("timing", "instructions of each service",
               "efi=fixed generations=2 end=exit", time_services, paused=True),
)
BY_ID = {one.id: one for one in EXPERIMENTS}


def machine_of(experiment: Experiment, base: qemu.Config,
               bits: int) -> qemu.Config:
    words = bits == 32 and experiment.words_32 or experiment.words
    return replace(base, cmdline=f"{words} {TIMEOUT}",
                   paused=experiment.paused)


def left_out(experiment: Experiment, base: qemu.Config) -> str:
    """Why it cannot be run here, whatever the firmware is like."""
    name = experiment.bundle.name
    if not experiment.bundle.exists():
        return f"there is no {name}: make build/{name}"
    if paths.KERNEL.read_bytes() not in experiment.bundle.read_bytes():
        return f"{name} has an older kernel: make build/{name}"
    if experiment.id == "timing" and base.accel != "tcg":
        return f"instructions cannot be counted with ACCEL={base.accel}"
    return ""


def perform(experiment: Experiment, base: qemu.Config, home: Path,
            boot: float = 0, bits: int = 64) -> Result:
    """`boot`: the patience with its boot, if it has to. `bits`: of the
    firmware's words, as another run has shown."""
    result = Result(experiment, problem=left_out(experiment, base))
    if result.problem:
        return result
    began = time.monotonic()
    try:
        _watch(result, machine_of(experiment, base, bits), home, boot)
    except (AssertionError, OSError, RuntimeError, KeyError, TimeoutError,
            StopIteration, ValueError) as problem:
        result.problem = str(problem).partition("\n")[0] or repr(problem)
        result.hung = isinstance(problem, TimeoutError)
    result.seconds = time.monotonic() - began
    return result


def _watch(result: Result, config: qemu.Config, home: Path,
           boot: float) -> None:
    experiment = result.experiment
    with Machine(home / experiment.id, config, bundle=experiment.bundle,
                 **limits(experiment, boot)) as machine:
        result.run = machine.run
        if experiment.act:
            result.extra = experiment.act(machine)
        else:
            machine.finish()
    if experiment.then and result.run.flash:
        result.extra["then"] = _boot_again(experiment, result.run, home)


def _boot_again(experiment: Experiment, first: Run, home: Path) -> Run:
    """From a disk, because a saved state has a flash of its own."""
    config = replace(first.config, medium="disk", sin="",
                     cmdline=f"{experiment.then} {TIMEOUT}")
    with Machine(home / f"{experiment.id}-then", config, flash=first.flash,
                 **limits(experiment, BOOT)) as machine:
        return machine.finish()


def limits(experiment: Experiment, boot: float) -> dict[str, float]:
    """For Machine. A firmware that boots is silent for most of the time."""
    return {"patience": max(experiment.patience, boot),
            "limit": experiment.limit + (COLD if boot else 0)}


def starting_point(config: qemu.Config) -> tuple[qemu.Config, float]:
    """From a saved state if this firmware can be saved, otherwise a disk; and
    the patience with the boot of each run."""
    disk = replace(config, medium="disk")
    if config.accel != "tcg":
        return disk, BOOT
    try:
        saved.ready(replace(config, medium="saved"), BOOT)
        return replace(config, medium="saved"), 0
    except saved.NotReached as problem:
        print(f"  no boot loader was started ({problem.__cause__}): another "
              "kind of disk is tried", file=sys.stderr, flush=True)
        return disk, BOOT if problem.serial.strip() else AFTER_SILENCE
    except RuntimeError as problem:
        print(f"  no saved state ({problem}): each run boots from a disk",
              file=sys.stderr, flush=True)
        return disk, BOOT
