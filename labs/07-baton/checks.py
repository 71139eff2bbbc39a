"""The checks of lab 7: what one kernel leaves to the next.

The grader has a handoff written that no machine would need: a command line, a
memory map and a firmware out of the nonce, for a block at an address that does
not exist. Then it has the kernel prepare a real kexec, jumps with registers of
its own, and stops at the last instruction.
"""

import re
import struct
import zlib
from functools import lru_cache

from harness import paging, paths
from harness.handoff import COMMAND_LINE, EFI, FIRMWARE, MEMORY, NODE
from harness.layouts import RANGE, REGION
from harness.rsp import GENERAL
from kit import seed
from kit.outside import PAGE, Wrong, check, name_of

BOOT = "Linux, Documentation/x86/boot.rst"
BLOCK_BYTES, COMMAND_LINE_MAX = 64 << 10, 2048  # boot/handoff.h
ALIGNMENT = 8  # of nodes (boot/node.h)
MAGIC = 0x4F44414E4F544142
RECEIVED = {"HOLE": "HOLE", "USABLE": "USABLE", "BOOT_SERVICES": "USABLE",
            "IN_USE": "USABLE", "ACPI": "ACPI", "NVS": "NVS",
            "KEPT": "KEPT"}  # all others: RESERVED
ENTRY_OFFSET = 0x200
REFUSED, NO_MEMORY = 2, 4
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


class Content:
    """A struct handoff_content that is made up."""

    def __init__(self, w, ranges: int):
        self.live, self.dice = w.live, w.dice
        dice, self.room = w.dice, Memory(w.live)
        self.line = "".join(dice.choices("abcdefgh =.", k=dice.randint(
            1, COMMAND_LINE_MAX - 1))).encode()
        self.memory = made_up(dice, ranges)
        step = dice.choice([48, 56, 64, 104])
        size = step * dice.randint(3, 20)
        self.efi = EFI.pack(dice.randrange(1 << 52), 8, step, 1, 1,
                            dice.randbytes(96), size)
        self.efi += dice.randbytes(size)
        head = w.live.fields("boot/handoff.c", "handoff")
        self.baton = dice.randbytes(head["aborted"] + 8)
        self.needs = [dice.randrange(1 << 48) for _ in range(3)]
        self.at = self.put()

    def put(self) -> int:
        """The structure, and all that it points to."""
        live, put = self.live, self.room.put
        offset = live.fields("boot/handoff.c", "handoff_content")
        info = live.fields("boot/handoff.c", "boot_info")
        boot = put(b"", max(info.values()) + 512)
        for name, value in zip(("rsdp_pa", "bundle_pa", "bundle_bytes"),
                               self.needs):
            live.debugger.write(boot + info[name], numbers([value]))
        ranges = numbers([len(self.memory)]) + b"".join(
            RANGE.pack(*row) for row in self.memory)
        values = {"boot": boot, "memory": put(ranges),
                  "command_line": put(self.line + b"\0"),
                  "efi": put(self.efi, len(self.efi) + (32 << 10)),
                  "baton": put(self.baton)}
        data = bytearray(max(offset.values()) + 8)
        for name, value in values.items():
            struct.pack_into("<Q", data, offset[name], value)
        return put(bytes(data))

    def received(self) -> bytes:
        """What the receiver is to read of memory."""
        found: list[list] = []
        for start, end, number in self.memory:
            kind = kinds().index(RECEIVED.get(kinds()[number], "RESERVED"))
            last = found[-1] if found else None
            if last and last[2] == kind and last[1] == start:
                last[1] = end
            elif kind:
                found.append([start, end, kind])
        return numbers(self.needs) + b"".join(RANGE.pack(*row)
                                              for row in found)


