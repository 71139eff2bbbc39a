#!/usr/bin/python3
"""The inputs that fuzzing starts from: what a real machine has in its memory.

    make all && tests/fuzz/seeds.py

Boots QEMU, stops it where each generation arrives, and writes what lies there
into tests/fuzz/corpus, in the form that the targets read (memory.h). To be run
again when the handoff changes its form.
"""

import re
import struct
import sys
import tempfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import chain, paths, qemu  # noqa: E402
from harness.handoff import BYTES_AT, EFI, FIRMWARE, Handoff  # noqa: E402
from harness.machine import Machine  # noqa: E402
from harness.rsp import symbol  # noqa: E402

CORPUS = Path(__file__).with_name("corpus")
MODES = ["physical", "identity", "fixed", "table", "contiguous", "direct",
         "naive", "offset", "compact", "packed"]  # in the order of adoption.c
MEMORY_ATTRIBUTES = bytes.fromhex("1d91fadceb269f46a22038b7dc461220")
VENDOR_BYTES = 64
MULTIBOOT2, SEALED = 1, 2  # adoption.c
CRC_MATTERS, NARROW = 1, 2  # tables.c
EFI_MAP_TAG = 17
RUNTIME = 1 << 63
ROW = 48


def write(target: str, name: str, data: bytes) -> None:
    home = CORPUS / target
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(data)
    print(f"{len(data):6}  {target}/{name}")


def word(data: bytes, at: int, form: str = "<Q") -> int:
    return struct.unpack_from(form, data, at)[0]


class Width:
    """The form of a firmware's tables: a header of 24 bytes, and words."""

    def __init__(self, firmware: str):
        narrow = firmware == "ia32"
        self.suffix = "-ia32" if narrow else ""
        self.form, self.bytes = ("<I", 4) if narrow else ("<Q", 8)
        self.tag = 11 if narrow else 12  # of multiboot2, with its address
        self.how = NARROW if narrow else 0

    def table_bytes(self, words: int) -> int:
        return 24 + words * self.bytes

    def word(self, data: bytes, at: int) -> int:
        return word(data, at, self.form)

    def entry(self, table: bytes, n: int) -> int:
        return self.word(table, self.table_bytes(n))


def piece(address: int, data: bytes) -> bytes:
    """As memory.h reads it: zeros are only counted."""
    out = b""
    for part in re.finditer(rb"(?s)(.*?)(\0{16,}|$)", data):
        if part[0]:
            size, zeros = len(part[1]), len(part[2])
            out += struct.pack("<QHH", address + part.start(), size, zeros)
            out += part[1]
    return out


# A stopped machine

VENDOR, RUNTIME_SERVICES, CONFIG_COUNT, CONFIG_TABLES = 0, 8, 10, 11
SYSTEM_WORDS, RUNTIME_WORDS = 12, 14


def tables(debugger, width: Width, system_pa: int) -> list[tuple[int, bytes]]:
    """The firmware's tables while their addresses are physical."""
    def read(pa: int, size: int) -> bytes:
        data = debugger.read(pa, size)
        pieces.append((pa, data))
        return data

    pieces: list[tuple[int, bytes]] = []
    system = read(system_pa, width.table_bytes(SYSTEM_WORDS))
    read(width.entry(system, VENDOR), VENDOR_BYTES)
    read(width.entry(system, RUNTIME_SERVICES),
         width.table_bytes(RUNTIME_WORDS))
    row = 16 + width.bytes
    config = read(width.entry(system, CONFIG_TABLES),
                  row * width.entry(system, CONFIG_COUNT))
    for at in range(0, len(config), row):
        if config[at : at + 16] == MEMORY_ATTRIBUTES:
            pa = width.word(config, at + 16)
            _, count, step, _ = struct.unpack("<4I", debugger.read(pa, 16))
            read(pa, 16 + count * step)
    return pieces


def multiboot_tag(info: bytes, wanted: int) -> bytes:
    at = 8
    while at < len(info):
        kind, size = struct.unpack_from("<II", info, at)
        if kind == wanted:
            return info[at + 8 : at + size]
        at += (size + 7) & ~7
    raise KeyError(wanted)


