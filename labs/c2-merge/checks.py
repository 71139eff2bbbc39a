"""The checks of challenge C2: leaves that are alike become one, and all that
lab 3 asks of page_table_protect() still holds."""

import re

from harness import paging, paths
from kit import grade
from kit.outside import PAGE, Wrong, check

lab3 = grade.load(paths.ROOT / "labs/03-paging/checks.py")
Table, an_address = lab3.Table, lab3.an_address
READ, WRITE, RIGHTS, LARGE = lab3.READ, lab3.WRITE, lab3.RIGHTS, lab3.LARGE
FILE = paths.ROOT / "mm/page_table.c"


def free_frames(w) -> int:
    offset = w.live.fields("mm/frame_pool.c", "frame_pool")["free_pages"]
    return w.live.debugger.word(w.live.symbol("pool") + offset)


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


def mapped(w, size: int) -> tuple:
    """A table with large pages in it: (table, va, pa)."""
    table = Table(w.live)
    va, pa = (an_address(w.dice, LARGE, top) for top in (1 << 45, 1 << 38))
    table.accepts(table.map(va, pa, size, WRITE), "page_table_map()", 1)
    return table, va, pa


@check(15, needs="boots")
def split(w):
    """What is not alike stays apart, with its rights."""
    table, va, pa = mapped(w, 2 * LARGE)
    cut, pages = w.dice.randrange(1, 900) * PAGE, w.dice.randint(1, 100)
    size = pages * PAGE
    table.accepts(table.protect(va + cut, size, READ), "page_table_protect()",
                  1)
    behind = cut + size
    table.must_be([
        paging.Range(va, pa, cut, RIGHTS[WRITE]),
        paging.Range(va + cut, pa + cut, size, RIGHTS[READ]),
        paging.Range(va + behind, pa + behind, 2 * LARGE - behind,
                     RIGHTS[WRITE])], "a part got other rights", 1)


@check(20, needs="split")
def merge(w):
    """Rights that come back bring the large page back, and its frame."""
    for flags in WRITE, READ:
        table, va, pa = mapped(w, 2 * LARGE)
        before = w.live.tables(table.root)
        free = free_frames(w)
        cut = LARGE + w.dice.randrange(1, 511) * PAGE
        table.protect(va, 2 * LARGE, flags)
        table.protect(va + cut, PAGE, READ if flags == WRITE else WRITE)
        table.accepts(table.protect(va + LARGE - PAGE, LARGE, flags),
                      "page_table_protect()", 1)
        table.accepts(table.protect(va, 2 * LARGE, flags),
                      "page_table_protect()", 1)
        va_cut = va + cut
        leaf, after = w.live.walk(va_cut, table.root)[-1], w.live.tables(
            table.root)
        if leaf.level != 2 or after != before:
            raise Wrong(f"{va_cut:#x} by a page of 2 MiB again, a table of "
                        f"{before} frames", f"level {leaf.level}, {after} "
                        "frames", w.live.explain(va_cut, table.root),
                        look=f"pt {va_cut:#x} {table.root:#x}")
        if free_frames(w) != free:
            raise Wrong("the frame of the table is free again",
                        f"{free - free_frames(w)} frames "
                        "are lost")
        table.must_be([paging.Range(va, pa, 2 * LARGE, RIGHTS[flags])],
                      "a merge", 1)


@check(20, needs="merge")
def apart(w):
    """What only looks alike is not merged."""
    live, va = w.live, an_address(w.dice, LARGE)
    cases = {"frames that are not in a row": [(0, 0, 256), (256, 300, 256)],
             "a physical address within a large page": [(0, 1, 512)],
             "a hole at the end": [(0, 0, 511)]}
    for words, pieces in cases.items():
        table, pa = Table(live), an_address(w.dice, LARGE, 1 << 38)
        for start, frame, pages in pieces:
            table.accepts(table.map(va + start * PAGE, pa + frame * PAGE,
                                    pages * PAGE, WRITE), "page_table_map()", 1)
        table.accepts(table.protect(va, PAGE, READ), "page_table_protect()", 1)
        table.accepts(table.protect(va, PAGE, WRITE), "page_table_protect()",
                      1)
        table.must_be([paging.Range(va + start * PAGE, pa + frame * PAGE,
                                    pages * PAGE, RIGHTS[WRITE])
                       for start, frame, pages in pieces], words, 1)


@check(20, needs="apart", beside=True)
def lives(w):
    """Two generations call the firmware; the lines are counted."""
    w.counts(w.run("generations=2 end=exit"), 2)
    lines = [line for line in FILE.read_text().splitlines()
             if re.search(r"\w|[{}]", line) and
             not line.lstrip().startswith("//")]
    w.measure = len(lines)
