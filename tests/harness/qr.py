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


def read(picture: Path) -> list[str]:
    """The text of every code in a picture, by zbar."""
    if not shutil.which("zbarimg"):
        raise cli.Trouble("zbarimg is not installed (package zbar-tools)")
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-S*.enable=0", "-Sqr.enable=1",
         picture], capture_output=True, text=True)
    if done.returncode not in (0, 4):  # 4: there is none
        raise cli.Trouble(f"zbarimg cannot read {str(picture)!r}: "
                          f"{done.stderr.strip()}")
    return done.stdout.splitlines()


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
