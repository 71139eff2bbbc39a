"""The checks of lab 3: page tables, walked from CR3 or from a root of our own.

A table that a check works on is made for it: `struct page_table` is written into
scratch memory, its root is a frame of the kernel's. So the kernel's own table
stays as it is, whatever a function does.
"""

import struct

from harness import paging
from kit import seed
from kit.outside import GIB, MIB, PAGE, Wrong, check, name_of

READ = paging.PRESENT | paging.NX  # MAP_READ … of mm/page_table.h
WRITE = READ | paging.WRITE
EXEC = paging.PRESENT
UNCACHED = 1 << 4 | 1 << 3
RIGHTS = {READ: "r--", WRITE: "rw-", EXEC: "r-x",
          WRITE | UNCACHED: "rw- uncached"}
LARGE, HUGE = 2 * MIB, GIB
REFUSED, NOT_FOUND = 2, 3
ENTRIES = "SDM vol. 3 §4.5, figure 4-11"


class Table:
    """A page table that is empty, for functions to be tried on."""

    def __init__(self, live, leaf_max: int = 2):
        self.live, self.at = live, live.scratch
        self.root = live.call("frame_alloc")
        live.debugger.write(self.at, struct.pack(
            "<QIIQ", self.root, 4, leaf_max, live.symbol("kernel_frames")))

    def map(self, va: int, pa: int, size: int, flags: int) -> int:
        return self.live.status("page_table_map", self.at, va, pa, size, flags)

    def protect(self, va: int, size: int, flags: int) -> int:
        return self.live.status("page_table_protect", self.at, va, size, flags)

    def ranges(self) -> list[paging.Range]:
        return list(paging.merged(iter(self.live.leaves(self.root))))

    def must_be(self, wanted: list[paging.Range], after: str, step: int):
        """Compare all that is mapped; show the first that differs."""
        found = self.ranges()
        wanted = list(paging.merged(iter(wanted)))
        if found == wanted:
            return
        odd = next((a or b for a, b in zip(
            found + [None] * len(wanted), wanted + [None] * len(found))
            if a != b))
        raise Wrong(
            f"after {after}: " + "; ".join(map(shown, wanted[:4])),
            "; ".join(map(shown, found[:6])) or "nothing is mapped",
            self.live.explain(odd.va, self.root), read=ENTRIES,
            look=f"pt {odd.va:#x} {self.root:#x}", step=step)

    def accepts(self, status: int, doing: str, step: int) -> None:
        if status:
            raise Wrong(f"STATUS_OK from {doing}",
                        f"{name_of(status)}: {self.live.why()}", step=step)


def shown(r: paging.Range) -> str:
    return f"{r.size // PAGE} pages of {r.va:#x} to {r.pa:#x} {r.rights}"


