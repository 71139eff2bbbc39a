"""The checks of lab 6: what is passed to the firmware, and what becomes of it.

The grader is the firmware's other side: it reads the firmware's own tables where
GRUB says that they are, stops at SetVirtualAddressMap's first instruction, and
returns from there with an answer of its own.
"""

import struct

from harness import multiboot2, paging
from harness.layouts import REGION, SERVICES
from kit import seed
from kit.outside import PAGE, Wrong, check

LARGE = 2 << 20
IS_RUNTIME, WB = 1 << 63, 1 << 3
DEVICE_ERROR = 1 << 63 | 7
SYSTEM_TABLE = 12  # a tag: EFI 64-bit system table pointer
RUNTIME_SERVICES, VENDOR, CONFIG = 88, 24, 112  # in the system table
FIRST = 24  # of them, in the runtime services table
STAY = ("SetVirtualAddressMap", "ConvertPointer")


def model(of: int, regions: list[tuple[int, int]]) -> list[int]:
    """Where regions (pa, bytes) in ascending order go, by the rule."""
    mine, placed = seed.rule(of), {}
    edge = mine["start"]
    order = range(len(regions))
    before = None
    for i in reversed(order) if mine["down"] else order:
        pa, size = regions[i]
        low, high = sorted((i, before if before is not None else i))
        touches = low != high and sum(regions[low]) == regions[high][0]
        hole = mine["hole"] if before is not None and not touches else 0
        if mine["down"]:
            va = edge - hole - size
            va -= 0 if touches else (va - pa) % mine["modulo"]
            edge = va
        else:
            va = edge + hole
            va += 0 if touches else (pa - va) % mine["modulo"]
            edge = va + size
        placed[i], before = va, i
    return [placed[i] for i in order]


def made_up(dice, count: int) -> list[tuple]:
    """Regions that no firmware has: (type, pa, va, pages, attribute, listed)."""
    rows, pa = [], dice.randint(1, 99) * PAGE
    listed = dice.sample(range(count), count)
    for n in range(count):
        pages = dice.choice([1, 2, 5, 48, 300, 513, 1024])
        if n and dice.random() < 0.5:
            pa += dice.randint(1, 3000) * PAGE
        rows.append((dice.choice([5, 6, 11]), pa,
                     dice.randrange(1 << 30) * PAGE, pages,
                     IS_RUNTIME | dice.choice([WB, 1]), listed[n]))
        pa += pages * PAGE
    return rows


def descriptor(data: bytes) -> str:
    """One of a memory map, in words."""
    kind, pad, pa, va, pages, attribute = multiboot2.DESCRIPTOR.unpack(
        data.ljust(multiboot2.DESCRIPTOR.size, b"\0"))
    return (f"type {kind:#x}, padding {pad:#x}, pa {pa:#x}, va {va:#x}, "
            f"{pages:#x} pages, attribute {attribute:#x}")


def put(live, rows) -> int:
    """A struct efi_regions in scratch memory."""
    live.debugger.write(live.scratch, struct.pack("<Q", len(rows))
                        + b"".join(REGION.pack(*row) for row in rows))
    return live.scratch


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


@check(15, needs="boots")
def write(w):
    """The map says each region, as the firmware's own map would."""
    live, dice = w.live, w.dice
    for step in (40, 48, 56, 104):
        rows = made_up(dice, dice.randint(3, 12))
        at, with_va = put(live, rows), dice.choice([True, True, False])
        target, size = at + 8 + REGION.size * 128, step * len(rows)
        live.debugger.write(target, b"\xa5" * (size + 64))
        live.call("efi_regions_write", at, step, int(with_va), target)
        want = bytearray(size)
        for kind, pa, va, pages, attribute, listed in rows:
            multiboot2.DESCRIPTOR.pack_into(
                want, listed * step, kind, 0, pa, va if with_va else 0, pages,
                attribute)
        found = live.debugger.read(target, size + 64)
        if found != bytes(want) + b"\xa5" * 64:
            odd = next(i for i, (a, b) in enumerate(zip(
                found, bytes(want) + b"\xa5" * 64)) if a != b)
            row = odd // step * step
            raise Wrong(
                f"{len(rows)} descriptors of {step} bytes, with_va "
                f"{with_va}: number {odd // step} is "
                + descriptor(bytes(want[row : row + 40])),
                descriptor(found[row : row + 40])
                + (", and the bytes behind the map are changed"
                   if odd >= size else ""),
                read="UEFI 2.10 §7.2.3, EFI_MEMORY_DESCRIPTOR; efi/region.h",
                step=1)


