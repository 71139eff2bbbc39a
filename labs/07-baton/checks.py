"""The checks of lab 7: what one kernel leaves to the next.

The grader has a handoff written that no machine would need: a setup header, a
memory map and a firmware out of the nonce, for a block at an address that does
not exist. Then it has the kernel prepare a real kexec, jumps with registers of
its own, and stops at the last instruction.
"""

import re
import struct
import zlib
from functools import lru_cache

from harness import paging, paths
from harness.rsp import GENERAL
from kit import seed
from kit.outside import PAGE, Wrong, check, name_of

BOOT = "Linux, Documentation/x86/boot.rst"
ZERO_PAGE = "Linux, Documentation/x86/zero-page.rst"
BLOCK_BYTES, COMMAND_LINE_MAX = 64 << 10, 2048  # kexec/, boot/handoff.h
SEAL_AT = PAGE + COMMAND_LINE_MAX
NODE = struct.Struct("<QII")  # struct setup_data
E820 = struct.Struct("<QQI")
REGION = struct.Struct("<I4xQQQQQ")  # struct efi_region
ENTRIES_MAX = 128
SETUP_E820_EXT, SETUP_EFI, SETUP_BATON = 1, 4, 0x4E544142
MAGIC, LOADER = 0x4F44414E4F544142, 0xFF
E820_KEPT = 0x4E544142
TYPES = {"HOLE": 0, "USABLE": 1, "BOOT_SERVICES": 1, "IN_USE": 1, "ACPI": 3,
         "NVS": 4, "KEPT": E820_KEPT}  # all others: 2
ENTRY_OFFSET = 0x200
REFUSED = 2
IF, DF, PAE, PG_NE_ET_PE = 1 << 9, 1 << 10, 1 << 5, 0x80000031


@lru_cache
def kinds() -> list[str]:
    """enum memory_kind: the names, without MEMORY_."""
    text = (paths.ROOT / "lib/memory_map.h").read_text()
    return re.findall(r"^    MEMORY_(\w+),", text, re.M)[:-1]


@lru_cache
def version() -> int:
    text = (paths.ROOT / "boot/handoff.h").read_text()
    return int(re.search(r"^#define HANDOFF_VERSION (\d+)", text, re.M)[1])


def numbers(values) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


class Memory:
    """Frames of the kernel's, to be filled from one end to the other."""

    def __init__(self, live, pages: int = 48):
        self.live, self.debugger = live, live.debugger
        self.debugger.write(live.scratch, b"the grader\0")
        at = live.scratch + 64
        if live.status("frames_take", live.scratch, pages, at):
            raise Wrong(f"{pages} frames for the grader", live.why())
        base = self.debugger.word(live.symbol("direct_map_base"))
        self.next = base + self.debugger.word(at)
        live.call("memset", self.next, 0, pages * PAGE)

    def put(self, data: bytes, room: int = 0) -> int:
        """Where it is."""
        at = self.next
        self.debugger.write(at, data)
        self.next += max(len(data), room) + 63 & -64
        return at


