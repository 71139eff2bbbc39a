"""What was read, as JSON: docs/atlas.md says what each key means.

Addresses are numbers of pages of 4 KiB. Texts that come often (owners, source
lines) are in one list, and named by their place in it.
"""

import re
import struct
from collections.abc import Iterable
from functools import cache

from harness import paths

from . import space
from .capture import Capture, Stop, Table
from .image import Image
from .space import PAGE_BITS, Span

FORMAT = 1
COLUMNS = ["tables", "page", "frame", "pages", "level", "rights", "cached",
           "marks", "change", "owner", "mapped", "protected", "entry"]

# Where each part of mm/layout.h's drawing begins, and what it is called.
AREAS = {
    "": "lower half",
    "EFI_CONTIGUOUS": "second quadrant",
    "DIRECT_MAP_BASE": "direct map",
    "DIRECT_MAP_END": "nothing",
    "EFI_WINDOW_END": "firmware window",
    "EFI_WINDOW_START": "nothing",
    "KERNEL_BASE": "kernel image",
    "VMAP_BASE": "stacks, devices",
}
SECTIONS = [("text_start", "text_end", "code"),
            ("rodata_start", "rodata_end", "constants"),
            ("data_start", "image_end", "data")]
ACRONYMS = {"ACPI", "MMIO", "NVS", "PAL"}


@cache
def layout() -> dict[str, int]:
    """The numbers of mm/layout.h, the one place that has them, in pages."""
    text = (paths.ROOT / "mm/layout.h").read_text()
    found = re.findall(r"^#define (\w+) +(0x[0-9a-f]+)$", text, re.M)
    return {name: int(value, 16) >> PAGE_BITS for name, value in found}


def areas() -> list[tuple[int, str]]:
    numbers = {"": 0} | layout()
    return [(numbers[name], title) for name, title in AREAS.items()]


def area_of(page: int) -> str:
    return [title for start, title in areas() if start <= page][-1]


def camel(name: str) -> str:
    """EFI_RUNTIME_SERVICES_CODE -> RuntimeServicesCode, EFI_MMIO -> MMIO."""
    words = name.removeprefix("EFI_").split("_")
    return "".join(word if word in ACRONYMS else word.capitalize()
                   for word in words)


