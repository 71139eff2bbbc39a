"""A handoff in the memory of a stopped machine: boot/handoff.h, boot/node.h."""

import struct
import zlib

from .layouts import RANGE

HEAD_BYTES = 96  # struct handoff
MAGIC_AT, BYTES_AT, CRC_AT = 0, 24, 28  # the last two: of the whole block
NODE = struct.Struct("<II")  # type, bytes of the payload behind it
COMMAND_LINE, MEMORY, FIRMWARE, ACCOUNT, RUN = (
    int.from_bytes(b"BAT" + letter, "little") for letter in b"C P E A V".split())
COMMAND_LINE_AT = HEAD_BYTES + NODE.size
COMMAND_LINE_BYTES = 2048

NEEDS = struct.Struct("<QQQ")  # of MEMORY: RSDP, bundle, its bytes; ranges
USABLE, ACPI, NVS, KEPT, RESERVED = 1, 4, 5, 6, 7
ACCOUNT_HEAD = 8  # CRC and length of the copy that follows

EFI = struct.Struct("<QIIII96sQ")  # of FIRMWARE: struct boot_efi, and its map


class Handoff:
    """The one at `pa`, where the addresses of the debugger are physical."""

    def __init__(self, debugger, pa: int):
        self.debugger, self.pa = debugger, pa
        self.size, = struct.unpack("<I", debugger.read(pa + BYTES_AT, 4))
        self.block = debugger.read(pa, self.size)

    def nodes(self):
        """Type, offset in the block and length of each payload."""
        at = HEAD_BYTES
        while at < self.size:
            kind, size = NODE.unpack_from(self.block, at)
            yield kind, at + NODE.size, size
            at += NODE.size + (size + 7 & ~7)

    def find(self, wanted: int) -> tuple[int, int]:
        """Offset and length of the payload of that type."""
        return next((at, size) for kind, at, size in self.nodes()
                    if kind == wanted)

    def payload(self, kind: int) -> bytes:
        at, size = self.find(kind)
        return self.block[at : at + size]

    def command_line(self) -> bytes:
        return self.payload(COMMAND_LINE).split(b"\0")[0]

    def ranges(self) -> list[tuple[int, int, int]]:
        return list(RANGE.iter_unpack(self.payload(MEMORY)[NEEDS.size :]))

    def change_ranges(self, change) -> None:
        """The list of memory, but not its copy; and the CRC with it."""
        ranges = self.ranges()
        change(ranges)
        at, _ = self.find(MEMORY)
        self.debugger.write(self.pa + at + NEEDS.size,
                            b"".join(RANGE.pack(*row) for row in ranges))
        self.seal()

    def seal(self) -> None:
        self.debugger.write(self.pa + CRC_AT, bytes(4))
        crc = zlib.crc32(self.debugger.read(self.pa, self.size))
        self.debugger.write(self.pa + CRC_AT, struct.pack("<I", crc))