def an_address(dice, alignment: int, below: int = 1 << 45) -> int:
    """One in the lower half, with room behind it."""
    return dice.randrange(8 * GIB // alignment, below // alignment) * alignment


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


@check(6, needs="boots")
def wx(w):
    """Code is not writable, and what is writable is not executable."""
    live = w.live
    for start, end, rights in (("text_start", "text_end", "r-x"),
                               ("rodata_start", "rodata_end", "r--"),
                               ("data_start", "data_end", "rw-")):
        first, last = live.symbol(start), live.symbol(end) - 1
        for va in (first, first + last >> 1, last):
            if paging.rights(live.walk(va)) != rights:
                raise Wrong(f"{va:#x}, in {start[:-6]}, is {rights}",
                            paging.rights(live.walk(va)), live.explain(va),
                            read="SDM vol. 3 §4.6", look=f"pt {va:#x}", step=1)
    for page in live.leaves():
        if page.write and page.execute:
            raise Wrong("no page is writable and executable",
                        f"{page.va:#x} is", live.explain(page.va),
                        read="SDM vol. 3 §4.6", look="ptmap", step=1)


@check(8, needs="boots")
def large(w):
    """The largest pages that fit, and that the table may have."""
    live = w.live
    va = live.debugger.word(live.symbol("direct_map_base")) + 32 * MIB
    leaf, tables = live.walk(va)[-1], live.tables()
    if leaf.level != 2 or tables > 24:
        raise Wrong("RAM at 32 MiB in the direct map by a page of 2 MiB",
                    f"a page of {paging.LEAF_NAMES[leaf.level]}; the kernel's "
                    f"table is made of {tables} frames, 10 to 20 are enough",
                    live.explain(va), read="SDM vol. 3 §4.5, table 4-18",
                    look=f"pt {va:#x}", step=2)
    for leaf_max in (3, 2, 1):
        table, at = Table(live, leaf_max), an_address(w.dice, HUGE)
        table.map(at, 4 * GIB, HUGE if leaf_max > 1 else LARGE, WRITE)
        found = live.walk(at, table.root)[-1].level
        if found != leaf_max:
            raise Wrong(f"a page of {paging.LEAF_NAMES[leaf_max]} in a table "
                        f"whose leaf_max is {leaf_max}",
                        f"one of {paging.LEAF_NAMES[found]}",
                        live.explain(at, table.root), read="mm/page_table.h",
                        look=f"pt {at:#x} {table.root:#x}", step=2)


@check(11, needs="boots")
def map_(w):
    """Mappings lead where they should, with their rights, and end there."""
    for va_unit, pa_unit, least in ((PAGE, PAGE, 1), (LARGE, PAGE, 512),
                                    (PAGE, LARGE, 512), (LARGE, LARGE, 700)):
        table, dice = Table(w.live), w.dice
        pages = dice.randint(least, least + 700)
        va, pa = an_address(dice, va_unit), an_address(dice, pa_unit, 1 << 38)
        if va_unit == pa_unit == LARGE:  # begins and ends within large pages
            offset = dice.randrange(1, 512) * PAGE
            va, pa = va + offset, pa + offset
        flags = dice.choice(list(RIGHTS))
        doing = (f"page_table_map(va={va:#x}, pa={pa:#x}, "
                 f"bytes={pages * PAGE:#x}, flags={flags:#x})")
        table.accepts(table.map(va, pa, pages * PAGE, flags), doing, 1)
        table.must_be([paging.Range(va, pa, pages * PAGE, RIGHTS[flags])],
                      doing, 1)


@check(6, needs="map")
def refuse(w):
    """What is mapped already is refused, and stays as it is."""
    table, va = Table(w.live), an_address(w.dice, PAGE)
    pages = w.dice.randint(3, 9)
    table.map(va, 5 * GIB, pages * PAGE, READ)
    over = va + w.dice.randrange(pages) * PAGE
    status = table.map(over, 7 * GIB, PAGE, WRITE)
    if status != REFUSED:
        raise Wrong(f"STATUS_REFUSED for {over:#x}, which is mapped",
                    name_of(status), w.live.explain(over, table.root),
                    read="mm/page_table.h", step=1)
    table.must_be([paging.Range(va, 5 * GIB, pages * PAGE, "r--")],
                  "a mapping that was refused", 1)


def parts(va: int, pa: int, size: int, rights: str, cut: int, cut_size: int,
          new: str) -> list[paging.Range]:
    """A range of which a part has got other rights."""
    behind = cut + cut_size
    made = [(0, cut, rights), (cut, cut_size, new),
            (behind, size - behind, rights)]
    return [paging.Range(va + at, pa + at, length, words)
            for at, length, words in made if length]


@check(12, needs="map large")
def split(w):
    """A large page splits, and keeps what it was."""
    for leaf, level in ((LARGE, 2), (HUGE, 3)):
        table = Table(w.live, leaf_max=level)
        va, pa = an_address(w.dice, leaf), an_address(w.dice, leaf, 1 << 38)
        table.map(va, pa, leaf, WRITE)
        cut, pages = w.dice.randrange(1, 500) * PAGE, w.dice.randint(1, 8)
        doing = (f"page_table_protect(va={va + cut:#x}, "
                 f"bytes={pages * PAGE:#x}, MAP_EXEC) in a page of "
                 f"{paging.LEAF_NAMES[level]}")
        table.accepts(table.protect(va + cut, pages * PAGE, EXEC), doing, 3)
        table.must_be(parts(va, pa, leaf, "rw-", cut, pages * PAGE, "r-x"),
                      doing, 3)


def free_frames(live) -> int:
    """`free_pages`, the second word of struct frame_pool."""
    return live.debugger.word(live.call("frames_pool") + 8)


@check(5, needs="split")
def frames(w):
    """That costs one frame, for one table."""
    table, live = Table(w.live), w.live
    va = an_address(w.dice, LARGE)
    table.map(va, 6 * GIB, LARGE, WRITE)
    before = free_frames(live), live.tables(table.root)
    for _ in range(2):  # the second one finds a table already
        table.protect(va + w.dice.randrange(512) * PAGE, PAGE, READ)
    after = free_frames(live), live.tables(table.root)
    if (before[0] - after[0], after[1] - before[1]) != (1, 1):
        raise Wrong("one frame less is free, one table more is there",
                    f"{before[0] - after[0]} frames less, "
                    f"{after[1] - before[1]} tables more",
                    live.explain(va, table.root), step=3)


@check(8, needs="split")
def mark(w):
    """A table that came of a split has your mark, and no other has."""
    live, mine = w.live, seed.split_mark(w.seed)
    table, va = Table(live, leaf_max=3), an_address(w.dice, HUGE)
    table.map(va, 2 * GIB, HUGE, WRITE)
    table.protect(va + w.dice.randrange(1 << 18) * PAGE, PAGE, READ)
    beside = va + 2 * HUGE
    table.map(beside, 4 * GIB, PAGE, WRITE)
    for at, level, wanted, why in (
            (va, 3, mine, "was a page of 1 GiB"),
            (va, 4, 0, "never was a page"), (beside, 3, 0, "never was a page")):
        entry = next(e for e in live.walk(at, table.root) if e.level == level)
        found = entry.value >> 52 & 0x7F
        if found != wanted:
            raise Wrong(f"{wanted:#x} in bits 58 to 52 of the entry for "
                        f"{at:#x} of level {level}, which {why}",
                        f"{found:#x}", live.explain(at, table.root),
                        read=ENTRIES, look=f"pt {at:#x} {table.root:#x}",
                        step=3)


@check(11, needs="map split")
def protect(w):
    """Rights change from the first page to the last, and no further."""
    table, dice = Table(w.live), w.dice
    va = an_address(dice, LARGE) + dice.randrange(100, 500) * PAGE
    size, cut = 1400 * PAGE, dice.randrange(2, 90) * PAGE
    pages = dice.randint(513, 523)
    table.map(va, 5 * GIB + 3 * PAGE, size, WRITE)
    doing = (f"page_table_protect(va={va + cut:#x}, bytes={pages * PAGE:#x}, "
             "MAP_READ)")
    table.accepts(table.protect(va + cut, pages * PAGE, READ), doing, 4)
    table.must_be(parts(va, 5 * GIB + 3 * PAGE, size, "rw-", cut,
                        pages * PAGE, "r--"), doing, 4)
    status = table.protect(va + size - PAGE, 3 * PAGE, READ)
    if status != NOT_FOUND:
        raise Wrong("STATUS_NOT_FOUND where nothing is mapped",
                    name_of(status), w.live.explain(va + size, table.root),
                    read="mm/page_table.h", step=4)


@check(4, needs="boots")
def guard(w):
    """Below a stack nothing is mapped."""
    live = w.live
    top = (live.debugger.register("rsp") + 8) & -PAGE
    bottom = top - 8 * PAGE
    if not live.walk(bottom)[-1].present or live.walk(bottom - 1)[-1].present:
        raise Wrong(f"8 pages from {bottom:#x} are mapped, the one below is "
                    "not", "it is", live.explain(bottom - PAGE),
                    look=f"pt {bottom - PAGE:#x}", step=5)


@check(4, needs="wx large map refuse split mark frames protect guard",
       beside=True)
def lives(w):
    """Two generations, and each has called the firmware."""
    run = w.run("efi=fixed generations=2 end=exit")
    w.counts(run, 2)
