"""The checks of lab 1: paint, and look what is on the canvas.

The model knows nothing of lists: it notes every border that was ever painted,
and for each piece between two borders the largest kind.
"""

import struct

from harness import multiboot2
from harness.layouts import KINDS, RANGE
from kit import seed
from kit.outside import PAGE, Wrong, check, name_of

USABLE, BOOT, KEPT, ACPI, NVS, RESERVED, RUNTIME, MMIO = (
    KINDS.index(word) for word in "usable boot-services boot-kept acpi nvs "
    "reserved runtime mmio".split())
MOST = 512  # MEMORY_MAP_MAX
INVALID, NO_MEMORY = 1, 4
IS_RUNTIME, WB, SP = 1 << 63, 1 << 3, 1 << 18

# UEFI 2.10 §7.2, table 7.10: usage after ExitBootServices, by type.
OF_TYPE = {1: USABLE, 2: USABLE, 3: BOOT, 4: BOOT, 5: RUNTIME, 6: RUNTIME,
           7: USABLE, 9: ACPI, 10: NVS, 11: MMIO, 12: MMIO}


class Canvas:
    """A memory map in the machine, and what it should be."""

    def __init__(self, live, ranges=()):
        self.live, self.at, self.paints = live, live.scratch, []
        self.size = 8 + RANGE.size * MOST
        data = b"".join(RANGE.pack(*r) for r in ranges)
        live.debugger.write(self.at, struct.pack("<Q", len(ranges)) + data)

    def put(self, start: int, size: int, kind: int) -> int:
        return self.live.status("memory_map_put", self.at, start, size, kind)

    def paint(self, start: int, size: int, kind: int) -> None:
        """On both."""
        doing = f"memory_map_put({start:#x}, {size:#x} bytes, {KINDS[kind]})"
        if status := self.put(start, size, kind):
            raise Wrong(f"STATUS_OK from {doing}",
                        f"{name_of(status)}: {self.live.why()}", step=1)
        self.paints.append((start, start + size, kind))
        self.must_be_model(f"{doing}, the {len(self.paints)}. paint")

    def read(self) -> list[tuple[int, int, int]]:
        count = self.live.debugger.word(self.at)
        if count > MOST:
            raise Wrong(f"{MOST} ranges at most", f"count is {count}")
        data = self.live.debugger.read(self.at + 8, RANGE.size * count)
        return list(RANGE.iter_unpack(data))

    def model(self) -> list[tuple[int, int, int]]:
        borders = sorted({at for a, b, _ in self.paints for at in (a, b)})
        found = []
        for a, b in zip(borders, borders[1:]):
            kind = max((k for x, y, k in self.paints if x <= a and b <= y),
                       default=0)
            if found and found[-1][2] == kind:
                a = found.pop()[0]
            found.append((a, b, kind))
        return found

    def must_be_model(self, after: str, step: int = 1) -> None:
        found, wanted = self.read(), self.model()
        if found == wanted:
            return
        odd = next(i for i in range(len(found) + len(wanted))
                   if found[i : i + 1] != wanted[i : i + 1])
        raise Wrong(f"after {after}: {shown(wanted, odd)}",
                    shown(found, odd), read="lib/memory_map.h",
                    look=f"p *(struct memory_map *){self.at:#x}", step=step)


def shown(ranges, near: int = 0) -> str:
    few = ranges[max(near - 1, 0) : near + 3]
    return f"{len(ranges)} ranges, around the difference " + (", ".join(
        f"{a:#x}…{b:#x} {KINDS[k] if k < len(KINDS) else k}"
        for a, b, k in few) or "none")


def some_paints(dice, count: int) -> list[tuple[int, int, int]]:
    """Ranges that overlap, touch and leave gaps."""
    places = [n * 7 * PAGE for n in range(1, 40)]
    return [(dice.choice(places) + dice.choice([0, 0, 3, PAGE]),
             dice.choice([1, PAGE, 7 * PAGE, 14 * PAGE, 30 * PAGE]),
             dice.choice([USABLE, BOOT, ACPI, RESERVED, RUNTIME, MMIO]))
            for _ in range(count)]


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


@check(25, needs="boots")
def put(w):
    """Forty ranges are painted over each other: after each, the list is right."""
    for _ in range(2):
        canvas = Canvas(w.live)
        for paint in some_paints(w.dice, 20):
            canvas.paint(*paint)


@check(10, needs="put")
def precedence(w):
    """The order in which ranges come makes no difference."""
    paints, lists = some_paints(w.dice, 14), []
    for order in (paints, paints[::-1], w.dice.sample(paints, 14)):
        canvas = Canvas(w.live)
        for paint in order:
            canvas.put(*paint)
        lists.append(canvas.read())
    for found in lists[1:]:
        if found != lists[0]:
            raise Wrong(f"the same from another order: {shown(lists[0])}",
                        shown(found), read="lib/memory_map.h", step=2)


