"""What a check may do with the machine, and how it says what it found.

A check does not watch what the kernel prints: it *uses* the machine. It stops it
at live(), where all is set up, calls the kernel's functions with arguments of
its own, and reads physical memory. What a function answers is looked at, and
what it left behind. All random choices come from `dice`, a generator that the
nonce and the check's name start.
"""

import copy
import itertools
import re
import struct
from contextlib import ExitStack, suppress
from functools import cached_property, lru_cache

from elftools.elf.elffile import ELFFile

from harness import paging, paths, qemu
from harness.dossier import death, dossier
from harness.flash import generation
from harness.machine import Machine, Run
from harness.rsp import Elsewhere, Gone, Hangs, symbol

from . import seed

MIB, GIB = 1 << 20, 1 << 30
PAGE = paging.PAGE
PATIENCE = 10  # seconds that a machine may be silent, a function may take
SCRATCH_BYTES = 20 << 10  # at the far end of the fresh stack
STATUS = """OK INVALID REFUSED NOT_FOUND NO_MEMORY UNSUPPORTED
    FAILED""".split()  # lib/status.h
TRAPS = "panic", "panic_trap"
# What checks have looked up: symbols, and "FILE STRUCT". Every variant of a lab
# needs all of it (tests/labs).
USED: set[str] = set()


class Wrong(Exception):
    """A check fails, with a reason from which a student learns.

    expected, found: a sentence each. evidence: lines that show it.
    read: where the manual has it. look: what to type in GDB. step: of the lab.
    """

    def __init__(self, expected: str, found: str, evidence=(), read: str = "",
                 look: str = "", step: int = 0):
        super().__init__(found)
        rows = [("expected:", expected), ("found:", found)]
        rows += [("", f"  {line}") for line in evidence]
        rows += [("read:", read), ("look:", look),
                 ("step:", step and f"{step} of the README")]
        self.details = [f"{head:9} {words}" for head, words in rows if words]


class Lost(Wrong):
    """The machine is gone, or stands where it must not."""

    def __init__(self, doing: str, run: Run):
        kind, words = death(run)
        super().__init__(f"the machine lives on after {doing}",
                         f"{kind}: {words}", dossier(run, False).splitlines()[2:])


def check(points: int, needs: str = "", beside: bool = False):
    """Makes a function a check. Its name is the check's (without a `_` at its
    end), its docstring the title; `needs`: checks without which this one says
    nothing new. `beside`: it shares no machine with other checks, so it can
    begin as soon as the first check has passed."""
    def mark(function):
        function.check = function.__name__.rstrip("_")
        function.points, function.needs = points, needs.split()
        function.beside = beside
        function.title = " ".join(function.__doc__.split())
        return function
    return mark


def name_of(status: int) -> str:
    return f"STATUS_{STATUS[status]}" if status < len(STATUS) else str(status)


