"""The reader of flash files, on stores made here and on Debian's empty one."""

import struct
import uuid
from pathlib import Path

import pytest

from harness import flash, qemu

NAME, VENDOR = flash.GENERATION, flash.BATON
OTHER = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


def record(data: bytes, state=flash.ADDED, name=NAME, vendor=VENDOR) -> bytes:
    """One record, as EDK II writes it."""
    text = (name + "\0").encode("utf-16-le")
    head = flash.RECORD.pack(flash.START, state, 7, len(text), len(data),
                             guid(vendor))
    body = head + text + data
    return body + b"\xff" * (-len(body) % 4)


def store(*parts: bytes, size=0x1000) -> bytes:
    """A volume of variables that holds these records."""
    header = 72
    head = flash.VOLUME.pack(guid(flash.NV_DATA_VOLUME), size, b"_FVH", header)
    inner = flash.STORE.pack(guid(flash.AUTHENTICATED_STORE), size - header,
                             flash.FORMATTED, flash.HEALTHY)
    used = head.ljust(header, b"\0") + inner + b"".join(parts)
    return used.ljust(size, b"\xff")


def number(image: bytes) -> int | None:
    found = flash.value(image, NAME, VENDOR)
    return found and int.from_bytes(found.data, "little")


def word(value: int) -> bytes:
    return struct.pack("<I", value)


def test_an_empty_store_holds_nothing():
    assert flash.records(store()) == []
    assert number(store()) is None


def test_debians_empty_store_is_understood():
    image = Path(qemu.VARS).read_bytes()
    assert flash.value(image, NAME, VENDOR) is None


def test_a_variable_is_found_by_name_and_vendor():
    image = store(record(b"abc", name="Lang", vendor=OTHER),
                  record(word(9), vendor=OTHER), record(word(2)))
    assert number(image) == 2
    found = flash.records(image)
    assert [r.name for r in found] == ["Lang", NAME, NAME]
    assert found[0].data == b"abc" and found[0].attributes == 7


@pytest.mark.parametrize("states, expected", [
    ([flash.ADDED, flash.ADDED], 2),  # the later one wins
    ([0x3D, flash.ADDED], 2),  # the first is deleted
    ([flash.ADDED, 0x7F], 1),  # the second was never finished
    ([flash.IN_DELETION, flash.ADDED], 2),  # an update that went through
    ([flash.ADDED, flash.IN_DELETION], 1),
    ([flash.IN_DELETION, 0x7F], 1),  # an update that was cut off
    ([0x3C, 0x3D], None),  # both are deleted
])
def test_the_last_valid_record_wins(states, expected):
    parts = [record(word(i), state) for i, state in enumerate(states, 1)]
    assert number(store(*parts)) == expected


@pytest.mark.parametrize("image", [
    b"", bytes(4096), b"\xff" * 4096, store()[:80], b"\1" * 16 + store(),
    store().replace(b"_FVH", b"_FVX"),
    store().replace(guid(flash.AUTHENTICATED_STORE), bytes(16)),
    store().replace(b"\x5a\xfe", b"\x5a\x00"),
])
def test_invalid_stores_are_refused(image):
    with pytest.raises(flash.NoStore):
        flash.records(image)


def test_a_record_must_end_inside_the_store():
    sizes = struct.pack("<II", 2 * len(NAME) + 2, 4)
    image = store(record(word(1)))
    assert image.count(sizes) == 1
    with pytest.raises(flash.NoStore, match="extends beyond"):
        flash.records(image.replace(sizes, sizes[:4] + word(0x2000)))


def test_every_cut_of_a_store_is_survived():
    image = store(record(word(1)), record(word(2)), size=0x180)
    for size in range(len(image)):
        try:
            flash.records(image[:size])
        except flash.NoStore:
            pass


def test_a_header_that_was_cut_takes_no_more_space():
    """The firmware continues directly after it."""
    begun = flash.RECORD.pack(flash.START, flash.HEADER_BEGUN, 7, 4,
                              flash.ERASED_SIZE, guid(VENDOR))
    assert number(store(record(word(1)), begun, record(word(2)))) == 2
    assert number(store(begun, record(word(3)))) == 3


def test_a_filled_store_has_the_requested_space():
    full = flash.fill(store(record(word(7)), size=0x8000), 5000)
    assert number(full) == 7
    assert 5000 <= len(flash.unused(full)) < 5000 + 2 * flash.FILLER_BYTES
    assert set(flash.unused(full)) == {0xFF}


def entry(bits: int, row: int) -> bytes:
    """Of the queue of fault-tolerant writes, with one row."""
    return flash.ENTRY.pack(bits, guid(VENDOR), 1, 0) + flash.ROW.pack(row)


ALLOCATED, DONE, NOTHING, SPARE, STORE = 0xFC, 0xF8, 0xFF, 0xFD, 0xF9


@pytest.mark.parametrize("queue, doing", [
    ([], None),
    ([(ALLOCATED, NOTHING)], flash.TO_SPARE),
    ([(ALLOCATED, SPARE)], flash.TO_STORE),
    ([(ALLOCATED, STORE)], None),
    ([(DONE, STORE)], None),
    ([(DONE, NOTHING)], None),  # given up
    ([(DONE, NOTHING), (ALLOCATED, SPARE)], flash.TO_STORE),
    ([(DONE, STORE), (ALLOCATED, NOTHING)], flash.TO_SPARE),
])
def test_an_unfinished_write_is_recognized(queue, doing):
    block = guid(flash.WORKING_BLOCK).ljust(flash.WORKING_HEAD_BYTES, b"\0")
    block += b"".join(entry(*row) for row in queue)
    image = store(record(word(1))) + block.ljust(0x1000, b"\xff")
    assert flash.unfinished_write(image) == doing


def test_a_flash_without_a_working_block_has_no_write():
    assert flash.unfinished_write(store(record(word(1)))) is None