class Handoff:
    """A block that handoff_write() made, of a content that is made up."""

    def __init__(self, w, ranges: int, header: int = 0x6A):
        self.live, self.dice = w.live, w.dice
        dice, memory = w.dice, Memory(w.live)
        self.image = (dice.randbytes(0x201) + bytes([header])
                      + dice.randbytes(0xFE))
        self.line = "".join(dice.choices("abcdefgh =.", k=dice.randint(
            1, COMMAND_LINE_MAX - 1))).encode()
        self.memory = made_up(dice, ranges)
        self.efi = {"system_table_pa": dice.randrange(1 << 52),
                    "descriptor_bytes": dice.choice([48, 56, 64, 104]),
                    "descriptor_version": 1}
        self.map = dice.randbytes(self.efi["descriptor_bytes"]
                                  * dice.randint(3, 20))
        self.setup = dice.randbytes(96)
        baton = w.live.fields("kexec/handoff.c", "handoff")
        self.baton = dice.randbytes(baton["run"] + 16)
        self.block_pa = dice.randrange(1 << 20, 1 << 36) * PAGE
        self.scalars = {name: dice.randrange(1 << 48) for name in
                        ("bundle_pa", "bundle_bytes", "rsdp_pa")}
        self.screen = dice.randbytes(64)
        block = memory.put(b"", BLOCK_BYTES)
        self.status = w.live.status("handoff_write", self.content(memory),
                                    block, self.block_pa)
        self.why = w.live.why() if self.status else ""
        self.block = w.live.debugger.read(block, BLOCK_BYTES)

    def content(self, memory: Memory) -> int:
        """struct handoff_content, and all that it points to."""
        live = self.live
        offset = live.fields("kexec/handoff.c", "handoff_content")
        efi = live.fields("kexec/handoff.c", "boot_efi")
        firmware = bytearray(efi["map"]) + self.map
        struct.pack_into("<QIIQ", firmware, 0, *self.efi.values(),
                         len(self.map))
        ranges = numbers([len(self.memory)]) + b"".join(
            struct.pack("<QQQ", *row) for row in self.memory)
        values = {
            "image": memory.put(self.image),
            "memory": memory.put(ranges),
            "command_line": memory.put(self.line + b"\0"),
            "efi": memory.put(firmware, efi["map"] + (32 << 10)),
            "baton": memory.put(self.baton), **self.scalars}
        data = bytearray(max(offset.values()) + 8)
        for name, value in values.items():
            struct.pack_into("<Q", data, offset[name], value)
        for name, some in ("screen", self.screen), ("efi_setup", self.setup):
            data[offset[name] : offset[name] + len(some)] = some
        data[offset["with_efi_setup"]] = 1
        return memory.put(bytes(data))

    def entries(self) -> list[tuple]:
        """The memory map as e820 entries (start, bytes, type)."""
        found: list[list] = []
        for start, end, kind in self.memory:
            entry_type = TYPES.get(kinds()[kind], 2)
            last = found[-1] if found else None
            if last and last[2] == entry_type and sum(last[:2]) == start:
                last[1] += end - start
            elif entry_type:
                found.append([start, end - start, entry_type])
        return [tuple(row) for row in found]

    def at(self, pa: int, size: int) -> bytes:
        """What the block has there; nothing, if that is not within it."""
        inside = 0 <= pa - self.block_pa <= BLOCK_BYTES - size
        return self.block[pa - self.block_pa :][:size] if inside else b""

    def word(self, offset: int, size: int = 8) -> int:
        return int.from_bytes(self.block[offset : offset + size], "little")

    def halves(self, high: int, low: int) -> int:
        return self.word(high, 4) << 32 | self.word(low, 4)

    def nodes(self) -> list[tuple[int, int, bytes]]:
        """(pa, type, payload) of the chain of setup_data."""
        found, pa = [], self.word(0x250)
        while pa:
            head = self.at(pa, NODE.size)
            if not head or len(found) == 64:
                raise Wrong("a chain of setup_data within the block at "
                            f"{self.block_pa:#x}, that ends with 0",
                            f"{len(found)} nodes, then {pa:#x}", read=BOOT,
                            step=3)
            after, kind, size = NODE.unpack(head)
            found.append((pa, kind, self.at(pa + NODE.size, size)))
            pa = after
        return found

    def used(self) -> int:
        """Where the last node or the EFI map ends."""
        ends = [pa + NODE.size + len(payload)
                for pa, _, payload in self.nodes()]
        ends.append(self.halves(0x1DC, 0x1D0) + len(self.map))
        return max(ends) - self.block_pa


def made_up(dice, count: int) -> list[tuple[int, int, int]]:
    """Ranges that touch, of kinds that differ: (start, end, kind)."""
    at, rows = dice.randrange(1 << 20) * PAGE, []
    for _ in range(count):
        size = dice.randint(1, 1 << 20) * PAGE
        others = [kind for kind in range(len(kinds()))
                  if not rows or kind != rows[-1][2]]
        rows.append((at, at + size, dice.choice(others)))
        at += size
    return rows


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