class Writer:
    """One document, of any number of runs."""

    def __init__(self, image: Image):
        self.image = image
        self.texts: dict[str, int] = {}
        self.maps: dict[str, int] = {}
        self.found_maps: list[dict] = []
        self.kinds = image.enum("memory_kind")
        self.types = image.enum("efi_memory_type")
        self.runs: list[dict] = []

    def document(self, about: dict) -> dict:
        return {"format": FORMAT, "about": about, "columns": COLUMNS,
                "areas": areas(), "texts": list(self.texts),
                "maps": self.found_maps, "runs": self.runs}

    def add(self, mode: str, run: Capture, services: list) -> None:
        stops = run.stops
        phases = [self._phase(run, stop, before) for before, stop in
                  zip([None, *stops], stops)]
        self.runs.append({"mode": mode, "phases": phases,
                          "services": services})

    def text(self, words: str) -> int:
        return self.texts.setdefault(words, len(self.texts))

    # ---- a phase

    def _phase(self, run: Capture, stop: Stop, before: Stop | None) -> dict:
        view = View(self, run, stop)
        rows = merged(stop.tables)
        old = before.tables if before else stop.tables
        changes = compare(rows, old)
        place, = self.image.lines([stop.registers["rip"]]).values()
        return {
            "id": f"g{stop.gen}-{stop.phase.id}", "kind": stop.phase.id,
            "gen": stop.gen, "short": stop.phase.short,
            "title": stop.phase.title, "says": stop.phase.says,
            "compare": stop.phase.compare,
            "where": place[1] if not place[1].startswith("?") else "",
            "rip": hex(stop.registers["rip"]),
            "cr3": hex(stop.registers["cr3"]),
            "status": hex(stop.status),
            "image": [stop.base_pa >> PAGE_BITS, self.image.size >> PAGE_BITS],
            "tables": [{"name": table.name, "root": hex(table.root_pa),
                        "active": table.active, "levels": table.levels,
                        "spans": len(table.spans),
                        "leaves": sum(span.leaves for span in table.spans),
                        "links": [[level, page, hex(entry)] for
                                  level, page, entry in table.links]}
                       for table in stop.tables],
            "spans": [view.row(mask, span, change)
                      for (mask, span), change in zip(rows, changes)],
            "gone": lost(stop.tables, old),
            "frames": runs_of(stop.frames),
            "map": self._map(view.told),
        }

    def _map(self, told: Stop) -> int:
        """What was known of physical memory, once for phases that agree."""
        found = {
            "memory": [[r["start"] >> PAGE_BITS,
                        r["end"] - r["start"] >> PAGE_BITS,
                        self.kind(r["kind"])] for r in told.memory],
            "descriptors": list(self._descriptors(told)),
            "regions": [[r["pa"] >> PAGE_BITS, r["pages"],
                         r["va"] >> PAGE_BITS, self.type(r["type"]),
                         hex(r["attribute"])] for r in told.regions],
            "attributes": [[r["pa"] >> PAGE_BITS, r["pages"],
                            hex(r["attributes"])] for r in told.attributes],
        }
        key = repr(found)
        if key not in self.maps:
            self.maps[key] = len(self.maps)
            self.found_maps.append(found)
        return self.maps[key]

    def kind(self, number: int) -> str:
        return self.kinds.get(number, "?").removeprefix("MEMORY_").lower(
            ).replace("_", "-")

    def type(self, number: int) -> str:
        return camel(self.types.get(number, f"EFI_TYPE_{number}"))

    def _descriptors(self, told: Stop) -> Iterable[list]:
        """UEFI 2.10 §7.2.3: EFI_MEMORY_DESCRIPTOR, in steps of its own."""
        for at in range(0, len(told.descriptors), told.step or 1):
            kind, pa, _va, pages, attribute = struct.unpack_from(
                "<IxxxxQQQQ", told.descriptors, at)
            yield [pa >> PAGE_BITS, pages, self.type(kind), hex(attribute)]


