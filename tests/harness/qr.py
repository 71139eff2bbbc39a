"""Reading a QR code from a picture, and what is in it: the kernel's compact
report (kernel/qr), which is zlib's format in base45 (RFC 9285).
"""

import shutil
import subprocess
import zlib
from pathlib import Path

from . import cli

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
TEXT_MOST = 1 << 20  # bytes: more than any report


# Program, package, options, exit statuses. zbar is better with a blurred picture,
# ZXing with one that was taken at an angle: from some 8 degrees on, zbar finds no
# code of this size.
READERS = [
    ("zbarimg", "zbar-tools",
     ["--quiet", "--raw", "-S*.enable=0", "-Sqr.enable=1"], (0, 4)),
    ("ZXingReader", "zxing-cpp-tools", ["-format", "QRCode", "-bytes"], (0, 255)),
]


def read(picture: Path) -> list[str]:
    """The text of every code in a picture, by the first reader that finds any."""
    known = [row for row in READERS if shutil.which(row[0])]
    if not known:
        raise cli.Trouble("nothing here reads a QR code: install zbar-tools or "
                          "zxing-cpp-tools")
    for program, _, options, statuses in known:
        done = subprocess.run([program, *options, picture],
                              capture_output=True, text=True)
        if done.returncode not in statuses:
            raise cli.Trouble(f"{program} cannot read {str(picture)!r}: "
                              f"{done.stderr.strip()}")
        if found := done.stdout.splitlines():
            return found
    return []


def missing() -> list[str]:
    """Packages of readers that are not installed."""
    return [package for program, package, *_ in READERS
            if not shutil.which(program)]


def bytes_of(text: str) -> bytes:
    """From base45; ValueError: it is not."""
    digits = [CHARACTERS.index(character) for character in text]
    found = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at:at + 3]
        value = sum(digit * 45 ** place for place, digit in enumerate(group))
        found += value.to_bytes(_bytes_for(group, value), "big")
    return bytes(found)


def _bytes_for(group: list[int], value: int) -> int:
    size = len(group) - 1
    if size == 0 or value >= 256 ** size:
        raise ValueError(f"not base45: {group}")
    return size


def report(text: str) -> str:
    """The compact report; ValueError: this is another code."""
    try:
        return zlib.decompressobj().decompress(
            bytes_of(text), TEXT_MOST).decode()
    except zlib.error as problem:
        raise ValueError(str(problem)) from None