class Staged:
    """An image that the kernel has loaded, and prepares to enter."""

    def __init__(self, w):
        self.live = live = w.live
        offset = live.fields("kexec/kexec.c", "kexec_staged")
        image = live.fields("kexec/kexec.c", "kernel_image")
        memory = Memory(live)
        self.at, name = memory.put(b"", 2 * PAGE), memory.put(b"baton\0")
        self.boot = live.symbol("kernel")
        self.offset = offset
        self.must(live.status("kexec_load", self.boot, name, 0, self.at))
        self.next = live.call("leave_description", self.boot)
        self.base = self.word("base_pa")
        init_size = offset["image"] + image["header"] + 0x260 - 0x1F1
        self.bytes = struct.unpack("<I", live.debugger.read(
            self.at + init_size, 4))[0]

    def must(self, status: int) -> None:
        if status:
            raise Wrong("STATUS_OK", f"{name_of(status)}: {self.live.why()}",
                        look="hbreak kexec_prepare", step=1)

    def word(self, name: str) -> int:
        return self.live.debugger.word(self.at + self.offset[name])

    def prepare(self) -> None:
        """All of it: the table and the handoff."""
        self.must(self.live.status("kexec_prepare", self.boot, self.at,
                                   self.next))

    def build_table(self) -> None:
        """Up to where the handoff is written: only the table is needed."""
        live, debugger = self.live, self.live.debugger
        here = debugger.register("rip")
        before = {name: debugger.register(name) for name in GENERAL}
        stack = (before["rsp"] - 256 & ~15) - 8
        debugger.write(stack, here.to_bytes(8, "little"))
        for name, value in zip(("rip", "rsp", "rdi", "rsi", "rdx"), (
                live.symbol("kexec_prepare"), stack, self.boot, self.at,
                self.next)):
            debugger.set_register(name, value)
        reached = live.run_to_one({live.symbol("handoff_write"): True,
                                   here: False}, "handoff_write(), or back")
        for name, value in before.items():
            debugger.set_register(name, value)
        self.must(0 if reached else 5)

    @property
    def root(self) -> int:
        return self.word("transition")

    @property
    def block(self) -> int:
        return self.word("block_pa")


@check(12, needs="boots")
def transition(w):
    """The page table of the jump maps what both kernels need on it."""
    it, live = Staged(w), w.live
    it.build_table()
    code = live.symbol("text_start")
    block = it.block
    wanted = [(va, paging.target(live.walk(va)), "r-x", "the code that jumps")
              for va in range(code, live.symbol("head_end"), PAGE)]
    wanted += [(pa, pa, "rwx", "the image, as long as it may write")
               for pa in (it.base, it.base + it.bytes // 2 & -PAGE,
                          it.base + it.bytes - 1 & -PAGE)]
    wanted += [(block + at, block + at, "rw", "the handoff")
               for at in (0, PAGE, BLOCK_BYTES - PAGE)]
    for va, pa, rights, what in wanted:
        steps = live.walk(va, it.root)
        if paging.target(steps) != pa or \
                not set(rights) <= set(paging.rights(steps)):
            raise Wrong(f"{va:#x} leads to {pa:#x}, {rights}: {what}",
                        "it does not", live.explain(va, it.root),
                        read=f"{BOOT}, \"64-bit Boot Protocol\"",
                        look=f"pt {va:#x} {it.root:#x}", step=1)


OTHERS = [(0x1C0, 0x20), (0x1E8, 1), (0x250, 8), (0x2D0, 2560)]


def params_of(it: Handoff) -> bytes:
    """boot_params, but for what other checks look at."""
    page = bytearray(PAGE)
    page[0:64] = it.screen
    end = min(0x202 + it.image[0x201], 0x26C)
    page[0x1F1:end] = it.image[0x1F1:end]
    for low, high, value in (
            (0x218, 0xC0, it.scalars["bundle_pa"]),
            (0x21C, 0xC4, it.scalars["bundle_bytes"]),
            (0x228, 0xC8, it.block_pa + PAGE)):
        struct.pack_into("<I", page, low, value & 0xFFFFFFFF)
        struct.pack_into("<I", page, high, value >> 32)
    struct.pack_into("<Q", page, 0x70, it.scalars["rsdp_pa"])
    page[0x210] = LOADER
    return without_others(page)