class Live:
    """A machine that stands at live(): to call, to read, to walk. (Or before
    its first instruction: `stop` is "".)"""

    number = itertools.count()  # each has a folder of its own

    def __init__(self, cmdline: str, ram_mib: int, stop: str = "live"):
        self._stack = ExitStack()
        home = paths.RUNS / f"grade-{next(self.number)}"
        config = qemu.Config(cmdline, medium="saved", ram_mib=ram_mib,
                             paused=True)
        self.machine = self._stack.enter_context(
            Machine(home, config, patience=PATIENCE))
        self.debugger = self._stack.enter_context(self.machine.debugger())
        self.debugger.patience = PATIENCE
        if stop:
            self.run_to(stop)
        bottom = self.debugger.register("rsp") - 8 * PAGE + 8
        self.scratch = bottom & -16

    def close(self) -> None:
        self._stack.close()

    # Going on

    def finish(self) -> Run:
        """Let it go on to its end."""
        self.debugger.detach()
        run = self.machine.finish()
        self.close()
        return run

    def run_to(self, *names: str) -> str:
        """Go on to one of these symbols; which. Lost, if it comes to none."""
        places = {self.symbol(name): name for name in (*names, *TRAPS)}
        return self._guarded(" or ".join(names),
                             lambda: places[self.debugger.run_to(*places)])

    def run_to_one(self, ends: dict, what: str):
        """The same to one of these addresses, such as the firmware's; what the
        dictionary has for it."""
        places = {**{self.symbol(name): name for name in TRAPS}, **ends}
        return self._guarded(what,
                             lambda: places[self.debugger.run_to(*places)])

    def run_to_address(self, address: int, what: str) -> None:
        self.run_to_one({address: what}, what)

    def call(self, function: str, *arguments: int) -> int:
        """As if the kernel called it right here; what it returns."""
        traps = tuple(self.symbol(name) for name in TRAPS)
        words = f"{function}({', '.join(f'{a:#x}' for a in arguments)})"
        return self._guarded(words, lambda: self.debugger.call(
            self.symbol(function), *arguments, traps=traps))

    def status(self, function: str, *arguments: int) -> int:
        """The same of a function that returns a status_t."""
        return self.call(function, *arguments) & 0xFFFFFFFF

    def _guarded(self, doing: str, action):
        try:
            result = action()
            if result not in TRAPS:
                return result
        except (Elsewhere, Gone):
            pass
        except Hangs:
            self.machine.give_up()
            raise Lost(doing, self.machine.run) from None
        with suppress(OSError, AssertionError):
            self.debugger.detach()  # it may say why
        raise Lost(doing, self.machine.finish())

    # Looking

    def symbol(self, name: str) -> int:
        return found(name, lambda: symbol(paths.SYMBOLS, name))

    def why(self) -> str:
        """The kernel's reason for its last refusal."""
        at = self.call("why")
        return self.debugger.read(at, 256).partition(b"\0")[0].decode()

    def table_register(self, name: str) -> tuple[int, int]:
        """Base and limit of GDT, IDT or TR, which the stub does not have."""
        text = self.machine.human("info registers")
        found = re.search(rf"^{name} *=(?:[0-9a-f]{{4}})? +([0-9a-f]+) "
                          r"([0-9a-f]+)", text, re.M)
        return int(found[1], 16), int(found[2], 16)

    @cached_property
    def root(self) -> int:
        return self.debugger.register("cr3") & paging.ADDRESS

    def phys(self, pa: int, size: int) -> bytes:
        return self.debugger.read_physical(pa, size)

    def walk(self, va: int, root: int | None = None) -> list[paging.Entry]:
        return paging.walk(self.phys, root or self.root, va)

    def explain(self, va: int, root: int | None = None) -> list[str]:
        steps = self.walk(va, root)
        lines = [str(step) for step in steps]
        if (pa := paging.target(steps)) is not None:
            lines.append(f"pa {pa:#x}, {paging.rights(steps)} by all levels")
        return lines

    def leaves(self, root: int | None = None) -> list[paging.Range]:
        return list(paging.leaves(self.phys, root or self.root))

    def tables(self, root: int | None = None) -> int:
        """How many frames a page table is made of."""
        return _tables(self.phys, root or self.root, 4)

    def fields(self, unit: str, name: str) -> dict[str, int]:
        """Where the members of a struct are, as the compiler laid it out."""
        return found(f"{unit} {name}", lambda: structs(
            paths.SYMBOLS.stat().st_mtime_ns, unit)[name])


def _tables(phys, table: int, level: int) -> int:
    entries = struct.unpack("<512Q", phys(table & paging.ADDRESS, PAGE))
    return 1 + sum(_tables(phys, entry, level - 1) for entry in entries
                   if level > 1 and entry & paging.PRESENT
                   and not (entry & paging.LARGE and level <= 3))