class Handoff(Content):
    """A block that handoff_write() made of such a content."""

    def __init__(self, w, ranges: int):
        super().__init__(w, ranges)
        self.block_pa = w.dice.randrange(1 << 20, 1 << 36) * PAGE
        block = self.room.put(b"", BLOCK_BYTES)
        status = w.live.status("handoff_write", self.at, block, BLOCK_BYTES,
                               self.block_pa)
        if status:
            raise Wrong("STATUS_OK from handoff_write()",
                        f"{name_of(status)}: {w.live.why()}", step=3)
        self.block = w.live.debugger.read(block, BLOCK_BYTES)

    def word(self, offset: int, size: int = 8) -> int:
        return int.from_bytes(self.block[offset : offset + size], "little")

    def nodes(self) -> list[tuple[int, int, bytes]]:
        """(offset, type, payload) of each, up to where there are only zeros."""
        found, at = [], len(self.baton)
        while any(self.block[at : at + NODE.size]):
            kind, size = NODE.unpack_from(self.block, at)
            if size > BLOCK_BYTES - at - NODE.size:
                raise Wrong("nodes within the block, one behind the other",
                            f"at {at:#x} one of type {kind:#x} with {size} "
                            "bytes", read="boot/node.h", step=3)
            found.append((at, kind, self.block[at + NODE.size :][:size]))
            at += up(NODE.size + size)
        return found

    def used(self) -> int:
        """Where the last node ends."""
        at, _, payload = self.nodes()[-1]
        return at + up(NODE.size + len(payload))


def up(size: int) -> int:
    return size + ALIGNMENT - 1 & -ALIGNMENT


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


@check(9, needs="boots")
def nodes(w):
    """A node is its head and its payload, at a multiple of 8; or refused."""
    live, room, dice = w.live, Memory(w.live), w.dice
    size, whole = dice.randint(300, 900), 3 * PAGE // 2
    block, payload = room.put(b"", 2 * PAGE), dice.randbytes(size)
    source = room.put(payload)
    want, used = bytearray(2 * PAGE), 8 * dice.randint(1, 30)
    to = room.put(numbers([block, whole, used]))
    for _ in range(40):
        kind, part = dice.randrange(1, 1 << 32), dice.randint(0, size)
        fits = up(NODE.size + part) <= whole - used
        words = f"{part} bytes more, {used} used of {whole}"
        status = live.status("node_write", to, kind, source, part)
        if fits:
            want[used : used + NODE.size + part] = (NODE.pack(kind, part)
                                                    + payload[:part])
            used += up(NODE.size + part)
        if status != (0 if fits else NO_MEMORY):
            raise Wrong(f"{name_of(0 if fits else NO_MEMORY)}: {words}",
                        name_of(status) + (f": {live.why()}" if status else ""),
                        read="boot/node.h", step=2)
        found = live.debugger.word(to + 16)
        if found != used:
            raise Wrong(f"`used` is then {used}: {words}", str(found),
                        read="boot/node.h", step=2)
    found = live.debugger.read(block, 2 * PAGE)
    odd = next((n for n in range(2 * PAGE) if found[n] != want[n]), None)
    if odd is not None:
        raise Wrong(f"block + {odd:#x}: {want[odd]:#04x}",
                    f"{found[odd]:#04x}", read="boot/node.h", step=2)


@check(9, needs="boots")
def memory(w):
    """The memory map is as the receiver shall see it, joined."""
    for count in (w.dice.randint(20, 60), w.dice.randint(350, 448)):
        it, live = Content(w, count), w.live
        size_at = it.room.put(b"", 8)
        at, want = live.call("handoff_memory_of", it.at, size_at), it.received()
        size = live.debugger.word(size_at) & 0xFFFFFFFF
        found = live.debugger.read(at, len(want))
        for n in range(0, len(want), RANGE.size):
            a, b = (row[n : n + RANGE.size] for row in (found, want))
            if a != b and n == 0:
                raise Wrong("RSDP, bundle and its length: "
                            f"{' '.join(map(hex, it.needs))}", a.hex(),
                            read="boot/node.h", step=2)
            if a != b:
                start, end, kind = RANGE.unpack(b)
                shown = [" to ".join(map(hex, row[:2]))
                         + f" {kinds()[row[2]]}" for row in it.memory
                         if row[0] <= end and start <= row[1]]
                raise Wrong(f"range {n // RANGE.size - 1}: {start:#x} to "
                            f"{end:#x}, {kinds()[kind]}",
                            "{:#x} to {:#x}, kind {}".format(*RANGE.unpack(a)),
                            shown[:6], read="boot/content.c", step=2)
        if size != len(want):
            raise Wrong(f"{len(want)} bytes", str(size), read="boot/node.h",
                        step=2)