def without_others(page: bytes) -> bytes:
    page = bytearray(page)
    for at, size in OTHERS:
        page[at : at + size] = bytes(size)
    return bytes(page)


@check(9, needs="boots")
def params(w):
    """boot_params have the image's own header, and what it needs to know."""
    for header in w.dice.choice([0x2A, 0x5A, 0x66]), w.dice.choice([0x82, 0xFF]):
        params_are_right(Handoff(w, w.dice.randint(5, 40), header))


def params_are_right(it: Handoff) -> None:
    found, want = without_others(it.block[:PAGE]), params_of(it)
    odd = next((n for n in range(PAGE) if found[n] != want[n]), None)
    if odd is not None:
        odd &= -4
        raise Wrong(f"boot_params + {odd:#x}: {want[odd : odd + 4].hex()}",
                    found[odd : odd + 4].hex()
                    + (f"; {it.why}" if it.status else ""),
                    [f"the image's header ends at {0x202 + it.image[0x201]:#x}",
                     f"block {it.block_pa:#x}, bundle {it.scalars}"],
                    read=f"{BOOT}; {ZERO_PAGE}", step=2)
    line = it.block[PAGE : PAGE + len(it.line) + 1]
    if line != it.line + b"\0":
        raise Wrong("the command line, with its zero, behind boot_params",
                    f"{line[:60]!r}", read="boot/handoff.h", step=2)


@check(9, needs="params")
def memory(w):
    """The memory map is an e820 list, joined, as far as there is room."""
    for count in (w.dice.randint(20, 60), w.dice.randint(350, 448)):
        it = Handoff(w, count)
        want = it.entries()
        here = min(len(want), ENTRIES_MAX)
        found = [E820.unpack_from(it.block, 0x2D0 + E820.size * n)
                 for n in range(here)]
        if it.block[0x1E8] != here:
            raise Wrong(f"e820_entries is {here}, of {len(want)} in all",
                        str(it.block[0x1E8]), read=ZERO_PAGE, step=2)
        for n, (a, b) in enumerate(zip(found, want)):
            if a != b:
                shown = [" to ".join(map(hex, row[:2]))
                         + f" {kinds()[row[2]]}" for row in it.memory
                         if row[0] <= b[0] + b[1] and b[0] <= row[1]]
                raise Wrong("entry {}: {:#x}, {:#x} bytes, type {:#x}".format(
                    n, *b), "{:#x}, {:#x} bytes, type {:#x}".format(*a),
                    shown[:6], read="ACPI 6.5 §15; boot/e820.h", step=2)


def written(it: Handoff) -> None:
    if it.status:
        raise Wrong("STATUS_OK from handoff_write()",
                    f"{name_of(it.status)}: {it.why}", step=3)


@check(10, needs="memory")
def chain(w):
    """The chain of nodes: the handoff first, then what the rows write."""
    it = Handoff(w, w.dice.randint(400, 448))
    written(it)
    nodes = it.nodes()
    rest = it.entries()[ENTRIES_MAX:]
    wanted = [(SETUP_BATON, None, "the handoff itself"),
              (SETUP_E820_EXT, b"".join(E820.pack(*row) for row in rest),
               f"{len(rest)} more e820 entries"),
              (SETUP_EFI, it.setup, "the firmware's physical addresses")]
    for kind, payload, what in wanted:
        hits = [row for row in nodes if row[1] == kind]
        if len(hits) != 1 or (payload is not None and hits[0][2] != payload):
            raise Wrong(f"one node of type {kind:#x} with {what}",
                        f"{len(hits)}" + (f", of {len(hits[0][2])} bytes"
                                          if hits else ""),
                        [f"{pa:#x}: type {found:#x}, {len(data)} bytes"
                         for pa, found, data in nodes], read=BOOT, step=3)
    first, _, sealed = nodes[0]
    if first != it.block_pa + SEAL_AT or len(sealed) != len(it.baton):
        raise Wrong(f"the first node at {it.block_pa + SEAL_AT:#x}, with "
                    f"{len(it.baton)} bytes of struct handoff",
                    f"{first:#x}, {len(sealed)} bytes", read="boot/handoff.h",
                    step=3)