@lru_cache
def structs(_as_of: int, unit: str) -> dict:
    """The structures that a file of C knows, by name."""
    with open(paths.SYMBOLS, "rb") as file:
        for part in ELFFile(file).get_dwarf_info().iter_CUs():
            top = part.get_top_DIE()
            if top.attributes["DW_AT_name"].value.decode() == unit:
                return {die.attributes["DW_AT_name"].value.decode():
                        members(die) for die in top.iter_children()
                        if die.tag == "DW_TAG_structure_type"
                        and "DW_AT_name" in die.attributes}
    raise KeyError(f"nothing was compiled from {unit}")


def members(die) -> dict[str, int]:
    return {member.attributes["DW_AT_name"].value.decode():
            member.attributes["DW_AT_data_member_location"].value
            for member in die.iter_children()
            if "DW_AT_data_member_location" in member.attributes
            and "DW_AT_name" in member.attributes}


def found(name: str, look_up):
    """A symbol's or a structure's place. A student's kernel may lack it: the
    compiler leaves out what nothing refers to."""
    USED.add(name)
    try:
        return look_up()
    except KeyError:
        raise Wrong(f"the kernel has `{name}`", "it has not: nothing in it "
                    "refers to that, so the compiler left it out") from None


def missing(used: list[str]) -> list[str]:
    """What of USED is not in the kernel that is built here."""
    absent = []
    for entry in used:
        file, _, name = entry.rpartition(" ")
        try:
            structs(0, file)[name] if file else symbol(paths.SYMBOLS, name)
        except KeyError:
            absent.append(entry)
    return absent


class Outside:
    """All machines of a run of the grader.

    of: the student's seed, which shapes the task. machine: the seed that
    chooses the machine, the student's own unless the grader has another.
    """

    def __init__(self, of: int, nonce: int, machine: int | None = None):
        self.seed, self.dice = of, None
        self.ram_mib = seed.ram_mib(of if machine is None else machine)
        place = seed.dice(nonce, "machine").randrange(64)
        self.words = f"direct_base={0xffff800000000000 + place * GIB:#x}"
        self._live: Live | None = None
        self.kept: dict = {}  # what a check leaves for the next one, to close
        self.measure: int | None = None  # of a challenge: the fewest win

    @property
    def live(self) -> Live:
        """One machine at live(), for all checks that leave it as it was."""
        if not self._live:
            self._live = Live(f"efi=off end=exit {self.words}",
                              self.ram_mib)
        return self._live

    def twin(self) -> "Outside":
        """The same choices, other machines: for a check beside the others."""
        twin = copy.copy(self)
        twin._live, twin.kept = None, {}
        return twin

    def keep(self, name: str, make):
        """What several checks look at: the first one makes it."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def drop(self) -> None:
        """The next check gets a machine of its own."""
        kept, self.kept = [*self.kept.values()], {}
        if self._live:
            kept.append(self._live)
            self._live = None
        for machine in kept:
            machine.close()

    def start(self, cmdline: str) -> Live:
        """Another machine, before its first instruction; to be closed."""
        return Live(f"{cmdline} {self.words}", self.ram_mib, "")

    def run(self, cmdline: str, sin: str = "") -> Run:
        """Another machine, from its start to its end. `sin`: of its firmware
        (docs/sins.md)."""
        config = qemu.Config(f"{cmdline} {self.words}", medium="saved",
                             ram_mib=self.ram_mib, sin=sin)
        with Machine(paths.RUNS / "grade-run", config,
                     patience=PATIENCE) as machine:
            return machine.finish()

    def counts(self, run: Run, generations: int) -> None:
        """The flash, read after power-off, has so many generations."""
        counted = run.flash and generation(run.flash)
        if counted == generations:
            return
        why = [str(event) for event in run.events
               if event.name in ("refused", "panic", "end")]
        if death(run)[0] in ("panic", "triple-fault", "hang", "early-exit"):
            raise Lost("its start", run)
        raise Wrong(f"{generations} generations have counted themselves in "
                    "the firmware's variable BatonGeneration",
                    f"{counted or 'none'} in the flash after power-off", why,
                    look=f"the log in {run.home}/serial.log")
