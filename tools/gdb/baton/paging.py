"""pt, ptmap: page tables as the processor sees them (SDM vol. 3 §4.5).

tests/harness/paging.py reads the tables, by physical address: so any root can
be used, not only the one in CR3. `pt ADDR firmware_table.root_pa` reads
the firmware's table while the kernel's is in use.
"""

from typing import Iterator

from harness import paging
from harness.paging import Entry, Range  # noqa: F401

from . import machine
from .commands import Command


def root_of(expression: str) -> int:
    return machine.number(expression) & paging.ADDRESS


def levels() -> int:
    return paging.levels_of(machine.number("$cr4"))


def walk(root: int, va: int) -> list[paging.Entry]:
    return paging.walk(machine.read_physical, root, va, levels())


def translate(root: int, va: int) -> int | None:
    """The physical address of `va`."""
    return paging.target(walk(root, va))


def ranges(root: int) -> Iterator[Range]:
    """All mappings; adjacent pages with the same rights are merged."""
    return paging.merged(paging.leaves(machine.read_physical, root, levels()))


class WalkCommand(Command):
    """Walk a page table to an address and explain each level.

    pt ADDR [ROOT]

    ROOT is the physical address of a table, $cr3 by default; both may be
    any expression without blanks: pt $rip, pt &firmware $rax, or
    pt $rdi firmware_table.root_pa."""

    name = "pt"

    def run(self, place: str, root: str = "$cr3") -> None:
        va, root_pa = machine.number(place), root_of(root)
        name = machine.symbol_at(va)
        print(f"{va:#x}{f' <{name}>' if name else ''}, "
              f"on the table at {root_pa:#x}:")
        steps = walk(root_pa, va)
        if not steps:
            print(f"  {va:#x} is not canonical")
            return
        for entry in steps:
            print(f"  {entry}")
        if (pa := paging.target(steps)) is not None:
            print(f"  pa {pa:#x}, {paging.rights(steps)} by all levels "
                  "together")
        else:
            print(f"  nothing is mapped for {steps[-1].size:#x} bytes around "
                  "it")


AREAS = {  # mm/layout.h, from the top: the area that begins at each number
    "VMAP_BASE": "vmap: stacks, devices",
    "KERNEL_BASE": "kernel image",
    "EFI_WINDOW_START": "between window and kernel",
    "EFI_WINDOW_END": "firmware window",
    "DIRECT_MAP_END": "above the direct map",
    "DIRECT_MAP_BASE": "direct map",
    "EFI_CONTIGUOUS": "second quadrant: the firmware in contiguous mode, and in the policies",
}


def area_of(va: int) -> str:
    """The area of mm/layout.h that contains an address."""
    for number, name in AREAS.items():
        if va >= machine.layout()[number]:
            return name
    return "lower half"


class MapCommand(Command):
    """Show everything that a page table maps, merged into ranges.

    ptmap [ROOT]

    ROOT is the physical address of a table, $cr3 by default. Rights are
    those of all levels together. Headings are the areas of mm/layout.h."""

    name = "ptmap"

    def run(self, root: str = "$cr3") -> None:
        root_pa = root_of(root)
        print(f"the table at {root_pa:#x}:")
        print(f"{'virtual':>18} {'physical':>14} {'size':>10}  rights")
        area = writable_code = None
        for r in ranges(root_pa):
            if area_of(r.va) != area:
                area = area_of(r.va)
                print(f"{area}:")
            print(f"{r.va:#18x} {r.pa:#14x} "
                  f"{machine.size_text(r.size):>10}  {r.rights}")
            writable_code = writable_code or "wx" in r.rights
        if writable_code:
            print("some pages are writable and executable at once")


COMMANDS = [WalkCommand, MapCommand]
