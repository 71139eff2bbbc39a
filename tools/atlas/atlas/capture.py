"""A run, stopped at each phase and read from outside.

QEMU's gdb stub stops the machine and gives its registers, QMP its physical
memory. The kernel is asked nothing, and what it prints is not read.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from harness import machine as machines
from harness import qemu
from harness.paging import ADDRESS, PAGE, levels_of
from harness.rsp import REGISTERS, Debugger

from . import phases, space
from .image import Image, decode
from .journal import CHANGES, DEPTH, Journal
from .phases import Phase
from .space import PAGE_BITS

IMAGE_LINK_PA = 0x200000  # where GRUB puts the image, if it is free
PAGING = 1 << 31  # in CR0
LAST = "call"  # the phase after which the last generation has no more
CONTROL = ("CR0", "CR3", "CR4")


class Lost(AssertionError):
    """The run did not go where the atlas waits for it."""


class Stub:
    """The debugger, with as many stops as one likes, each with a handler."""

    def __init__(self, debugger: Debugger):
        self.debugger = debugger
        self.handlers: dict[int, list[Callable[[], None]]] = {}
        self.registers: dict[str, int] = {}

    def at(self, address: int, handler: Callable[[], None]) -> None:
        if not self.handlers.get(address):
            self.debugger.must(f"Z1,{address:x},1")
        self.handlers.setdefault(address, []).append(handler)

    def forget(self, address: int, handler: Callable[[], None]) -> None:
        self.handlers[address].remove(handler)
        if not self.handlers[address]:
            self.debugger.must(f"z1,{address:x},1")

    def once(self, address: int, handler: Callable[[], None]) -> None:
        def first() -> None:
            self.forget(address, first)
            handler()
        self.at(address, first)

    def go(self) -> None:
        """On to the next stop, and handle it."""
        if self.handlers.get(self.registers.get("rip")):
            self.debugger.command("s")  # or we would stop right here again
        self.debugger.command("c")
        data = bytes.fromhex(self.debugger.command("g"))
        count = len(REGISTERS)
        self.registers = dict(zip(REGISTERS, struct.unpack_from(
            f"<{count}Q", data)))
        for handler in list(self.handlers.get(self.registers["rip"], [])):
            handler()

    def word(self, va: int) -> int:
        return self.debugger.word(va)


@dataclass
class Stop:
    """All that was read while the machine stood still."""

    phase: Phase
    gen: int
    registers: dict[str, int]
    tables: list["Table"]
    frames: set[int] = field(repr=False, default_factory=set)
    memory: list[dict] = field(default_factory=list)
    descriptors: bytes = b""
    step: int = 0  # of the descriptors
    regions: list[dict] = field(default_factory=list)
    attributes: list[dict] = field(default_factory=list)  # rows of that table
    base_pa: int = 0  # of the image
    changes: int = 0  # of the journal, so far
    status: int = 0  # what the function returned, if it is a phase's end


@dataclass
class Table:
    """A page table at that moment."""

    name: str
    root_pa: int
    active: bool
    levels: int
    spans: list[space.Span]
    links: list[tuple[int, int, int]] = field(default_factory=list)


class Frames:
    """Physical memory of a machine that stands still: each page is read once.
    """

    def __init__(self, machine: machines.Machine):
        self.machine = machine
        self.known: dict[int, bytes] = {}

    def read(self, pa: int, size: int) -> bytes:
        """At most to the end of the page."""
        start = pa & -PAGE
        if start not in self.known:
            self.known[start] = self.machine.memory(start, PAGE)
        return self.known[start][pa - start : pa - start + size]


class Capture:
    """One run, up to the last phase of the last generation."""

    def __init__(self, machine: machines.Machine, stub: Stub, image: Image,
                 generations: int):
        self.machine, self.stub, self.image = machine, stub, image
        self.generations = generations
        self.journal = Journal(image)
        self.stops: list[Stop] = []
        self.gen = 0
        self.base_pa = IMAGE_LINK_PA
        self.ended = False

    def run(self) -> list[Stop]:
        """Raises Lost where the kernel panics, or says nothing any more."""
        stub, symbol = self.stub, self.image.symbol
        entry = IMAGE_LINK_PA + self._offset(phases.GRUB.enter)
        stub.once(entry, lambda: self._record(phases.GRUB))
        stub.at(symbol(phases.END), self._end)
        stub.at(symbol(phases.DEATH), self._die)
        for function, what in CHANGES.items():
            stub.at(symbol(function), lambda what=what: self._change(what))
        self._generation()
        self._go_on()
        self.journal.resolve()
        return self.stops

    def _go_on(self) -> None:
        """From stop to stop, until the run is over."""
        while not self.ended:
            try:
                self.stub.go()
            except (TimeoutError, ConnectionError) as problem:
                raise Lost(f"generation {self.gen} did not reach its next "
                           f"phase ({problem}); see "
                           f"{self.machine.run.home}/serial.log") from None

    # ---- where to stop

    def _generation(self) -> None:
        """Set the stops of the generation that begins."""
        for phase in phases.PHASES:
            if phase.inherits and not self.gen:
                continue
            if phase.enter in phases.SERVICES:
                continue  # once the services can be told apart
            name = phase.enter or phase.leave
            self.stub.once(self.image.symbol(name),
                           lambda phase=phase: self._reached(phase))
        self.stub.once(self.image.symbol(phases.GATE), self._gate)

    def _reached(self, phase: Phase) -> None:
        if phase.id == "early":
            self.base_pa = self.stub.registers["rdx"]
        if phase.leave:
            back = self.stub.word(self.stub.registers["rsp"])
            self.stub.once(back, lambda: self._record(phase))
            return
        self._record(phase)
        if phase.id == "transition":
            self._jump()

    def _gate(self) -> None:
        """A call: stop at the service's entry if it is one of a phase's. Later
        calls of this generation are of no interest."""
        seen = {stop.phase.id for stop in self.stops if stop.gen == self.gen}
        if LAST in seen:
            return
        self.stub.once(self.image.symbol(phases.GATE), self._gate)
        function, entries = self.call()["function"], self._services()
        for phase in phases.PHASES:
            if entries.get(phase.enter) == function and phase.id not in seen:
                self.stub.once(function, lambda: self._record(phase))
                return

    def call(self) -> dict:
        """struct gate_call of the call that begins here."""
        form = self.image.structure("gate_call")
        at = self.stub.word(self.image.symbol(phases.CALL))
        return decode(form, self.stub.debugger.read(at, form[0]))

    def _services(self) -> dict[str, int]:
        """The entries of the services that are phases."""
        entries = self.read("firmware_record.runtime.service")
        names = {text: n for n, text in self.image.enum("efi_service").items()}
        return {name: entries[names[word]]
                for name, word in phases.SERVICES.items()}

    def _jump(self) -> None:
        """At the last instruction: rax is where the next kernel begins."""
        entry = self.stub.registers["rax"]
        base = entry - self._offset(phases.ARRIVAL.enter)

        def arrive() -> None:
            self.gen, self.base_pa = self.gen + 1, base
            self._record(phases.ARRIVAL)
            self._clear()
            self._generation()

        self.stub.once(entry, arrive)

    def _clear(self) -> None:
        """Forget the stops of phases that this generation did not reach."""
        keep = {self.image.symbol(name) for name in
                (*CHANGES, phases.END, phases.DEATH)}
        for address in [at for at, who in self.stub.handlers.items() if who]:
            if address not in keep:
                for handler in list(self.stub.handlers[address]):
                    self.stub.forget(address, handler)

    def _offset(self, symbol: str) -> int:
        return self.image.symbol(symbol) - self.image.start

    def _end(self) -> None:
        self.ended = True

    def _die(self) -> None:
        raise Lost(f"generation {self.gen} panicked; see "
                   f"{self.machine.run.home}/serial.log")

    # ---- what is read there

    def read(self, path: str):
        return self.image.read(path, self.machine.memory, self.base_pa)

    def _change(self, what: str) -> None:
        r, word = self.stub.registers, self.stub.word
        callers, frame = [word(r["rsp"])], r["rbp"]
        while len(callers) < DEPTH and frame:
            data = self.stub.debugger.read(frame, 16)
            frame, back = struct.unpack("<QQ", data)
            callers.append(back)
        size = r["rcx"] if what == "mapped" else r["rdx"]
        self.journal.note(what, word(r["rdi"]), r["rsi"], size,
                          tuple(at for at in callers if at))

    def _record(self, phase: Phase) -> None:
        control = self._control()
        registers = self.stub.registers | control
        stop = Stop(phase, self.gen, registers, [], base_pa=self.base_pa,
                    changes=len(self.journal.changes),
                    status=registers["rax"] if phase.leave else 0)
        if phase not in (phases.GRUB, phases.ARRIVAL):
            self._read_kernel(stop)
        stop.tables = self._tables(stop)
        self.stops.append(stop)
        self.ended |= (self.gen == self.generations - 1
                       and phase.id == LAST)

    def _control(self) -> dict[str, int]:
        text = self.machine.human("info registers")
        found = machines.autopsy.REGISTER.findall(text)
        return {name.lower(): int(value, 16) for name, value in found
                if name in CONTROL}

    def _read_kernel(self, stop: Stop) -> None:
        """What the kernel knows of memory and firmware, out of its memory."""
        memory = self.read(f"{phases.BOOT}.memory")
        stop.memory = memory["range"][:memory["count"]]
        efi = f"{phases.BOOT}.efi"
        size = self.read(f"{efi}.map_bytes")
        stop.step = self.read(f"{efi}.descriptor_bytes")
        stop.descriptors = self.read(f"{efi}.map")[:size]
        regions = self.read("firmware_record.regions")
        stop.regions = regions["region"][:regions["count"]]
        if self.image.has(phases.ATTRIBUTES):  # an annex
            count = self.read(f"{phases.ATTRIBUTES}.count")
            stop.attributes = self.read(f"{phases.ATTRIBUTES}.row")[:count]

    def _tables(self, stop: Stop) -> list[Table]:
        r = stop.registers
        if not r["cr0"] & PAGING:
            return [Table(stop.phase.table, 0, True, 0, space.paging_off())]
        levels = levels_of(r["cr4"])
        in_use = r["cr3"] & ADDRESS
        kernel = firmware = 0
        if stop.phase.table == Phase.table:
            kernel = self.read(f"{phases.KERNEL_TABLE}.root_pa")
            firmware = self.read("firmware_table.root_pa")
        roots = [(stop.phase.table, kernel or in_use)]
        if firmware:
            roots.append(("the firmware's table", firmware))
        frames = Frames(self.machine)
        cuts = {edge >> PAGE_BITS for region in stop.regions for edge in
                (region["pa"], region["pa"] + region["pages"] * PAGE)}
        found = [Table(name, root, root == in_use, levels,
                       space.spans(frames.read, root, levels, cuts),
                       space.links(frames.read, root, levels))
                 for name, root in roots]
        stop.frames = {pa >> PAGE_BITS for pa in frames.known}
        return found


def capture(home, config: qemu.Config, image: Image,
            generations: int) -> Capture:
    """Boot a machine and read it at each phase."""
    with machines.Machine(home, config) as machine:
        with machine.debugger() as debugger:
            found = Capture(machine, Stub(debugger), image, generations)
            found.run()
    return found