@check(8, needs="chain")
def seal(w):
    """The block says what it is, and its CRC is right."""
    it = Handoff(w, w.dice.randint(20, 200))
    written(it)
    offset = w.live.fields("kexec/handoff.c", "handoff")
    at = SEAL_AT + NODE.size
    used = it.used()
    crc_at = at + offset["block_crc"]
    block = it.block[:crc_at] + bytes(4) + it.block[crc_at + 4 : used]
    for name, size, want in (
            ("magic", 8, MAGIC), ("version", 4, version()),
            ("bytes", 4, len(it.baton)), ("block_pa", 8, it.block_pa),
            ("block_bytes", 4, used),
            ("block_crc", 4, zlib.crc32(block, seed.crc_start(w.seed)))):
        found = it.word(at + offset[name], size)
        if found != want:
            raise Wrong(f"{name} is {want:#x}", f"{found:#x}",
                        read="boot/handoff.h, boot/boot_params.c, the README",
                        look="print *sealed", step=3)
    for name in ("generation", "mode", "counter", "run"):
        if it.block[at + offset[name] :][:8] != it.baton[offset[name] :][:8]:
            raise Wrong(f"{name} as the content has it", "another one",
                        read="boot/handoff.h", step=3)


@check(5, needs="memory")
def efi(w):
    """efi_info leads to the system table and to a copy of the map."""
    it = Handoff(w, w.dice.randint(5, 40))
    found = {"signature": it.block[0x1C0:0x1C4],
             "system table": it.halves(0x1D8, 0x1C4),
             "step": it.word(0x1C8, 4), "version": it.word(0x1CC, 4),
             "size": it.word(0x1D4, 4)}
    want = {"signature": b"EL64", "system table": it.efi["system_table_pa"],
            "step": it.efi["descriptor_bytes"], "version": 1,
            "size": len(it.map)}
    for name, value in want.items():
        if found[name] != value:
            raise Wrong(f"{name}: {shown(value)}", shown(found[name]),
                        read=ZERO_PAGE, step=3)
    map_pa = it.halves(0x1DC, 0x1D0)
    if it.at(map_pa, len(it.map)) != it.map:
        raise Wrong("a copy of the map in the block",
                    f"another one at {map_pa:#x}", read=ZERO_PAGE, step=3)


def shown(value) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else hex(value)


def regions_of(dice, count: int) -> list[tuple]:
    """Runtime regions: (type, pa, va, pages, attribute, listed)."""
    at, rows = dice.randint(1, 1 << 16) * PAGE, []
    for n in range(count):
        pages = dice.choice([1, 5, 300, 513, 1024])
        rows.append((dice.choice([5, 6]), at, 0, pages, 1 << 63 | 8, n))
        at += (pages + dice.choice([0, dice.randint(1, 999)])) * PAGE
    return rows


def laid(live, at: int, rows: list[tuple]) -> None:
    live.debugger.write(at, numbers([len(rows)])
                        + b"".join(REGION.pack(*row) for row in rows))