class View:
    """One stop, and how its spans are explained."""

    def __init__(self, writer: Writer, run: Capture, stop: Stop):
        self.writer, self.run, self.stop = writer, run, stop
        self.image = writer.image
        self.told = self._told()

    def _told(self) -> Stop:
        """The stop whose memory map and regions describe this one: itself, or
        a later one, for as long as the kernel has not read them."""
        mine = [stop for stop in self.run.stops if stop.gen == self.stop.gen]
        for wanted in "regions", "memory":
            for stop in (self.stop, *mine):
                if getattr(stop, wanted):
                    return stop
        return self.stop

    def row(self, mask: int, span: Span, change: str) -> list:
        text = self.writer.text
        roots = [table.root_pa for n, table in enumerate(self.stop.tables)
                 if mask >> n & 1]
        who = self.run.journal.who(self.stop.changes, roots, span.page,
                                   span.end)
        if not who["mapped"] and self.stop.phase.id == "early":
            who["mapped"] = [f"entry64 ({self.run.journal.early()})"]
        return [mask, span.page, span.frame, span.pages, span.level,
                span.rights, int(span.cached), span.marks, change, text(self.owner(span)),
                [text(line) for line in who["mapped"]],
                [text(line) for line in who["rights"]],
                hex(span.path[-1]) if span.path else ""]

    def owner(self, span: Span) -> str:
        """Whose the pages are, and by which of their addresses."""
        if not self.stop.tables[0].levels:
            return "all of memory, unprotected"
        area = area_of(span.page)
        one_to_one = ", at VA = PA" if span.page == span.frame else ""
        for region in self.told.regions:
            offset = span.frame - (region["pa"] >> PAGE_BITS)
            if 0 <= offset < region["pages"]:
                name = self.writer.type(region["type"])
                if area == "direct map" and not self._is_at(region, span):
                    return f"direct map: the firmware's {name}"
                return f"firmware: {name}{one_to_one}"
        if section := self._section(span):
            return f"{section}{one_to_one}"
        if handed := self._handed(span):
            return f"{handed}{one_to_one}"
        kind = self._kind(span.frame)
        if area == "direct map":
            return "direct map: RAM" if kind != "acpi" else "direct map: ACPI"
        if area.startswith("stacks"):
            return "device registers" if kind in (
                "mmio", "hole", "reserved") else "stack"
        return f"{kind} memory{one_to_one}"

    def _is_at(self, region: dict, span: Span) -> bool:
        return region["va"] - region["pa"] >> PAGE_BITS == \
            span.page - span.frame

    def _section(self, span: Span) -> str:
        """The section of the kernel's image, and what lies there."""
        offset = (span.frame << PAGE_BITS) - self.stop.base_pa
        if not 0 <= offset < self.image.size:
            return ""
        start = self.image.start + offset
        end = start + (span.pages << PAGE_BITS)
        titles = [title for first, last, title in SECTIONS
                  if start < self.image.symbol(last)
                  and self.image.symbol(first) < end]
        names = self.image.objects(start, end)[:3]
        few = span.pages <= 32 and "code" not in titles and names
        return (f"kernel: {', '.join(titles)}"
                + (f" ({', '.join(names)})" if few else ""))

    def _handed(self, span: Span) -> str:
        """What the jump's table is for: rax is the next kernel's entry, rsi
        points to the handoff."""
        if self.stop.phase.id not in ("transition", "arrival"):
            return ""
        entry = self.image.symbol("entry64") - self.image.start
        image = self.stop.registers["rax"] - entry >> PAGE_BITS
        if 0 <= span.frame - image < self.image.size >> PAGE_BITS:
            return "the next image"
        block = (self.stop.registers["rsi"] >> PAGE_BITS) - span.frame
        return "the handoff's block" if 0 <= block < span.pages else ""

    def _kind(self, frame: int) -> str:
        for r in self.told.memory:
            if r["start"] <= frame << PAGE_BITS < r["end"]:
                return self.writer.kind(r["kind"])
        return "hole"


# ---- spans of two tables

def merged(tables: list[Table]) -> list[tuple[int, Span]]:
    """The spans of all tables in ascending order, those that two have in
    common once; with a bit for each table that has it."""
    masks: dict[Span, int] = {}
    for n, table in enumerate(tables):
        for span in table.spans:
            masks[span] = masks.get(span, 0) | 1 << n
    return sorted(((mask, span) for span, mask in masks.items()),
                  key=lambda row: (row[1].page, row[0]))


def compare(rows: list[tuple[int, Span]], before: list[Table]) -> list[str]:
    """What is new about each span, in the first table that has it."""
    found = {}
    for n in range(2):
        old = before[n].spans if n < len(before) else []
        mine = [span for mask, span in rows if mask & -mask == 1 << n]
        found |= {(1 << n, span): change for span, change in
                  zip(mine, space.changes(mine, old))}
    return [found[mask & -mask, span] for mask, span in rows]


def lost(now: list[Table], before: list[Table]) -> list[list[int]]:
    """What is not mapped any more; not of a table that is gone itself."""
    return [[1 << n, *piece] for n, (table, old) in enumerate(zip(now, before))
            if old.levels for piece in space.gone(table.spans, old.spans)]


def runs_of(numbers: Iterable[int]) -> list[list[int]]:
    """{3, 4, 5, 9} -> [[3, 3], [9, 1]]."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and sum(found[-1]) == number:
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found
