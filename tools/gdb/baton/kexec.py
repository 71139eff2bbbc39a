"""break-kexec: both sides of the jump, with symbols on both.

A new kernel runs at its physical address, mapped 1:1, until it has its own
page table. There the symbols of build/baton.elf are off by a constant: so they
are loaded a second time with this offset, and removed when the kernel has
reached its link address.
"""

from functools import lru_cache

import gdb
from elftools.elf.elffile import ELFFile

from . import machine, paging
from .commands import Command

LAST = "kexec_last_instruction"


class Follower:
    """Looks, at every stop, where the symbols have to be. It goes by what is in
    memory there, so it is right in a run that is played backwards as well."""

    def __init__(self):
        self.base = None  # of the kernel whose physical symbols are loaded
        self.breakpoint = None
        self.entries = {}  # breakpoints
        gdb.events.stop.connect(self.on_stop)

    def on_stop(self, _event) -> None:
        pc = machine.pc()
        if pc == machine.address(LAST):
            self._load(self._cross())
        else:
            self._load(base_around(pc))

    def _cross(self) -> int | None:
        """At the last instruction: rax is the entry of the next kernel."""
        entry, start = machine.number("$rax"), machine.address("text_start")
        if entry not in self.entries:
            self.entries[entry] = machine.breakpoint_at(entry)
        print(f"generation {generation()} ends here. Next: entry {entry:#x}, "
              f"handoff {machine.number('$rsi'):#x}")
        base = entry - (machine.address("entry64") - start)
        if is_this_kernel(base):
            return base
        print("it is not this kernel: no symbols for it")
        return None

    def _load(self, base: int | None) -> None:
        """Exactly one kernel has symbols at its physical address, or none."""
        if base == self.base:
            return
        if self.base is not None:
            gdb.execute(f"remove-symbol-file -a {self.base:#x}", to_string=True)
            print(f"the kernel at {self.base:#x} {whereabouts(self.base)}: the "
                  "symbols at its\nphysical address are removed")
        if base is not None:
            elf, start = gdb.current_progspace().filename, machine.address(
                "text_start")
            gdb.execute(f'add-symbol-file "{elf}" -o '
                        f"{base - start & machine.MASK:#x}", to_string=True)
            print(f"symbols are at its physical address {base:#x} as well now")
        self.base = base


def whereabouts(base: int) -> str:
    """Of a kernel that does not run at its physical address."""
    start = paging.translate(paging.root_of("$cr3"), machine.address("text_start"))
    return "runs at -2 GiB now" if start == base else "does not run yet"


def base_around(pc: int) -> int | None:
    """The kernel that runs at its physical address at `pc`. All its code that
    does so is in the first pages of the image."""
    head = machine.address("head_end") - machine.address("text_start")
    if pc < machine.address("text_start"):
        first = pc - pc % machine.PAGE
        for base in range(first, first - head, -machine.PAGE):
            if is_this_kernel(base):
                return base
    return None


def is_this_kernel(base_pa: int) -> bool:
    """Does memory there begin as build/baton.elf does: headers, 64-bit entry?"""
    try:
        return machine.read_physical(base_pa, len(beginning())) == beginning()
    except gdb.MemoryError:
        return False


@lru_cache
def beginning() -> bytes:
    start = machine.address("text_start")
    with open(gdb.current_progspace().filename, "rb") as file:
        section = next(one for one in ELFFile(file).iter_sections()
                       if one["sh_addr"] == start)
        return section.data()[:machine.address("entry32") - start]


def read_kernel(va: int, size: int) -> bytes:
    """Reads the kernel that jumps, when its own table is no longer in use: the
    image is contiguous, relative to the address of the jump."""
    pc = machine.pc()
    pc_pa = paging.translate(paging.root_of("$cr3"), pc)
    return machine.read_physical(pc_pa + va - pc, size)


def generation() -> int:
    at = machine.number("&'kernel/main.c'::kernel.boot.generation")
    return int.from_bytes(read_kernel(at, 4), "little")


class BreakCommand(Command):
    """Stop at the last instruction of a generation and the first of the next.

    break-kexec

    Two stops for every following kexec. At the first one, rax is the entry of
    the next kernel, rsi the handoff. From there until the next kernel
    is at -2 GiB, its symbols are loaded at its physical address as well."""

    name = "break-kexec"
    follower = None

    def run(self) -> None:
        cls = type(self)
        if cls.follower and cls.follower.breakpoint.is_valid():
            print("break-kexec is already on")
            return
        cls.follower = cls.follower or Follower()
        cls.follower.breakpoint = machine.breakpoint_at(machine.address(LAST))


COMMANDS = [BreakCommand]
