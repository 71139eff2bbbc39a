"""Page tables, as the processor sees them (SDM vol. 3 §4.5), as spans.

A span is a run of pages with the same size, rights and cache attribute, over
frames in a row. Addresses are counted in pages of 4 KiB here and in the data,
so that JavaScript's numbers hold them: a 64-bit address has 52 bits of them.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

PRESENT, WRITE, USER, PWT, PCD, ACCESSED, DIRTY, LARGE, GLOBAL = (
    1 << n for n in range(9))
NX = 1 << 63
FRAME = 0x000F_FFFF_FFFF_F000
MARKS = ACCESSED | DIRTY
LARGEST_LEAF = 3
PAGE_BITS, INDEX_BITS = 12, 9
TABLE = struct.Struct("<512Q")

Frames = Callable[[int], bytes]  # a page of physical memory, by its address


def canonical(page: int, levels: int) -> int:
    """The bits above those that are translated repeat the highest of them."""
    bits = INDEX_BITS * levels
    negative = page >> bits - 1 & 1
    return page | (1 << 52) - (1 << bits) if negative else page


class Span(NamedTuple):
    """Pages in a row that are mapped alike."""

    page: int
    frame: int
    pages: int
    level: int
    rights: str
    cached: bool
    accessed: int  # leaves with the mark
    dirty: int
    path: tuple[int, ...]  # of the first leaf

    @property
    def end(self) -> int:
        return self.page + self.pages


def spans(frames: Frames, root_pa: int, levels: int,
          cuts: Iterable[int] = ()) -> list[Span]:
    """All that a table maps, from the lowest address up. A span does not go
    across a frame of `cuts`, so that what is beside each other but not one
    thing stays apart."""
    found: list[Span] = []
    edges = {cut << PAGE_BITS for cut in cuts}
    for run in _runs(frames, root_pa, levels, edges):
        span = run._replace(page=canonical(run.page, levels))
        last = found[-1] if found else None
        if last and _goes_on(last, span) and \
                span.frame << PAGE_BITS not in edges:
            found[-1] = last._replace(
                pages=last.pages + span.pages,
                accessed=last.accessed + span.accessed,
                dirty=last.dirty + span.dirty)
        else:
            found.append(span)
    return found


def _runs(frames: Frames, table_pa: int, level: int, edges: set[int],
          first: int = 0, above: tuple[int, ...] = ()) -> Iterator[Span]:
    """The leaves below a table; those of one table that go on with each other
    as one."""
    step = 1 << INDEX_BITS * (level - 1)
    entries = TABLE.unpack(frames(table_pa))
    index = 0
    while index < len(entries):
        entry, page = entries[index], first + index * step
        if not entry & PRESENT:
            index += 1
        elif level == 1 or level <= LARGEST_LEAF and entry & LARGE:
            stop = _alike(entries, index, step << PAGE_BITS, edges)
            yield _span(page, level, (*above, entry), entries[index:stop])
            index = stop
        else:
            yield from _runs(frames, entry & FRAME, level - 1, edges, page,
                             (*above, entry))
            index += 1


def _alike(entries: tuple[int, ...], index: int, size: int,
           edges: set[int]) -> int:
    """Where the run of leaves that begins at `index` ends: each is the last
    one's, `size` bytes further, but for the marks."""
    wanted, stop = (entries[index] & ~MARKS) + size, index + 1
    while stop < len(entries) and entries[stop] & ~MARKS == wanted and \
            wanted & FRAME not in edges:
        wanted += size
        stop += 1
    return stop


def _span(page: int, level: int, path: tuple[int, ...],
          run: tuple[int, ...]) -> Span:
    pages, entry = 1 << INDEX_BITS * (level - 1), path[-1]
    write = all(step & WRITE for step in path)
    execute = not any(step & NX for step in path)
    return Span(
        page, (entry & FRAME) >> PAGE_BITS & -pages, pages * len(run), level,
        f"r{'-w'[write]}{'-x'[execute]}", not entry & (PCD | PWT),
        sum(1 for leaf in run if leaf & ACCESSED),
        sum(1 for leaf in run if leaf & DIRTY), path)


def _goes_on(last: Span, span: Span) -> bool:
    return (span.page == last.end and span.frame == last.frame + last.pages
            and span[3:6] == last[3:6])


def paging_off(address_bits: int = 32) -> list[Span]:
    """All of memory at its own address, with every right."""
    pages = 1 << address_bits - PAGE_BITS
    return [Span(0, 0, pages, 1, "rwx", True, 0, 0, ())]


# ---- what changed

SAME, NEW, MOVED, RIGHTS = "", "new", "moved", "rights"


def change_of(span: Span, before: list[Span]) -> str:
    """What is different about a span: none of it was mapped (partly: it is
    new as well), it led elsewhere, or it had other rights."""
    left, change = span.pages, SAME
    for old in before:
        start, end = max(old.page, span.page), min(old.end, span.end)
        if start >= end:
            continue
        left -= end - start
        if old.frame - old.page != span.frame - span.page:
            return MOVED
        if (old.rights, old.cached) != (span.rights, span.cached):
            change = RIGHTS
    return NEW if left else change


def changes(now: list[Span], before: list[Span]) -> list[str]:
    """change_of() for each; both are in ascending order."""
    found, at = [], 0
    for span in now:
        while at < len(before) and before[at].end <= span.page:
            at += 1
        stop = at
        while stop < len(before) and before[stop].page < span.end:
            stop += 1
        found.append(change_of(span, before[at:stop]))
    return found


def gone(now: list[Span], before: list[Span]) -> list[tuple[int, int]]:
    """(page, pages) that were mapped and are not any more."""
    found, at = [], 0
    for old in before:
        page = old.page
        while at < len(now) and now[at].end <= page:
            at += 1
        i = at
        while page < old.end:
            start = now[i].page if i < len(now) else old.end
            if start > page:
                _append(found, page, min(start, old.end) - page)
            page = max(page, now[i].end) if i < len(now) else old.end
            i += 1
    return found


def _append(found: list[tuple[int, int]], page: int, pages: int) -> None:
    if found and sum(found[-1]) == page:
        page, pages = found[-1][0], found.pop()[1] + pages
    found.append((page, pages))
