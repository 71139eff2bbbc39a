"""Spans: what a page table maps, in runs of pages that are mapped alike.

A span has pages of one size, with the same rights and cache attribute, over
frames in a row. Addresses are counted in pages of 4 KiB here and in the data,
so that JavaScript's numbers hold them: a 64-bit address has 52 bits of them.
What an entry means is in tests/harness/paging.py; this walk only differs in
that it takes the leaves of one table as a run, for there are thousands.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harness.paging import ACCESSED, ADDRESS, DIRTY, PAGE, PCD, Entry, Read
from harness.paging import canonical, rights

PAGE_BITS, INDEX_BITS = 12, 9
MARKS = ACCESSED | DIRTY
TABLE = struct.Struct("<512Q")


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


def spans(read: Read, root_pa: int, levels: int,
          cuts: Iterable[int] = ()) -> list[Span]:
    """All that a table maps, from the lowest address up. A span does not go
    across a frame of `cuts`, so that what is beside each other but not one
    thing stays apart."""
    found: list[Span] = []
    edges = {cut << PAGE_BITS for cut in cuts}
    for path, run in _runs(read, root_pa, levels, edges):
        span = _span(path, run, levels)
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


Path, Run = tuple[Entry, ...], tuple[int, ...]


def _runs(read: Read, table_pa: int, level: int, edges: set[int],
          base: int = 0, above: Path = ()) -> Iterator[tuple[Path, Run]]:
    """The leaves below a table: the path to the first of a run, and the
    entries of the run, which are in one table."""
    entries = TABLE.unpack(read(table_pa, PAGE))
    index = 0
    while index < len(entries):
        value = entries[index]
        if not value:
            index += 1
            continue
        entry = Entry(base + (index << PAGE_BITS + INDEX_BITS * (level - 1)),
                      level, index, value)
        path, stop = (*above, entry), index + 1
        if entry.present and entry.is_leaf:
            stop = _alike(entries, index, entry.size, edges)
            yield path, entries[index:stop]
        elif entry.present:
            yield from _runs(read, entry.pa, level - 1, edges, entry.va, path)
        index = stop


def _alike(entries: Run, index: int, size: int, edges: set[int]) -> int:
    """Where the run of leaves that begins at `index` ends: each is the last
    one's, `size` bytes further, but for the marks."""
    wanted, stop = (entries[index] & ~MARKS) + size, index + 1
    while stop < len(entries) and entries[stop] & ~MARKS == wanted and \
            wanted & ADDRESS not in edges:
        wanted += size
        stop += 1
    return stop


def _span(path: Path, run: Run, levels: int) -> Span:
    leaf = path[-1]
    return Span(
        canonical(leaf.va, levels) >> PAGE_BITS, leaf.pa >> PAGE_BITS,
        (leaf.size >> PAGE_BITS) * len(run), leaf.level, rights(path),
        not leaf.value & PCD, sum(1 for entry in run if entry & ACCESSED),
        sum(1 for entry in run if entry & DIRTY),
        tuple(entry.value for entry in path))


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