@check(20, needs="boots")
def rule(w):
    """Regions go where your rule puts them."""
    live = w.live
    for count in (1, 5, 6, w.dice.randint(7, 20)):
        rows = made_up(w.dice, count)
        at = put(live, rows)
        status = live.status("efi_place_yours", at)
        if status:
            raise Wrong("STATUS_OK from efi_place_yours()", live.why(), step=2)
        data = live.debugger.read(at + 8, REGION.size * count)
        found = [row[2] for row in REGION.iter_unpack(data)]
        want = model(w.seed, [(r[1], r[3] * PAGE) for r in rows])
        for n, (a, b) in enumerate(zip(found, want)):
            if a != b:
                near = rows[max(n - 1, 0) : n + 2]
                raise Wrong(
                    f"region {n} of {count} at {b:#x}", f"{a:#x}",
                    [f"pa {r[1]:#x} to {r[1] + r[3] * PAGE:#x}" for r in near],
                    read="the README, and the top of efi/modes/yours.c", step=2)


class Firmware:
    """A machine whose firmware is looked at from outside: as GRUB left it."""

    def __init__(self, w, words: str):
        self.w, self.live = w, w.start(f"efi=yours {words}")
        self.live.run_to("kernel_main")
        debugger = self.live.debugger
        debugger.physical()
        rows = [fields for _, fields in multiboot2.rows(
            debugger, multiboot2.EFI_MAP, multiboot2.DESCRIPTOR)]
        at, _ = multiboot2.tag(debugger, SYSTEM_TABLE)
        self.system = debugger.word(at)
        debugger.physical(False)
        self.regions = sorted((row[2], row[4] * PAGE) for row in rows
                              if row[5] & IS_RUNTIME)
        self.places = model(w.seed, self.regions)
        self.runtime = self.word(self.system + RUNTIME_SERVICES)
        self.before = self.pointers()

    def word(self, pa: int) -> int:
        return int.from_bytes(self.live.phys(pa, 8), "little")

    def moved(self, pa: int) -> int:
        """Where the model puts a byte."""
        for (start, size), va in zip(self.regions, self.places):
            if start <= pa < start + size:
                return va + pa - start
        return pa

    def pointers(self) -> dict[str, int]:
        found = {name: self.word(self.runtime + FIRST + 8 * n)
                 for n, name in enumerate(SERVICES)}
        return found | {"RuntimeServices": self.word(
            self.system + RUNTIME_SERVICES)}

    def must_have_moved(self, when: str) -> None:
        for name, now in self.pointers().items():
            was = self.before[name]
            want = was if name in STAY else self.moved(was)
            if now != want:
                raise Wrong(f"{name}, which was {was:#x}, is {want:#x} {when}",
                            f"{now:#x}", read="UEFI 2.10 §8.4", step=3,
                            look="efi-mode")

    def must_be_closed(self, after: str) -> None:
        """The kernel does not take the firmware for callable."""
        live = self.live
        at = live.debugger.word(live.symbol("firmware"))
        ready = live.debugger.read(
            at + live.fields("efi/open.c", "efi_firmware")["ready"], 1)
        self.close()
        if ready != b"\0":
            raise Wrong(f"firmware->ready is false, for {after}", "it is true",
                        read="UEFI 2.10 §8.4, §4.2",
                        look="print firmware->ready", step=4)

    def run_to_its_end(self) -> None:
        """To where SetVirtualAddressMap returns to."""
        debugger = self.live.debugger
        self.live.run_to_address(self.before["SetVirtualAddressMap"],
                                 "SetVirtualAddressMap")
        self.live.run_to_address(debugger.word(debugger.register("rsp")),
                                 "its return")

    def close(self) -> None:
        self.live.close()


def third(w) -> Firmware:
    """A chain of three generations, for three checks in a row."""
    if "chain" not in w.kept:
        w.kept["chain"] = Firmware(w, "generations=3 end=exit")
        w.kept["chain"].live.run_to("kexec_jump")
    return w.kept["chain"]


@check(12, needs="write rule")
def svam(w):
    """All pointers of the firmware have moved, once, by your rule."""
    third(w).must_have_moved("at the first kexec")


@check(8, needs="svam")
def mapped(w):
    """There, each region is mapped, and none is writable and executable."""
    it = third(w)
    for (pa, size), va in zip(it.regions, it.places):
        for at in (0, size // 2 & -PAGE, size - PAGE):
            steps = it.live.walk(va + at)
            if paging.target(steps) != pa + at or paging.rights(steps) == "rwx":
                raise Wrong(f"{va + at:#x} leads to {pa + at:#x}, and is not "
                            "rwx", "it does not", it.live.explain(va + at),
                            look=f"pt {va + at:#x}", step=3)


@check(8, needs="svam mapped")
def adopt(w):
    """The next kernels call it there, and nothing moves any more."""
    it = third(w)
    it.live.run_to("kexec_jump")
    it.must_have_moved("at the second kexec")
    w.counts(it.live.finish(), 3)


@check(12, needs="svam", beside=True)
def answer(w):
    """A firmware that says EFI_DEVICE_ERROR is not called any more."""
    it = Firmware(w, "generations=2 end=exit")
    it.run_to_its_end()
    it.live.debugger.set_register("rax", DEVICE_ERROR)
    it.live.run_to("kexec_jump")
    it.must_be_closed("SetVirtualAddressMap answered EFI_DEVICE_ERROR")