@check(10, needs="put")
def limits(w):
    """What cannot be painted is refused, and changes nothing."""
    live = w.live
    canvas = Canvas(live, [(0x1000, 0x2000, USABLE)])
    before = canvas.read()
    tries = [(0x5000, 0, USABLE, 0), ((1 << 64) - PAGE, 2 * PAGE, MMIO, INVALID),
             (0x1000, PAGE, 0, INVALID), (0x1000, PAGE, len(KINDS), INVALID)]
    for start, size, kind, wanted in tries:
        doing = f"memory_map_put({start:#x}, {size:#x} bytes, kind {kind})"
        status = canvas.put(start, size, kind)
        if status != wanted or canvas.read() != before:
            raise Wrong(f"{name_of(wanted)} from {doing}, and no change",
                        f"{name_of(status)}, {shown(canvas.read())}",
                        read="lib/memory_map.h", step=3)
    full = [(n * PAGE, (n + 1) * PAGE, USABLE + n % 2) for n in range(MOST - 1)]
    canvas = Canvas(live, full)
    status = canvas.put(5 * PAGE + 16, 16, MMIO)
    if status != NO_MEMORY or canvas.read() != full:
        raise Wrong(f"STATUS_NO_MEMORY with {MOST - 1} ranges, and no change",
                    f"{name_of(status)}, {shown(canvas.read())}",
                    read="lib/memory_map.h", step=3)


def paint_map(w, descriptors, step: int) -> Canvas:
    """efi_map_merge() of a map that no firmware has."""
    live = w.live
    canvas = Canvas(live)
    fields = live.fields("efi/region.c", "boot_efi")
    data = b"".join(multiboot2.DESCRIPTOR.pack(*d).ljust(step, b"\xee")
                    for d in descriptors)
    given = canvas.at + canvas.size + 8
    head = bytearray(fields["map"])
    for name, form, value in (("map_bytes", "<Q", len(data)),
                              ("descriptor_bytes", "<I", step),
                              ("descriptor_version", "<I", 1)):
        struct.pack_into(form, head, fields[name], value)
    live.debugger.write(given, bytes(head) + data)
    status = live.status("efi_map_merge", given, canvas.at)
    if status:
        raise Wrong("STATUS_OK from efi_map_merge() of a sound map",
                    f"{name_of(status)}: {live.why()}", step=4)
    return canvas


@check(10, needs="boots")
def stride(w):
    """Descriptors of any size are read."""
    for step in (40, 48, 56, 96):
        rows = [(7, 0, (3 * n + 1) * PAGE, 0, w.dice.randint(1, 3), WB)
                for n in range(1, 9)]
        canvas = paint_map(w, rows, step)
        for _, _, pa, _, pages, _ in rows:
            if not any(a <= pa and pa + pages * PAGE <= b and k == USABLE
                       for a, b, k in canvas.read()):
                raise Wrong(f"{pages} pages at {pa:#x} usable, by descriptors "
                            f"of {step} bytes", shown(canvas.read()),
                            read="UEFI 2.10 §7.2.3", step=4)


def kind_of(w, kind: int, attribute: int) -> int:
    """The model of a descriptor's kind, in the rules of the README."""
    oem = seed.oem_type(w.seed)
    found = OF_TYPE.get(kind, RESERVED)
    if kind == oem:
        found = KINDS.index(seed.oem_kind(w.seed))
    free = found in (USABLE, BOOT)
    if attribute & IS_RUNTIME:
        return KEPT if found == BOOT else max(found, RUNTIME) \
            if found != RESERVED or kind in OF_TYPE else RESERVED
    plain = attribute & (WB | SP) == WB
    return RESERVED if free and not plain else found


@check(10, needs="put stride")
def kinds(w):
    """Each type of memory means what UEFI says, and what your vendor says."""
    oem = seed.oem_type(w.seed)
    types = [*range(16), oem, oem + 1, 0x80000001]
    rows = [(kind, 0, (2 * n + 2) * PAGE, 0, 1, attribute)
            for n, (kind, attribute) in enumerate(
                (kind, attribute) for kind in types
                for attribute in (WB, 0, WB | SP, WB | IS_RUNTIME))]
    w.dice.shuffle(rows)
    for at in range(0, len(rows), 38):
        canvas = paint_map(w, rows[at : at + 38], 48)
        ranges = canvas.read()
        for kind, _, pa, _, _, attribute in rows[at : at + 38]:
            found = next((k for a, b, k in ranges if a <= pa < b), 0)
            wanted = kind_of(w, kind, attribute)
            if found != wanted:
                raise Wrong(f"type {kind:#x} with attribute {attribute:#x} is "
                            f"{KINDS[wanted]}", KINDS[found],
                            read="UEFI 2.10 §7.2, table 7.10; the README",
                            step=5)


@check(10, needs="put precedence stride kinds limits", beside=True)
def efi(w):
    """This machine's own map, as GRUB has it, is in the kernel's."""
    live = w.start("efi=off end=exit")
    live.run_to("kernel_main")
    live.debugger.physical()
    rows = [fields for _, fields in multiboot2.rows(
        live.debugger, multiboot2.EFI_MAP, multiboot2.DESCRIPTOR)]
    live.debugger.physical(False)
    live.run_to("live")
    at = (live.symbol("kernel") + live.fields("kernel/main.c", "kernel")["boot"]
          + live.fields("kernel/main.c", "boot_info")["memory"])
    count = live.debugger.word(at)
    ranges = list(RANGE.iter_unpack(live.debugger.read(
        at + 8, RANGE.size * min(count, MOST))))
    live.close()
    for kind, _, pa, _, pages, attribute in rows:
        wanted = kind_of(w, kind, attribute)
        for at in (pa, pa + (pages - 1) * PAGE):
            found = next((k for a, b, k in ranges if a <= at < b), 0)
            if found < wanted:
                raise Wrong(f"{at:#x}, of type {kind}, is {KINDS[wanted]} or "
                            "more restrictive", KINDS[found],
                            read="UEFI 2.10 §7.2", step=6)
