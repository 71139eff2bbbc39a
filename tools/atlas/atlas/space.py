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
ACCESSED_MARK, DIRTY_MARK = 1, 2  # in the data
TABLE = struct.Struct("<512Q")


class Span(NamedTuple):
    """Pages in a row that are mapped alike."""

    page: int
    frame: int
    pages: int
    level: int
    rights: str
    cached: bool
    marks: tuple[tuple[int, int, int], ...]  # of leaves: first, how many, which
    path: tuple[int, ...]  # of the first leaf

    @property
    def end(self) -> int:
        return self.page + self.pages

    @property
    def leaves(self) -> int:
        return self.pages >> INDEX_BITS * (self.level - 1)

    def marked(self, mark: int) -> int:
        """How many leaves have it."""
        return sum(count for _, count, marks in self.marks if marks & mark)


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
                marks=_joined(last.marks, span.marks, last.leaves))
        else:
            found.append(span)
    return found


def links(read: Read, root_pa: int, levels: int) -> list[tuple[int, int, int]]:
    """The entries that lead to another table, on the way to any leaf: level,
    first page, entry."""
    found = {(entry.level, canonical(entry.va, levels) >> PAGE_BITS): entry.value
             for path, _ in _runs(read, root_pa, levels, set())
             for entry in path[:-1]}
    return [(*key, value) for key, value in sorted(found.items())]


Path, Run = tuple[Entry, ...], tuple[int, ...]
Marks = tuple[tuple[int, int, int], ...]


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
        not leaf.value & PCD, _marks(run), tuple(entry.value for entry in path))


def _marks(run: Run) -> Marks:
    """Of consecutive leaves with the same marks; not of those without any."""
    found: Marks = ()
    for at, entry in enumerate(run):
        if marks := (ACCESSED_MARK if entry & ACCESSED else 0) | (
                DIRTY_MARK if entry & DIRTY else 0):
            found = _joined(found, ((0, 1, marks),), at)
    return found


def _joined(marks: Marks, more: Marks, by: int) -> Marks:
    """`more` are those of leaves that begin `by` leaves later."""
    moved = tuple((first + by, count, which) for first, count, which in more)
    if marks and moved:
        (first, count, which), (second, also, what) = marks[-1], moved[0]
        if first + count == second and which == what:
            return (*marks[:-1], (first, count + also, which), *moved[1:])
    return marks + moved


def _goes_on(last: Span, span: Span) -> bool:
    return (span.page == last.end and span.frame == last.frame + last.pages
            and span[3:6] == last[3:6] and _flags(last) == _flags(span))


def _flags(span: Span) -> int:
    """What the entries of a span have in common."""
    return span.path[-1] & ~(ADDRESS | MARKS)


def paging_off(address_bits: int = 32) -> list[Span]:
    """All of memory at its own address, with every right."""
    pages = 1 << address_bits - PAGE_BITS
    return [Span(0, 0, pages, 1, "rwx", True, (), ())]


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
