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
EFI_MAP_TAG, SYSTEM_TABLE_TAG = 17, 12
RUNTIME = 1 << 63
ROW = 48


def write(target: str, name: str, data: bytes) -> None:
    home = CORPUS / target
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(data)
    print(f"{len(data):6}  {target}/{name}")


def word(data: bytes, at: int, form: str = "<Q") -> int:
    return struct.unpack_from(form, data, at)[0]


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

def tables(debugger, system_pa: int) -> list[tuple[int, bytes]]:
    """The firmware's tables while their addresses are physical."""
    def read(pa: int, size: int) -> bytes:
        data = debugger.read(pa, size)
        pieces.append((pa, data))
        return data

    pieces: list[tuple[int, bytes]] = []
    system = read(system_pa, 120)
    read(word(system, 24), VENDOR_BYTES)
    read(word(system, 88), 136)
    config = read(word(system, 112), 24 * word(system, 104))
    for at in range(0, len(config), 24):
        if config[at : at + 16] == MEMORY_ATTRIBUTES:
            pa = word(config, at + 16)
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


def first_generation(debugger, index: int, mode: str) -> int:
    """Dump what GRUB left; the address of the system table."""
    info_pa = debugger.register("rsi")
    info = debugger.read(info_pa, word(debugger.read(info_pa, 4), 0, "<I"))
    system_pa = word(multiboot_tag(info, SYSTEM_TABLE_TAG), 0)
    pieces = tables(debugger, system_pa)
    root = struct.pack("<Q", info_pa)
    boot = piece(info_pa, info)
    write("adoption", f"{mode}-0", root + bytes([MULTIBOOT2, index]) + boot +
          b"".join(piece(*p) for p in pieces))
    if index == 0:
        write("multiboot2", "grub", root + boot)
        efi_map = multiboot_tag(info, EFI_MAP_TAG)
        write("efi_map", "ovmf", efi_map)
        rows = [efi_map[at : at + ROW] for at in range(8, len(efi_map), ROW)]
        runtime = b"".join(r for r in rows if word(r, 32) & RUNTIME)
        odd = bytearray(pieces[0][1])  # two configuration tables, misaligned
        odd[104:120] = struct.pack("<QQ", 2, word(odd, 112) + 4)
        for name, crc_matters, system in (("ovmf", 1, pieces[0][1]),
                                          ("ovmf-no-crc", 0, pieces[0][1]),
                                          ("odd-config", 0, bytes(odd))):
            write("tables", name,
                  struct.pack("<QBB", system_pa, crc_matters,
                              len(runtime) // ROW) + runtime +
                  piece(system_pa, system) +
                  b"".join(piece(*p) for p in pieces[1:]))
    return system_pa


def later_generation(debugger, index: int, mode: str, system_pa: int) -> None:
    block_pa = debugger.register("rsi")
    given = Handoff(debugger, block_pa)
    block, firmware = given.block, given.payload(FIRMWARE)
    root, boot = struct.pack("<Q", block_pa), piece(block_pa, block)
    system = debugger.read(system_pa, 120)
    runtime_pa = runtime_table(firmware, word(system, 88))
    write("handoff", mode, root + b"\x01" + boot)
    if index == 0:
        write("handoff", "not-sealed", root + b"\0" + boot)
        # A block that ends in the middle of a node:
        cut = struct.pack("<I", given.find(FIRMWARE)[0] + 1000)
        block = block[:BYTES_AT] + cut + block[BYTES_AT + 4 :]
        write("handoff", "node-cut-off", root + b"\x01" +
              piece(block_pa, block))
        linux(firmware)
    write("adoption", f"{mode}-1", root + bytes([SEALED, index]) + boot +
          piece(system_pa, system) +
          piece(runtime_pa, debugger.read(runtime_pa, 136)))


def linux(firmware: bytes) -> None:
    """A Linux's boot_params; zero-page.rst has the offsets."""
    params = bytearray(4096)
    system_pa, _, step, version, _, setup, size = EFI.unpack_from(firmware)
    efi_map = firmware[EFI.size :]
    struct.pack_into("<4s5I", params, 0x1c0, b"EL64", system_pa, step, version,
                     0x4000, size)
    params[0x1e8] = 2
    params[0x202:0x206], params[0x210] = b"HdrS", 0xd0
    struct.pack_into("<II", params, 0x218, 0x100000, 0x1000)
    struct.pack_into("<I", params, 0x228, 0x3000)
    struct.pack_into("<Q", params, 0x250, 0x3100)
    struct.pack_into("<QQIQQI", params, 0x2d0, 0x1000, 0x7000, 1,
                     0x9000, 0x1000, 2)
    rest = struct.pack("<QQI", 0x100000, 0x1000000, 1)
    write("handoff", "linux", struct.pack("<QB", 0x1000, 0) +
          piece(0x1000, bytes(params)) +
          piece(0x3000, b"efi=fixed handoff=0x9000\0") +
          piece(0x3100, struct.pack("<QII", 0x3200, 4, 96) + setup) +
          piece(0x3200, struct.pack("<QII", 0, 1, len(rest)) + rest) +
          piece(0x4000, efi_map))


def runtime_table(firmware: bytes, pointer: int) -> int:
    """Where it is: by the map that was handed on, if its address is virtual."""
    step = EFI.unpack_from(firmware)[2]
    for at in range(EFI.size, len(firmware), step):
        first, va, pages = struct.unpack_from("<3Q", firmware, at + 8)
        if va <= pointer < va + pages * 4096:
            return first + pointer - va
    return pointer if pointer < 1 << 32 else 0


def dump(mode: str, index: int) -> None:
    config = qemu.Config(chain.cmdline(mode), medium="saved", paused=True)
    with tempfile.TemporaryDirectory(dir=paths.BUILD) as home:
        with Machine(Path(home), config) as machine:
            with machine.debugger() as debugger:
                debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
                debugger.physical()
                system_pa = first_generation(debugger, index, mode)
                debugger.physical(False)
                debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
                debugger.physical()
                later_generation(debugger, index, mode, system_pa)


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
            tag(12, "Q", 0x9018), tag(17, "IIQ", 48, 1, 5)]
    for kind, last in zip(("line", "loader", "module", "memory", "table",
                           "map"), tags):
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
        dump(mode, index)
    small()
    files()


if __name__ == "__main__":
    main()
