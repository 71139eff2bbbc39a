"""Who mapped what: every call that changes a page table, with its callers.

The machine is stopped at the entry of the functions below, of which all
changes of a finished table go through one. The return addresses on the stack
say which line wanted it. What entry.asm built before there was a stack is a
row of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .image import Image
from .space import PAGE_BITS

# The function, and whether it maps or changes the rights of what is mapped.
# Both take (struct page_table *, va, …): root_pa is that structure's first.
CHANGES = {"page_table_map": "mapped", "page_table_protect": "rights"}
BUILDERS = "mm/page_table.c"  # not itself who wanted a mapping
EARLY = "common64.page"  # in boot/entry.asm: the loop over the image's pages
DEPTH = 4  # callers that are noted


class Change(NamedTuple):
    """Pages from `page` to `end` were mapped, or given other rights."""

    what: str
    root_pa: int
    page: int
    end: int
    callers: tuple[int, ...]  # return addresses, the innermost first


class Journal:
    """The changes of a run so far, in order."""

    def __init__(self, image: Image):
        self.image = image
        self.changes: list[Change] = []
        self._lines: dict[int, tuple[str, str]] = {}

    def note(self, what: str, root_pa: int, va: int, size: int,
             callers: tuple[int, ...]) -> None:
        page = va >> PAGE_BITS
        self.changes.append(Change(what, root_pa, page,
                                   page + (size >> PAGE_BITS), callers))

    def resolve(self) -> None:
        """Find the lines of all callers, in one go."""
        # A return address is behind the call: it may belong to the next line.
        wanted = {at - 1 for change in self.changes for at in change.callers}
        if EARLY in self.image.symbols:
            wanted.add(self.image.symbol(EARLY))
        self._lines |= self.image.lines(sorted(wanted - self._lines.keys()))

    def who(self, upto: int, roots: list[int], page: int,
            end: int) -> dict[str, list[str]]:
        """{"mapped": […], "rights": […]}: who did that last to these pages, in
        any of the tables, among the first `upto` changes, as "function
        (file:line) ← …". Two in a list: two calls made what is one span."""
        found: dict[str, list[str]] = {}
        for what in CHANGES.values():
            left, told = [(page, end)], []
            for change in self._of(what, upto, roots, page, end):
                rest = list(_without(left, change.page, change.end))
                if rest != left:
                    told.insert(0, self._tell(change))
                left = rest
                if not left:
                    break
            found[what] = list(dict.fromkeys(told))
        return found

    def _of(self, what: str, upto: int, roots: list[int], page: int, end: int):
        return (change for change in reversed(self.changes[:upto])
                if change.what == what and change.root_pa in roots
                and change.page < end and change.end > page)

    def _tell(self, change: Change) -> str:
        places = [self._lines[at - 1] for at in change.callers]
        return " ← ".join(f"{function} ({place})" for function, place in places
                          if place.partition(":")[0].endswith(".c")
                          and not place.startswith(BUILDERS))

    def early(self) -> str:
        """The line of entry.asm that fills the early table's page table."""
        if EARLY not in self.image.symbols:
            return "boot/entry.asm"
        return self._lines[self.image.symbol(EARLY)][1]


def _without(pieces: list[tuple[int, int]], start: int,
             end: int) -> Iterator[tuple[int, int]]:
    """The pieces, less what is between start and end."""
    for first, last in pieces:
        if first < min(last, start):
            yield first, min(last, start)
        if max(first, end) < last:
            yield max(first, end), last