def first_generation(debugger, index: int, mode: str,
                     width: Width) -> tuple[int, int]:
    """Dump what GRUB left; the addresses of the system table and of the
    runtime table."""
    info_pa = debugger.register("rsi")
    info = debugger.read(info_pa, word(debugger.read(info_pa, 4), 0, "<I"))
    system_pa = width.word(multiboot_tag(info, width.tag), 0)
    pieces = tables(debugger, width, system_pa)
    root = struct.pack("<Q", info_pa)
    boot = piece(info_pa, info)
    write("adoption", f"{mode}{width.suffix}-0", root + bytes([MULTIBOOT2, index]) + boot +
          b"".join(piece(*p) for p in pieces))
    if index == 0:
        write("multiboot2", f"grub{width.suffix}", root + boot)
        efi_map = multiboot_tag(info, EFI_MAP_TAG)
        write("efi_map", f"ovmf{width.suffix}", efi_map)
        rows = [efi_map[at : at + ROW] for at in range(8, len(efi_map), ROW)]
        runtime = b"".join(r for r in rows if word(r, 32) & RUNTIME)
        odd = bytearray(pieces[0][1])  # two configuration tables, misaligned
        struct.pack_into(width.form, odd, width.table_bytes(CONFIG_COUNT), 2)
        struct.pack_into(width.form, odd, width.table_bytes(CONFIG_TABLES),
                         width.entry(odd, CONFIG_TABLES) + width.bytes // 2)
        for name, how, system in (("ovmf", CRC_MATTERS, pieces[0][1]),
                                  ("ovmf-no-crc", 0, pieces[0][1]),
                                  ("odd-config", 0, bytes(odd))):
            write("tables", f"{name}{width.suffix}",
                  struct.pack("<QBB", system_pa, how | width.how,
                              len(runtime) // ROW) + runtime +
                  piece(system_pa, system) +
                  b"".join(piece(*p) for p in pieces[1:]))
    return system_pa, width.entry(pieces[0][1], RUNTIME_SERVICES)


def later_generation(debugger, index: int, mode: str, width: Width,
                     system_pa: int, runtime_pa: int) -> None:
    block_pa = debugger.register("rsi")
    given = Handoff(debugger, block_pa)
    block, firmware = given.block, given.payload(FIRMWARE)
    root, boot = struct.pack("<Q", block_pa), piece(block_pa, block)
    system = debugger.read(system_pa, width.table_bytes(SYSTEM_WORDS))
    write("handoff", f"{mode}{width.suffix}", root + b"\x01" + boot)
    if index == 0 and width.bytes == 8:
        write("handoff", "not-sealed", root + b"\0" + boot)
        # A block that ends in the middle of a node:
        cut = struct.pack("<I", given.find(FIRMWARE)[0] + 1000)
        block = block[:BYTES_AT] + cut + block[BYTES_AT + 4 :]
        write("handoff", "node-cut-off", root + b"\x01" +
              piece(block_pa, block))
    if index == 0:
        linux(firmware, width)
    write("adoption", f"{mode}{width.suffix}-1",
          root + bytes([SEALED, index]) + boot + piece(system_pa, system) +
          piece(runtime_pa, debugger.read(
              runtime_pa, width.table_bytes(RUNTIME_WORDS))))


def linux(firmware: bytes, width: Width) -> None:
    """A Linux's boot_params; zero-page.rst has the offsets."""
    params = bytearray(4096)
    system_pa, _, step, version, _, setup, size = EFI.unpack_from(firmware)
    efi_map = firmware[EFI.size :]
    struct.pack_into("<4s5I", params, 0x1c0,
                     b"EL%d" % (8 * width.bytes), system_pa, step, version,
                     0x4000, size)
    params[0x1e8] = 2
    params[0x202:0x206], params[0x210] = b"HdrS", 0xd0
    struct.pack_into("<II", params, 0x218, 0x100000, 0x1000)
    struct.pack_into("<I", params, 0x228, 0x3000)
    struct.pack_into("<Q", params, 0x250, 0x3100)
    struct.pack_into("<QQIQQI", params, 0x2d0, 0x1000, 0x7000, 1,
                     0x9000, 0x1000, 2)
    rest = struct.pack("<QQI", 0x100000, 0x1000000, 1)
    write("handoff", f"linux{width.suffix}", struct.pack("<QB", 0x1000, 0) +
          piece(0x1000, bytes(params)) +
          piece(0x3000, b"efi=fixed handoff=0x9000\0") +
          piece(0x3100, struct.pack("<QII", 0x3200, 4, 96) + setup) +
          piece(0x3200, struct.pack("<QII", 0, 1, len(rest)) + rest) +
          piece(0x4000, efi_map))


def dump(mode: str, index: int, firmware: str) -> None:
    width = Width(firmware)
    config = qemu.Config(chain.cmdline(mode), firmware, "saved", paused=True)
    with tempfile.TemporaryDirectory(dir=paths.BUILD) as home:
        with Machine(Path(home), config) as machine:
            with machine.debugger() as debugger:
                debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
                debugger.physical()
                at = first_generation(debugger, index, mode, width)
                debugger.physical(False)
                debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
                debugger.physical()
                later_generation(debugger, index, mode, width, *at)


# Made by hand: small, so that chance gets everywhere quickly

def tag(kind: int, form: str, *values) -> bytes:
    data = struct.pack("<II" + form, kind, 8 + struct.calcsize("<" + form),
                       *values)
    return data + b"\0" * (-len(data) % 8)


def summed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([-sum(data) & 255]) + data[at + 1 :]


def acpi() -> None:
    """A root table of either kind, a register in either space."""
    for name, revision, root, form, space in (
            ("xsdt-port", 2, b"XSDT", "<Q", 1), ("rsdt-memory", 0, b"RSDT",
                                                 "<I", 0)):
        rsdp = summed(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"", revision,
                                  0x2000), 8)
        rsdp += struct.pack("<IQI", 36, 0x2000, 0)
        entry = struct.pack(form, 0x3000)
        fadt = struct.pack("<4sI104xI4BQB", b"FACP", 129, 1 << 10, space, 8, 0,
                           1, 0xcf9, 15)
        listed = struct.pack("<4sI28x", root, 36 + len(entry)) + entry
        write("acpi", name, struct.pack("<Q", 0x1000) +
              piece(0x1000, summed(rsdp, 32)) +
              piece(0x2000, summed(listed, 9)) +
              piece(0x3000, summed(fadt, 9)))


def small() -> None:
    tags = [tag(1, "5s", b"a=b"), tag(2, "5s", b"GRUB"),
            tag(3, "II4s", 0x5000, 0x6000, b"x"),
            tag(6, "II QQII", 24, 0, 0, 0x10000, 1, 0),
            tag(12, "Q", 0x9018), tag(17, "IIQ", 48, 1, 5),
            tag(11, "I", 0x9018)]
    for kind, last in zip(("line", "loader", "module", "memory", "table",
                           "map", "table-ia32"), tags):
        info = last + tag(0, "")
        write("multiboot2", f"small-{kind}", struct.pack("<Q", 0x1000) + piece(
            0x1000, struct.pack("<II", 8 + len(info), 0) + info))
    huge = tag(17, "II", 48, 1)[:4] + struct.pack("<III", 16 + 32784, 48, 1)
    write("multiboot2", "map-too-large", struct.pack("<Q", 0x1000) + piece(
        0x1000, struct.pack("<II", 8 + 16 + 32784 + 8, 0) + huge +
        bytes(32784) + tag(0, "")))
    acpi()
    for name, count in ("full", 64), ("too-full", 65):
        write("efi_map", name, struct.pack("<II", 40, 1) + b"".join(
            struct.pack("<IIQQQQ", 6, 0, n << 16, 0, 1, RUNTIME)
            for n in range(count)))
    for name, given in ("given", 1), ("full", 2):
        write("memory_map", name, b"".join(
            struct.pack("<BBBHH", given, 12, 1 + n % 2, n, 1)
            for n in range(511)))


# Files

def files() -> None:
    image = (paths.BUILD / "baton").read_bytes()
    bundle = (paths.BUILD / "bundle.cpio").read_bytes()
    at = bundle.index(b"SHA256SUMS")
    sums = bundle[bundle.index(b"\0", at):].lstrip(b"\0").split(b"0707")[0]
    small = image[:2048]
    write("image", "baton", small)
    write("digests", "baton", b"\x05baton" + sums.rstrip(b"\0"))
    write("cpio", "two", cpio({"SHA256SUMS": sums, "./baton": image[:300]}))
    write("options", "usual", bytes([30, 1, 0]) +
          b'efi=fixed next=baton end=exit run="efi vars; log" seed=0x1f "end"=x')
    write("options", "chain", bytes([9, 0, 0]) +
          b"generations=2 efi=physical,fixed*2 crash=null seed=5 end=shutdown")
    keys = (b"help\t\x01x\x1b[D\x1b[3~\x04\x0b\x15hello world\x17\r\x1b[A\x1b[B"
            b"\x1b[H\x1b[F\x1bOA\x1b]0;title\x07\x1b[15;2~\x0c\x03efi \t\t\r")
    write("line", "keys", b"".join(bytes([0, key]) for key in keys) + b"\xffx")
    lines = b"".join(
        struct.pack("<III", zlib.crc32(tail), *struct.unpack("<II", tail[:8]))
        + tail[8:] for tail in (struct.pack("<II", gen, len(text)) + text
                                for gen, text in enumerate([
                                    b"@boot gen=0\n", b"", b"x" * 400])))
    for name, start in ("first", 0), ("later", 8 * 3540):
        write("log_ring", name, struct.pack("<BBQH", 0, 0, start, len(lines))
              + lines)
    write("line", "full", b"\xffx" * 9 + b"\0yy")
    write("utf16", "name", b"\x20" + "BootOrder \U0001f600 \u00e9\ud800".encode(
        "utf-16-le", "surrogatepass"))


def cpio(members: dict[str, bytes]) -> bytes:
    """A newc archive, with its trailer."""
    out = b""
    for name, data in [*members.items(), ("TRAILER!!!", b"")]:
        numbers = [0, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
                   len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08x" % n for n in numbers)
        out += name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def main() -> None:
    for index, mode in enumerate(MODES):
        for firmware in "pflash", "ia32":
            dump(mode, index, firmware)
    small()
    files()


if __name__ == "__main__":
    main()