def payload_of(it: Handoff, kind: int, want: bytes, what: str) -> None:
    hits = [row for row in it.nodes() if row[1] == kind]
    if len(hits) != 1 or hits[0][2] != want:
        raise Wrong(f"one node of type {kind:#x} with {what}",
                    f"{len(hits)}" + (f", of {len(hits[0][2])} bytes"
                                      if hits else ""),
                    [f"{at:#x}: type {found:#x}, {len(data)} bytes"
                     for at, found, data in it.nodes()], read="boot/node.h",
                    step=3)


@check(10, needs="nodes memory")
def chain(w):
    """Behind struct handoff there are the nodes that the rows write."""
    it = Handoff(w, w.dice.randint(400, 448))
    payload_of(it, MEMORY, it.received(), "memory, as it is received")
    at, kind, line = it.nodes()[0]
    if kind != COMMAND_LINE or \
            line[: len(it.line) + 1] != it.line + b"\0":
        raise Wrong(f"at {len(it.baton):#x}, right behind struct handoff, the "
                    "command line", f"at {at:#x} type {kind:#x}: {line[:60]!r}",
                    read="boot/handoff.h", step=3)


@check(8, needs="chain")
def seal(w):
    """The block says what it is, and its CRC is right."""
    it = Handoff(w, w.dice.randint(20, 200))
    offset = w.live.fields("boot/handoff.c", "handoff")
    used, crc_at = it.used(), offset["block_crc"]
    block = it.block[:crc_at] + bytes(4) + it.block[crc_at + 4 : used]
    for name, size, want in (
            ("magic", 8, MAGIC), ("version", 4, version()),
            ("bytes", 4, len(it.baton)), ("block_pa", 8, it.block_pa),
            ("block_bytes", 4, used),
            ("block_crc", 4, zlib.crc32(block, seed.crc_start(w.seed)))):
        found = it.word(offset[name], size)
        if found != want:
            raise Wrong(f"{name} is {want:#x}", f"{found:#x}",
                        read="boot/handoff.h, boot/handoff.c, the README",
                        look="print *head", step=3)
    for name in ("generation", "mode", "counter", "aborted"):
        if it.block[offset[name] :][:8] != it.baton[offset[name] :][:8]:
            raise Wrong(f"{name} as the content has it", "another one",
                        read="boot/handoff.h", step=3)


@check(5, needs="chain")
def firmware(w):
    """The system table, the addresses before SetVirtualAddressMap, the map."""
    it = Handoff(w, w.dice.randint(5, 40))
    payload_of(it, FIRMWARE, it.efi,
               "struct boot_efi up to the end of its map")


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


@check(10, needs="transition seal firmware")
def state(w):
    """At the last instruction the processor is as boot.rst wants it."""
    live, wanted = w.live, jumping(w)
    debugger = live.debugger
    for name, value in wanted.items():
        found = debugger.register(name)
        if found != value:
            raise Wrong(f"{name} is {value:#x}", f"{found:#x}",
                        read=f"the README's contract; {BOOT}, \"64-bit Boot "
                        "Protocol\"; SDM vol. 3 §2.5",
                        look=f"print/x ${name}", step=4)
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


@check(2, needs="arrives adopts", beside=True)
def lives(w):
    """Two generations call the firmware; the third, whose handoff has a bit
    that was flipped on the way, does not."""
    live = w.start("efi=fixed generations=3 end=exit")
    for _ in range(2):
        live.run_to("kexec_last_instruction")
    debugger = live.debugger
    debugger.physical()
    debugger.flip(debugger.register("rsi") + w.dice.randrange(64),
                  w.dice.randrange(8))
    debugger.physical(False)
    w.counts(live.finish(), 2)
