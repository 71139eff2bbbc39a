"""Which pages each service used: the processor's own marks, read from outside.

With efi.touch=on the kernel maps the firmware in small pages and takes the
marks away after each call (SDM vol. 3 §4.8). The machine is stopped between
the two: right behind the call, before the kernel looks.
"""

from harness import machine as machines
from harness import qemu

from . import phases, space
from .capture import Capture, Stub
from .data import camel, runs_of
from .image import Image
from .space import ACCESSED, DIRTY, FRAME, INDEX_BITS, NX, PAGE_BITS, TABLE

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
        while not self.ended:
            self.stub.go()
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
        entries = self.read("firmware_record.service")
        name = next((camel(names[n]) for n, entry in
                     enumerate(entries) if entry == call["function"]), "?")
        back = self.stub.word(self.stub.registers["rsp"])
        self.stub.once(back, lambda: self._look(name, call["table_pa"]))

    def _look(self, name: str, root_pa: int) -> None:
        """Note the marks of all pages of the firmware."""
        used = self.used.setdefault(name, {})
        self.calls[name] = self.calls.get(name, 0) + 1
        known: dict[int, tuple] = {}
        regions = self.read("firmware_record.regions")
        private = root_pa == self.read("firmware_table.root_pa")
        for region in regions["region"][:regions["count"]]:
            start = region["pa" if private else "va"] >> PAGE_BITS
            for i in range(region["pages"]):
                entry, exec_ = self._leaf(known, root_pa, start + i)
                if entry & ACCESSED:
                    frame = (region["pa"] >> PAGE_BITS) + i
                    how = WRITTEN if entry & DIRTY else \
                        EXECUTED if exec_ else READ
                    used[frame] = max(used.get(frame, how), how,
                                      key=RANK.index)

    def _leaf(self, known: dict, root_pa: int, page: int) -> tuple[int, bool]:
        """The entry that maps a page, and whether all levels let it be
        executed."""
        at, execute = root_pa, True
        for level in reversed(range(4)):
            if at not in known:
                known[at] = TABLE.unpack(self.page(at))
            entry = known[at][page >> INDEX_BITS * level & 511]
            execute &= not entry & NX
            if not entry & space.PRESENT:
                return 0, False
            if entry & space.LARGE and level:
                break
            at = entry & FRAME
        return entry, execute


def touch(home, config: qemu.Config, image: Image) -> list[dict]:
    with machines.Machine(home, config) as machine:
        with machine.debugger() as debugger:
            return Touch(machine, Stub(debugger), image, 1).run()
