"""break-kexec: both sides of the jump, with symbols on both.

A new kernel runs at its physical address, mapped 1:1, until it has its own
page table. There the symbols of build/baton.elf are off by a constant: so they
are loaded a second time with this offset, and removed when the kernel has
reached its link address.
"""

import gdb

from . import machine, paging
from .commands import Command

LAST = "kexec_last_instruction"


class Follower:
    """Watches every stop, and loads or removes symbols."""

    def __init__(self):
        self.base = None  # of the kernel whose physical symbols are loaded
        self.breakpoint = None
        gdb.events.stop.connect(self.on_stop)

    def on_stop(self, _event) -> None:
        pc = machine.pc()
        if self.base is not None and pc >= machine.address("text_start"):
            self._arrive()
        if pc == machine.address(LAST):
            self._cross()

    def _cross(self) -> None:
        """At the last instruction: rax is the entry of the next kernel."""
        entry, start = machine.number("$rax"), machine.address("text_start")
        gdb.execute(f"thbreak *{entry:#x}", to_string=True)
        print(f"generation {generation()} ends here. Next: entry {entry:#x}, "
              f"handoff {machine.number('$rsi'):#x}")
        base = entry - (machine.address("entry64") - start)
        if not same_kernel(base, start):
            print("it is not this kernel: no symbols for it")
            return
        self.base = base
        elf = gdb.current_progspace().filename
        gdb.execute(f'add-symbol-file "{elf}" -o '
                    f"{base - start & machine.MASK:#x}", to_string=True)
        print(f"symbols are at its physical address {base:#x} as well now")

    def _arrive(self) -> None:
        """The kernel runs at its link address: the copies are removed."""
        gdb.execute(f"remove-symbol-file -a {self.base:#x}", to_string=True)
        print(f"the kernel at {self.base:#x} runs at -2 GiB now: the symbols "
              "at its\nphysical address are removed")
        self.base = None


def read_kernel(va: int, size: int) -> bytes:
    """Reads the kernel that jumps, when its own table is no longer in use: the
    image is contiguous, relative to the address of the jump."""
    pc = machine.pc()
    pc_pa = paging.translate(paging.root_of("$cr3"), pc)
    return machine.read_physical(pc_pa + va - pc, size)


def generation() -> int:
    at = machine.number("&'kernel/main.c'::kernel.boot.generation")
    return int.from_bytes(read_kernel(at, 4), "little")


def same_kernel(base_pa: int, start: int) -> bool:
    """Do both begin with the same bytes: headers and 64-bit entry?"""
    size = machine.address("entry32") - start
    return machine.read_physical(base_pa, size) == read_kernel(start, size)


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
        cls.follower.breakpoint = gdb.Breakpoint(
            f"*{machine.address(LAST):#x}", gdb.BP_HARDWARE_BREAKPOINT)


COMMANDS = [BreakCommand]
