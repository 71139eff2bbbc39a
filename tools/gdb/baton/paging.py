"""pt, ptmap: page tables as the processor sees them (SDM vol. 3 §4.5).

The tables are read by physical address, so any root will do, not just the one
in CR3: `pt ADDR firmware.private_table.root_pa` asks the firmware's table
while the kernel's is in use.
"""

import struct
from typing import Iterator, NamedTuple

import gdb

from . import machine
from .commands import Command

PRESENT, WRITE, PCD, ACCESSED, DIRTY, LARGE = (1 << n for n in
                                               (0, 1, 4, 5, 6, 7))
NX = 1 << 63
FRAME = 0x000FFFFFFFFFF000
LA57 = 1 << 12  # in CR4
LARGEST_LEAF = 3
TABLE_NAMES = ["", "PT", "PD", "PDPT", "PML4", "PML5"]
LEAF_NAMES = ["", "4 KiB", "2 MiB", "1 GiB"]


class Entry(NamedTuple):
    """One entry of a table, and the first address that it is about."""

    va: int
    level: int
    index: int
    value: int

    @property
    def is_leaf(self) -> bool:
        large = self.level <= LARGEST_LEAF and self.value & LARGE
        return self.level == 1 or bool(large)

    @property
    def size(self) -> int:
        return machine.PAGE << 9 * (self.level - 1)

    @property
    def pa(self) -> int:
        """Of the page, if it is a leaf; else of the next table."""
        return self.value & FRAME & ~((self.size if self.is_leaf else 1) - 1)

    def explain(self) -> str:
        """In the words of page_walk_explain() (mm/page_table.c)."""
        if not self.value & PRESENT:
            return "not present"
        if not self.is_leaf:
            return f"table at {self.pa:#x}"
        words = ["writable" if self.value & WRITE else "read-only",
                 "no execute" if self.value & NX else "executable"]
        for bit, word in (PCD, "uncached"), (ACCESSED, "accessed"), \
                (DIRTY, "dirty"):
            words += [word] if self.value & bit else []
        return f"{LEAF_NAMES[self.level]} at {self.pa:#x}, {', '.join(words)}"

    def __str__(self) -> str:
        return (f"{TABLE_NAMES[self.level]:4}[{self.index:3}] = "
                f"{self.value:016x}  {self.explain()}")


def root_of(expression: str) -> int:
    return machine.number(expression) & FRAME


def levels() -> int:
    return 5 if machine.number("$cr4") & LA57 else 4


def canonical(va: int) -> int:
    """The same address with all bits above the highest table's made equal."""
    bits = 12 + 9 * levels()
    sign = va >> (bits - 1) & 1
    low = va & (1 << bits) - 1
    return low | (machine.MASK << bits & machine.MASK if sign else 0)


def table_at(pa: int) -> tuple[int, ...]:
    return struct.unpack("<512Q", machine.read_physical(pa, machine.PAGE))


def walk(root: int, va: int) -> list[Entry]:
    """The way down to `va`, as far as it goes; empty: not canonical."""
    steps, at = [], root
    if canonical(va) != va:
        return steps
    for level in range(levels(), 0, -1):
        index = va >> 12 + 9 * (level - 1) & 511
        value, = struct.unpack("<Q", machine.read_physical(at + 8 * index, 8))
        entry = Entry(va, level, index, value)
        steps.append(entry)
        if entry.is_leaf or not value & PRESENT:
            break
        at = entry.pa
    return steps


def rights(entries: list[Entry]) -> str:
    """What all levels together allow: "rw-", "r-x", …."""
    write = all(entry.value & WRITE for entry in entries)
    execute = not any(entry.value & NX for entry in entries)
    return f"r{'w' if write else '-'}{'x' if execute else '-'}"


def translate(root: int, va: int) -> int | None:
    """The physical address behind `va`."""
    steps = walk(root, va)
    if not steps or not steps[-1].value & PRESENT:
        return None
    return steps[-1].pa + va % steps[-1].size


class WalkCommand(Command):
    """Walk a page table to an address and explain each level.

    pt ADDR [ROOT]

    ROOT is the physical address of a table, $cr3 if not given; both may be
    any expression without blanks: pt $rip, pt &firmware $rax, or
    pt $rdi firmware.private_table.root_pa."""

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
        leaf = steps[-1]
        if leaf.value & PRESENT:
            print(f"  pa {leaf.pa + va % leaf.size:#x}, "
                  f"{rights(steps)} by all levels together")
        else:
            print(f"  nothing is mapped for {leaf.size:#x} bytes around it")


class Range(NamedTuple):
    """Pages in a row with the same rights, over frames in a row."""

    va: int
    pa: int
    size: int
    rights: str

    def goes_on_with(self, other: "Range") -> bool:
        return (other.va == self.va + self.size and
                other.pa == self.pa + self.size and
                other.rights == self.rights)


def leaves(table: int, level: int, base: int = 0,
           above: tuple[Entry, ...] = ()) -> Iterator[Range]:
    """Every leaf below a table, from the lowest address up."""
    for index, value in enumerate(table_at(table)):
        if not value & PRESENT:
            continue
        va = canonical(base + (index << 12 + 9 * (level - 1)))
        entry = Entry(va, level, index, value)
        path = (*above, entry)
        if entry.is_leaf:
            words = rights(path) + (" uncached" if value & PCD else "")
            yield Range(va, entry.pa, entry.size, words)
        else:
            yield from leaves(entry.pa, level - 1, va, path)


def ranges(root: int) -> Iterator[Range]:
    """The leaves, merged where one goes on where the last one ended."""
    last = None
    for leaf in leaves(root, levels()):
        if last and last.goes_on_with(leaf):
            last = last._replace(size=last.size + leaf.size)
            continue
        if last:
            yield last
        last = leaf
    if last:
        yield last


AREAS = {  # mm/layout.h, from the top: what begins at each of its numbers
    "VMAP_NAIVE": "vmap: where naive puts the firmware",
    "VMAP_BASE": "vmap: stacks, devices",
    "KERNEL_BASE": "kernel image",
    "EFI_WINDOW_START": "between window and kernel",
    "EFI_WINDOW_END": "firmware window",
    "DIRECT_MAP_END": "above the direct map",
    "DIRECT_MAP_BASE": "direct map",
    "EFI_CONTIGUOUS": "second quadrant: where contiguous puts the firmware",
}


def area_of(va: int) -> str:
    """Which part of mm/layout.h's drawing an address is in."""
    for number, name in AREAS.items():
        if va >= machine.layout()[number]:
            return name
    return "lower half"


class MapCommand(Command):
    """Show all that a page table maps, with pages merged into ranges.

    ptmap [ROOT]

    ROOT is the physical address of a table, $cr3 if not given. Rights are
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
