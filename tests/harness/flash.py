"""The variables in the firmware's flash file: the proof that a write was real.

OVMF's VARS file is a firmware volume (PI 1.7 vol. 3, 3.2.1) whose body is the
authenticated variable store of EDK II (MdeModulePkg, VariableFormat.h): a
header, then records, each on four bytes. A variable is never overwritten: a
new record is added, and bits of the old one's state are cleared. So the last
record in state ADDED is the value; a record "in deletion" is valid if there
is no other, as after a power cut during an update.
"""

import struct
import uuid
from dataclasses import dataclass

BATON = "7d1b2a9e-5c43-4f0e-9a86-62b0a7013e15"
GENERATION = "BatonGeneration"

NV_DATA_VOLUME = "fff12b8d-7696-4c8b-a985-2747075b4f50"
AUTHENTICATED_STORE = "aaf32c78-947b-439a-a180-2e144ec37792"

VOLUME = struct.Struct("<16x16sQ4s4xH")  # guid, length, "_FVH", header bytes
STORE = struct.Struct("<16sIBB6x")  # guid, bytes, format, state
FORMATTED, HEALTHY = 0x5A, 0xFE

# start, state, attributes, name bytes, data bytes, vendor guid; between them
# a monotonic count, a time stamp and a key's number.
RECORD = struct.Struct("<HBxI8x16x4xII16s")
START = 0x55AA

# Flash bits are cleared, never set: each change of a record's state clears one.
HEADER_BEGUN = 0xFF
HEADER_VALID = 0x7F  # and the data are being written
ADDED = 0x3F
IN_DELETION = 0x3E
DELETED = 0x3C
ERASED_SIZE = 0xFFFFFFFF

# EDK II replaces the whole store by a fault-tolerant write (MdeModulePkg,
# FaultTolerantWriteDxe): first into the spare block, then from there. Its working
# block has a queue with an entry for each write, and in that a row for each
# block; here, too, bits are only cleared.
WORKING_BLOCK = "9e58292b-7c68-497d-a0ce-6500fd9f1b95"
WORKING_HEAD_BYTES = 32
ENTRY = struct.Struct("<B3x16s4xQQ")  # bits, caller, rows, bytes of its own data
ROW = struct.Struct("<B7x32x")  # bits; then where
ALLOCATED, COMPLETE = 1, 4  # of an entry
SPARE_DONE, STORE_DONE = 2, 4  # of a row
TO_SPARE, TO_STORE = "to the spare block", "from the spare block to the store"

FILLER_BYTES = 1024  # of data in each record of fill()


class NoStore(Exception):
    """The file contains no readable variable store."""


@dataclass(frozen=True)
class Variable:
    name: str
    vendor: str
    attributes: int
    data: bytes
    state: int


def records(flash: bytes) -> list[Variable]:
    """Every record of the store, including deleted ones, in order of writing."""
    return [variable for _, variable in _walk(flash)]


def _walk(flash: bytes):
    """(offset of its end, record). Of a header that was not written to its end
    the firmware takes no size (GetVariableHeader(), NameSizeOfVariable())."""
    at, end = _store(flash)
    while at + RECORD.size <= end:
        start, state, attributes, name_bytes, data_bytes, vendor = (
            RECORD.unpack_from(flash, at)
        )
        if start != START:
            break
        if state == HEADER_BEGUN or ERASED_SIZE in (name_bytes, data_bytes):
            name_bytes = data_bytes = 0
        name_at = at + RECORD.size
        data_at = name_at + name_bytes
        if data_at + data_bytes > end:
            raise NoStore(f"the record at {at:#x} extends beyond the store's end")
        name = flash[name_at:data_at].decode("utf-16-le", "replace")
        at = data_at + data_bytes
        at += -at % 4
        yield at, Variable(
            name.rstrip("\0"), str(uuid.UUID(bytes_le=vendor)), attributes,
            flash[data_at : data_at + data_bytes], state,
        )


def alive(flash: bytes) -> dict[tuple[str, str], Variable]:
    """(name, vendor) -> each variable as the next boot will see it."""
    found = {}
    for state in (IN_DELETION, ADDED):
        found |= {(r.name, r.vendor): r for r in records(flash)
                  if r.state == state}
    return found


def value(flash: bytes, name: str, vendor: str) -> Variable | None:
    """The variable as the next boot will see it."""
    return alive(flash).get((name, vendor))


def generation(flash: bytes) -> int | None:
    """The count of generations in this flash."""
    variable = value(flash, GENERATION, BATON)
    return variable and int.from_bytes(variable.data, "little")


def _store(flash: bytes) -> tuple[int, int]:
    """The start of the records, and the end of the store."""
    if len(flash) < VOLUME.size:
        raise NoStore(f"{len(flash)} bytes are too few for a volume")
    guid, length, signature, header = VOLUME.unpack_from(flash)
    if signature != b"_FVH" or uuid.UUID(bytes_le=guid) != uuid.UUID(
        NV_DATA_VOLUME
    ):
        raise NoStore("this is not a volume of variables")
    if header + STORE.size > min(length, len(flash)):
        raise NoStore(f"the volume's header of {header} bytes is too long")
    guid, size, form, state = STORE.unpack_from(flash, header)
    if uuid.UUID(bytes_le=guid) != uuid.UUID(AUTHENTICATED_STORE):
        raise NoStore("the store is not an authenticated one")
    if (form, state) != (FORMATTED, HEALTHY):
        raise NoStore(f"the store is not healthy: {form:#x} {state:#x}")
    return header + STORE.size, min(header + size, length, len(flash))


def end_of_records(flash: bytes) -> int:
    """The offset of the first byte that no record has taken."""
    return max([_store(flash)[0], *(at for at, _ in _walk(flash))])


def unused(flash: bytes) -> bytes:
    """The store from there to its end; erased flash is 0xFF."""
    return flash[end_of_records(flash) : _store(flash)[1]]


def fill(flash: bytes, free: int) -> bytes:
    """The same flash with deleted records until about `free` bytes are left, so
    that the firmware soon has to compact the store."""
    record = RECORD.pack(START, DELETED, 7, 4, FILLER_BYTES,
                         uuid.UUID(BATON).bytes_le)
    record += "X\0".encode("utf-16-le") + bytes(FILLER_BYTES)
    at = end_of_records(flash)
    number = (len(unused(flash)) - free) // len(record)
    return flash[:at] + number * record + flash[at + number * len(record) :]


def unfinished_write(flash: bytes) -> str | None:
    """What the last fault-tolerant write was doing, unless it is complete."""
    at = flash.find(uuid.UUID(WORKING_BLOCK).bytes_le)
    if at < 0:
        return None
    at += WORKING_HEAD_BYTES
    doing = None
    while at + ENTRY.size + ROW.size <= len(flash):
        bits, _, rows, private = ENTRY.unpack_from(flash, at)
        if bits & ALLOCATED:  # not yet: the end of the queue
            break
        row_bits, = ROW.unpack_from(flash, at + ENTRY.size)
        doing = None
        if bits & COMPLETE and row_bits & STORE_DONE:
            doing = TO_SPARE if row_bits & SPARE_DONE else TO_STORE
        at += ENTRY.size + rows * (ROW.size + private)
    return doing
