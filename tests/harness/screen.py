"""The text on the screen.

A picture of it is compared, cell by cell, with the font in the kernel: only
exact glyphs are text.
"""

import functools
import struct

from . import paths

WIDTH, HEIGHT = 8, 16
COLUMNS_MAX, ROWS_MAX = 240, 75
INK, WHITE = 0xC0, b"\xff"
INKED = bytes([0]) + bytes([INK]) * 255
MAGIC, GLYPHS = b"\x36\x04", 256  # of PSF1
SEPARATOR = 0xFFFF
STRANGE = "\ufffd"


@functools.cache
def font() -> dict[bytes, str]:
    """Glyph, a byte per dot, to the first character that it represents; the
    same with inverted colours, for the cursor."""
    data = paths.FONT.read_bytes()
    assert data[:2] == MAGIC and data[3] == HEIGHT
    end = 4 + GLYPHS * HEIGHT
    table = struct.unpack(f"<{(len(data) - end) // 2}H", data[end:])
    glyphs = {}
    for number in reversed(range(GLYPHS)):
        rows = data[4 + number * HEIGHT:][:HEIGHT]
        bits = "".join(f"{row:08b}" for row in rows)
        for ink in "10":
            dots = bytes(INK * (bit == ink) for bit in bits)
            glyphs[dots] = _meaning(table, number)
    return glyphs


def _meaning(table: tuple, number: int) -> str:
    if 0x20 <= number < 0x7F:
        return chr(number)
    for _ in range(number):
        table = table[table.index(SEPARATOR) + 1:]
    return chr(table[0]) if table[0] != SEPARATOR else STRANGE


def read(picture: bytes) -> list[str]:
    """The rows of text in a picture of the screen, a PPM file."""
    kind, width, height, _, rest = picture.split(maxsplit=4)
    assert kind == b"P6"
    width, height = int(width), int(height)
    red = picture[-3 * width * height::3]
    # A picture (a QR code) at the right edge has a white border; no ink is
    # white. Each ink has some red, and only black has none.
    edge = red.find(WHITE, 0, width)
    pixels = red.translate(INKED)
    lines = [pixels[y * width:][:width] for y in range(height)]
    zoom = _zoom(width, height)
    if edge >= 0:
        lines, width = [line[:edge] for line in lines], edge
    dots = [line[::zoom] for line in lines[::zoom]]
    return [_row(dots[y:y + HEIGHT], width // zoom)
            for y in range(0, len(dots) - HEIGHT + 1, HEIGHT)]


def _zoom(width: int, height: int) -> int:
    return next(zoom for zoom in range(1, 100)
                if width // (WIDTH * zoom) <= COLUMNS_MAX
                and height // (HEIGHT * zoom) <= ROWS_MAX)


def _row(lines: list[bytes], width: int) -> str:
    cells = [b"".join(line[x:x + WIDTH] for line in lines)
             for x in range(0, width - WIDTH + 1, WIDTH)]
    return "".join(font().get(cell, STRANGE) for cell in cells).rstrip()
