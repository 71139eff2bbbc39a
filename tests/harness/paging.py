"""Page tables, read from outside (SDM vol. 3 §4.5): the one walker.

It only needs `read(pa, size)`, which returns bytes of physical memory: QEMU
copies them for a dossier, GDB for `pt`, an array for a test. So any root can be
used, not only the one in CR3. Only the standard library is imported, because
GDB's own Python uses this file as well.

An entry of any level may remove rights, and none can add them. So the rights
of an address are those of all levels together.
"""

import struct
from typing import Callable, Iterator, NamedTuple

PAGE = 0x1000
PRESENT, WRITE, PCD, ACCESSED, DIRTY, LARGE = (1 << n for n in
                                               (0, 1, 4, 5, 6, 7))
NX = 1 << 63
ADDRESS = 0x000F_FFFF_FFFF_F000
MASK = (1 << 64) - 1
FIVE_LEVELS = 1 << 12  # LA57, in CR4
LARGEST_LEAF = 3
TABLE_NAMES = ["", "PT", "PD", "PDPT", "PML4", "PML5"]
LEAF_NAMES = ["", "4 KiB", "2 MiB", "1 GiB"]

Read = Callable[[int, int], bytes]


def levels_of(cr4: int) -> int:
    """How many levels the tables have."""
    return 5 if cr4 & FIVE_LEVELS else 4


class Entry(NamedTuple):
    """One entry of a table, and the address for which it was looked up."""

    va: int
    level: int
    index: int
    value: int

    @property
    def present(self) -> bool:
        return bool(self.value & PRESENT)

    @property
    def is_leaf(self) -> bool:
        large = self.level <= LARGEST_LEAF and self.value & LARGE
        return self.level == 1 or bool(large)

    @property
    def size(self) -> int:
        """Bytes of virtual memory that it covers."""
        return level_bytes(self.level)

    @property
    def pa(self) -> int:
        """Of the page, if it is a leaf; else of the next table."""
        return self.value & ADDRESS & ~((self.size if self.is_leaf else 1) - 1)

    def explain(self) -> str:
        """The same text as page_walk_explain()."""
        if not self.present:
            return "not present"
        if not self.is_leaf:
            taken = ["read-only"] * (not self.value & WRITE)
            taken += ["no execute"] * bool(self.value & NX)
            return f"table at {self.pa:#x}" + "".join(
                f", all below {words}" for words in taken)
        words = ["writable" if self.value & WRITE else "read-only",
                 "no execute" if self.value & NX else "executable"]
        for bit, word in (PCD, "uncached"), (ACCESSED, "accessed"), \
                (DIRTY, "dirty"):
            words += [word] if self.value & bit else []
        return f"{LEAF_NAMES[self.level]} at {self.pa:#x}, {', '.join(words)}"

    def __str__(self) -> str:
        return (f"{TABLE_NAMES[self.level]:4}[{self.index:3}] = "
                f"{self.value:016x}  {self.explain()}")


def level_bytes(level: int) -> int:
    return PAGE << 9 * (level - 1)


def canonical(va: int, levels: int) -> int:
    """The same address with all bits above the highest table's made equal."""
    bits = 12 + 9 * levels
    low = va & (1 << bits) - 1
    return low | (MASK << bits & MASK if va >> (bits - 1) & 1 else 0)


def walk(read: Read, root: int, va: int, levels: int = 4) -> list[Entry]:
    """The entries on the path to `va`; empty: not canonical."""
    steps, table = [], root & ADDRESS
    if canonical(va, levels) != va:
        return steps
    for level in range(levels, 0, -1):
        index = va >> 12 + 9 * (level - 1) & 511
        value, = struct.unpack("<Q", read(table + 8 * index, 8))
        steps.append(Entry(va, level, index, value))
        if steps[-1].is_leaf or not steps[-1].present:
            break
        table = steps[-1].pa
    return steps


def rights(steps: list[Entry] | tuple[Entry, ...]) -> str:
    """The rights of all levels together: "rw-", "r-x", …."""
    write = all(entry.value & WRITE for entry in steps)
    execute = not any(entry.value & NX for entry in steps)
    return f"r{'w' if write else '-'}{'x' if execute else '-'}"


def target(steps: list[Entry]) -> int | None:
    """The physical address at the end of a walk; None: nothing is mapped."""
    if not steps or not steps[-1].present:
        return None
    return steps[-1].pa + steps[-1].va % steps[-1].size


class Range(NamedTuple):
    """Contiguous pages with the same rights, on contiguous frames."""

    va: int
    pa: int
    size: int
    rights: str

    @property
    def write(self) -> bool:
        return "w" in self.rights

    @property
    def execute(self) -> bool:
        return "x" in self.rights

    def goes_on_with(self, other: "Range") -> bool:
        return (other.va == self.va + self.size and
                other.pa == self.pa + self.size and
                other.rights == self.rights)


def leaves(read: Read, table: int, level: int = 4, base: int = 0,
           above: tuple[Entry, ...] = (), levels: int = 0) -> Iterator[Range]:
    """Every leaf below a table of `level`, from the lowest address up."""
    levels = levels or level
    for index, value in enumerate(
            struct.unpack("<512Q", read(table & ADDRESS, PAGE))):
        if not value & PRESENT:
            continue
        va = canonical(base + index * level_bytes(level), levels)
        entry = Entry(va, level, index, value)
        path = (*above, entry)
        if entry.is_leaf:
            words = rights(path) + (" uncached" if value & PCD else "")
            yield Range(va, entry.pa, entry.size, words)
        else:
            yield from leaves(read, entry.pa, level - 1, va, path, levels)


def merged(pages: Iterator[Range]) -> Iterator[Range]:
    """Ranges, with adjacent ones merged."""
    last = None
    for page in pages:
        if last and last.goes_on_with(page):
            last = last._replace(size=last.size + page.size)
            continue
        if last:
            yield last
        last = page
    if last:
        yield last
