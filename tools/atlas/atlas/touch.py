"""Which pages each service used: the processor's own marks, read from outside.

With efi.touch=on the kernel maps the firmware in small pages and takes the
marks away after each call (SDM vol. 3 §4.8). The machine is stopped between
the two: right behind the call, before the kernel looks.
"""

from harness import machine as machines
from harness import paging, qemu
from harness.paging import ACCESSED, DIRTY, PAGE, Entry

from . import phases
from .capture import Capture, Frames, Stub
from .data import camel, runs_of
from .image import Image
from .space import PAGE_BITS, TABLE

WORDS = "efi.touch=on"
READ, EXECUTED, WRITTEN = RANK = "rxw"  # what a page is shown as: the last


class Touch(Capture):
    """A generation, all of whose calls are watched."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.used: dict[str, dict[int, str]] = {}
        self.calls: dict[str, int] = {}

    def run(self) -> list[dict]:
        symbol = self.image.symbol
        self.stub.once(symbol("kernel_main"), self._begin)
        self.stub.at(symbol(phases.GATE), self._gate)
        self.stub.at(symbol(phases.END), self._end)
        self.stub.at(symbol(phases.DEATH), self._die)
        self._go_on()
        return [{"service": name, "calls": self.calls[name],
                 **{mark: runs_of(page for page, how in used.items()
                                  if how == mark)
                    for mark in (READ, WRITTEN, EXECUTED)}}
                for name, used in self.used.items()]

    def _begin(self) -> None:
        self.base_pa = self.stub.registers["rdx"]

    def _gate(self) -> None:
        call = self.call()
        names = self.image.enum("efi_service")
        entries = self.read("firmware_record.runtime.service")
        name = next((camel(names[n]) for n, entry in
                     enumerate(entries) if entry == call["function"]), "?")
        back = self.stub.word(self.stub.registers["rsp"])
        self.stub.once(back, lambda: self._look(name, call["table_pa"]))

    def _look(self, name: str, root_pa: int) -> None:
        """Note the marks of all pages of the firmware."""
        used = self.used.setdefault(name, {})
        self.calls[name] = self.calls.get(name, 0) + 1
        regions = self.read(f"{phases.FIRMWARE}.regions")
        private = root_pa == self.read(
            f"{phases.FIRMWARE_TABLE}.root_pa")
        read = Frames(self.machine).read
        for region in regions["region"][:regions["count"]]:
            start = region["pa" if private else "va"]
            marks = marks_of(read, root_pa, start, region["pages"])
            for frame, mark in enumerate(marks, region["pa"] >> PAGE_BITS):
                if mark:
                    used[frame] = max(used.get(frame, mark), mark,
                                      key=RANK.index)


def marks_of(read: paging.Read, root_pa: int, va: int, pages: int):
    """How each of so many small pages was used; None: not at all."""
    end = va + pages * PAGE
    while va < end:
        steps = paging.walk(read, root_pa, va)
        above = steps[:-1]
        first, count = steps[-1].index, (end - va) // PAGE
        table = TABLE.unpack(read(above[-1].pa, PAGE))
        for entry in table[first : first + count]:
            execute = "x" in paging.rights([*above, Entry(0, 1, 0, entry)])
            yield None if not entry & ACCESSED else WRITTEN if \
                entry & DIRTY else EXECUTED if execute else READ
            va += PAGE


def touch(home, config: qemu.Config, image: Image) -> list[dict]:
    with machines.Machine(home, config) as machine:
        with machine.debugger() as debugger:
            return Touch(machine, Stub(debugger), image, 1).run()
