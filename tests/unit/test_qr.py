"""The QR code's parts, built for the host: read by zlib and by zbar."""

import ctypes
import random
import shutil
import subprocess
import zlib

import pytest

from harness import paths, qr

SOURCES = ["kernel/qr/zlib.c", "kernel/qr/base45.c", "kernel/qr/qr.c",
           "lib/string.c"]
MODULES_MAX = 117
needs_zbar = pytest.mark.skipif(not shutil.which("zbarimg"),
                                reason="zbarimg is missing: zbar-tools")


class Code(ctypes.Structure):
    _fields_ = [("modules", ctypes.c_uint),
                ("module", ctypes.c_uint8 * MODULES_MAX * MODULES_MAX)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sources as a library."""
    library = tmp_path_factory.mktemp("qr") / "qr.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra",
                    "-Werror", "-ffreestanding", "-I.", "-o", library,
                    *SOURCES], cwd=paths.ROOT, check=True)
    return ctypes.CDLL(str(library))


def compressed(built, data: bytes, room: int = 1 << 16) -> bytes:
    out = ctypes.create_string_buffer(room)
    size = built.zlib_compress(data, len(data), out, room)
    return out.raw[:size]


def text_of(built, data: bytes) -> str:
    out = ctypes.create_string_buffer(len(data) * 2 + 2)
    length = built.base45(data, len(data), out)
    assert length == len(out.value)
    return out.value.decode()


def code_of(built, text: str) -> list[list[bool]]:
    code = Code()
    assert built.qr_encode(text.encode(), len(text), ctypes.byref(code))
    return [[bool(code.module[y][x] & 1) for x in range(code.modules)]
            for y in range(code.modules)]


def picture(path, rows, zoom: int = 4) -> None:
    """A portable bitmap with a quiet zone: 1 is black."""
    side = len(rows) + 8
    framed = [[False] * side] * 4 + [
        [False] * 4 + row + [False] * 4 for row in rows] + [[False] * side] * 4
    lines = [" ".join("01"[dark] for dark in row for _ in range(zoom))
             for row in framed for _ in range(zoom)]
    path.write_text(f"P1\n{side * zoom} {side * zoom}\n" + "\n".join(lines)
                    + "\n")


@pytest.mark.parametrize("data", ids=range(12), argvalues=[
    b"", b"a", b"abc", b"abc\0abc", b"a" * 1000, b"abcabcabcabcabc" * 30, bytes(range(256)),
    b"\xff\x90\x8f\x00" * 100,
    random.Random(1).randbytes(3000), b"xyz" + b"-" * 258 + b"xyz",
    b"@proof gen=0 mode=fixed check=time verdict=pass\n" * 40,
    b"".join(random.Random(i).randbytes(7) * 2 for i in range(900))])
def test_zlib_reads_what_was_compressed(built, data):
    packed = compressed(built, data)
    assert len(packed) >= 8  # header, an empty block, a checksum
    assert zlib.decompress(packed) == data
    assert compressed(built, data, len(packed)) == packed
    assert compressed(built, data, len(packed) - 1) == b""


def test_compression_is_worth_it(built):
    data = b"".join(b"@proof gen=%d mode=fixed check=c%d verdict=pass\n"
                    % (gen, check) for gen in range(3) for check in range(9))
    assert len(compressed(built, data)) < len(data) / 5


@pytest.mark.parametrize("data, text", [  # RFC 9285 §4.3
    (b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45",
                                                  "UJCLQE7W581"), (b"", "")])
def test_base45(built, data, text):
    assert text_of(built, data) == text
    assert qr.bytes_of(text) == data


def test_bytes_survive_base45(built):
    for size in range(40):
        data = random.Random(size).randbytes(size)
        assert qr.bytes_of(text_of(built, data)) == data
    for bad in ("a", ":::", "A", "0::"):
        with pytest.raises(ValueError):
            qr.bytes_of(bad)


@needs_zbar
@pytest.mark.parametrize("length", [
    1, 2, 25, 26, 47, 114, 154, 195, 224, 279, 335, 395, 468, 619, 758, 1000,
    1249, 1500, 1700, 1852, 1853])
def test_zbar_reads_the_code(built, tmp_path, length):
    """All sizes: the largest text of several versions, and one more."""
    text = text_of(built, random.Random(length).randbytes(length))[:length]
    rows = code_of(built, text)
    assert len(rows) == len(rows[0]) <= MODULES_MAX
    picture(tmp_path / "code.pbm", rows)
    assert qr.read(tmp_path / "code.pbm") == [text]


def test_a_code_does_not_depend_on_the_one_before(built):
    """What a large one leaves in the buffers is in no smaller one: each version
    has its own number of modules that carry no data (ISO 18004, table 1)."""
    texts = ["A" * length for length in (5, 40, 100, 200, 500, 1100, 1800)]
    ascending = [code_of(built, text) for text in texts]
    descending = [code_of(built, text) for text in reversed(texts)]
    assert descending[::-1] == ascending


def test_too_long(built):
    code = Code()
    assert not built.qr_encode(b"0" * 1854, 1854, ctypes.byref(code))


@pytest.mark.skipif(not shutil.which("qrencode"), reason="no qrencode")
def test_libqrencode_makes_the_same_patterns(built):
    """All that does not depend on the mask: finder, timing, alignment,
    version."""
    text = "0" * 1853
    rows = code_of(built, text)
    said = subprocess.run(["qrencode", "-t", "ASCIIi", "-m", "0", "-l", "L",
                           "-v", "25", text], capture_output=True, text=True,
                          check=True).stdout.splitlines()
    theirs = [[line[2 * x] == " " for x in range(len(rows))] for line in said]
    assert len(theirs) == len(rows)
    # The places of alignment patterns of version 25 (ISO 18004, annex E).
    centres = [6, 32, 58, 84, 110]
    for y in centres:
        for x in centres:
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    if y + dy < 117 and x + dx < 117:
                        assert rows[y + dy][x + dx] == theirs[y + dy][x + dx]
    assert rows[6] == theirs[6]
    assert [row[106:109] for row in rows[:6]] == [
        row[106:109] for row in theirs[:6]]