@check(7, needs="boots")
def adopts(w):
    """Regions are where the rule puts them; if one is not, it is refused."""
    live, at = w.live, w.live.scratch
    place = live.symbol("efi_place_fixed")
    mode = live.call("efi_mode_find", Memory(live, 1).put(b"fixed\0"))
    count = w.dice.randint(3, 20)
    rows = regions_of(w.dice, count)
    laid(live, at, rows)
    if live.status("efi_place_fixed", at):
        raise Wrong(f"efi_place_fixed() at {place:#x} works", live.why())
    data = live.debugger.read(at + 8, REGION.size * count)
    right = list(REGION.iter_unpack(data))
    for odd in (None, 0, count - 1, w.dice.randrange(count)):
        given = [(*row[:2], row[2] + PAGE * (n == odd), *row[3:])
                 for n, row in enumerate(right)]
        laid(live, at, given)
        status = live.status("efi_adopt_by_rule", mode, at, 0)
        if status != (0 if odd is None else REFUSED):
            words = "all regions are" if odd is None else \
                f"region {odd} of {count} is not"
            raise Wrong(f"{'OK' if odd is None else 'STATUS_REFUSED'}: {words} "
                        "where the rule of fixed puts it",
                        f"{name_of(status)}"
                        + (f": {live.why()}" if status else ""),
                        read="efi/mode.h; docs/modes.md", step=5)
        data = live.debugger.read(at + 8, REGION.size * count)
        if odd is None and list(REGION.iter_unpack(data)) != right:
            raise Wrong("an adoption changes nothing", "it does",
                        read="efi/mode.h", step=5)


def jumping(w) -> dict[str, int]:
    """To the last instruction, with registers that are the nonce's; what they
    must be there. (The kernel's memory is not mapped any more by then.)"""
    it, debugger = Staged(w), w.live.debugger
    it.prepare()
    values = {name: w.dice.randrange(1 << 64) for name in GENERAL
              if name not in ("rsp", "rip")}
    wanted = {name: 0 for name in values}
    values |= {"rdi": it.base + ENTRY_OFFSET, "rsi": it.block, "rdx": it.root,
               "eflags": IF | DF | 2, "rip": w.live.symbol("kexec_jump")}
    wanted |= {"rax": values["rdi"], "rsi": it.block, "cr3": it.root,
               "cr4": PAE, "cr0": PG_NE_ET_PE, "cs": 0x10, "ss": 0x18}
    for name, value in values.items():
        debugger.set_register(name, value)
    w.live.run_to("kexec_last_instruction")
    return wanted


@check(10, needs="transition seal efi")
def state(w):
    """At the last instruction the processor is as boot.rst wants it."""
    live, wanted = w.live, jumping(w)
    debugger = live.debugger
    for name, value in wanted.items():
        found = debugger.register(name)
        if found != value:
            raise Wrong(f"{name} is {value:#x}", f"{found:#x}",
                        read=f"{BOOT}, \"64-bit Boot Protocol\"; SDM vol. 3 "
                        "§2.5", look=f"print/x ${name}", step=4)
    flags = debugger.register("eflags")
    tables = {name: live.table_register(name)[0] for name in ("GDT", "IDT")}
    early = live.symbol("nmi_page")
    if flags & (IF | DF) or tables["GDT"] != live.symbol("early_gdt") or \
            not early <= tables["IDT"] < early + 2 * PAGE:
        raise Wrong("IF 0, DF 0, the GDT of the early hooks, and their IDT",
                    f"IF {flags >> 9 & 1}, DF {flags >> 10 & 1}, GDT at "
                    f"{tables['GDT']:#x}, IDT at {tables['IDT']:#x}",
                    read="boot/entry.asm, kernel/nmi/early.asm",
                    look="info registers", step=4)


@check(3, needs="state")
def arrives(w):
    """The next kernel begins, and comes to its first line of C."""
    live = w.live
    live.run_to_address(live.debugger.register("rax"),
                        "the next kernel's entry")
    live.run_to("kernel_main")
    w.drop()


@check(2, needs="arrives adopts")
def lives(w):
    """Two generations call the firmware; the third, whose handoff has a bit
    that was flipped on the way, does not."""
    live = w.start("efi=fixed generations=3 end=exit")
    for _ in range(2):
        live.run_to("kexec_last_instruction")
    debugger = live.debugger
    debugger.physical()
    debugger.flip(debugger.register("rsi") + SEAL_AT + NODE.size
                  + w.dice.randrange(64), w.dice.randrange(8))
    debugger.physical(False)
    w.counts(live.finish(), 2)
