"""Variables that only the holder of a key can change (UEFI 2.10 §8.2.6).

The tests of FWTS (uefirtauthvar) and SCT, in each mode, by a generation to
which the firmware was handed on: to check a signature EDK2 runs OpenSSL, which
uses more code and stack than everything else together. Baton has no command for
such variables: a debugger replaces the bytes that the monitor writes by signed
ones.
"""

import re
import struct
import subprocess
import uuid
from typing import NamedTuple

import pytest

from harness import flash, paths
from harness.chain import PROVING, wrongs
from harness.rsp import symbol

NAME = "BatonSigned"
TIMED, APPEND = 0x27, 0x67  # NV|BS|RT|TIME_BASED_AUTHENTICATED_WRITE_ACCESS
PKCS7 = uuid.UUID("4aafd29d-68df-49ee-8aa9-347d375665a7")
WRONG = "SetVariable: EFI_SECURITY_VIOLATION"


class Key:
    """A key and its certificate."""

    def __init__(self, folder, owner: str):
        self.files = [folder / f"{owner}.key", folder / f"{owner}.crt"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", f"/CN={owner}", "-keyout", self.files[0],
             "-out", self.files[1]], check=True, capture_output=True)

    def sign(self, message: bytes) -> bytes:
        """PKCS #7 SignedData, without the ContentInfo around it."""
        key, certificate = self.files
        wrapped = subprocess.run(
            ["openssl", "cms", "-sign", "-binary", "-noattr", "-md", "sha256",
             "-signer", certificate, "-inkey", key, "-outform", "DER"],
            input=message, check=True, capture_output=True).stdout
        return wrapped[19:]  # SEQUENCE, OID, [0]: lengths in two bytes each


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, Key]:
    folder = tmp_path_factory.mktemp("keys")
    return {owner: Key(folder, owner) for owner in ("ours", "theirs")}


class Row(NamedTuple):
    """One write: its peculiarity, the result, the contents afterwards."""

    what: str
    answer: str
    left: bytes | None  # to be read
    data: bytes
    year: int
    owner: str = "ours"
    attributes: int = TIMED
    name: str = NAME  # that is signed
    damage: int | None = None  # a bit of this byte is flipped afterwards


ROWS = [
    Row("created", "ok", b"first", b"first", 2001),
    Row("the same again", WRONG, b"first", b"first", 2001),
    Row("by somebody else", WRONG, b"first", b"other", 2002, "theirs"),
    Row("appended", "ok", b"first, more", b", more", 2003,
        attributes=APPEND),
    Row("newer", "ok", b"second", b"second", 2005),
    Row("older", WRONG, b"second", b"third", 2004),
    Row("data changed", WRONG, b"second", b"third", 2006, damage=-1),
    Row("time changed", WRONG, b"second", b"third", 2006, damage=0),
    Row("signature changed", WRONG, b"second", b"third", 2006, damage=-9),
    Row("another name", WRONG, b"second", b"third", 2006, name="BatonSigner"),
    Row("deleted", "ok", None, b"", 2007),
    Row("of a new owner", "ok", b"other", b"other", 2002, "theirs"),
    Row("deleted by that", "ok", None, b"", 2003, "theirs"),
]


def signed(row: Row, key: Key) -> bytes:
    """EFI_VARIABLE_AUTHENTICATION_2, followed by the data."""
    vendor = uuid.UUID(flash.BATON).bytes_le
    when = struct.pack("<HBB12x", row.year, 1, 1)
    signature = key.sign(row.name.encode("utf-16-le") + vendor
                         + struct.pack("<I", row.attributes) + when + row.data)
    head = struct.pack("<IHH", 24 + len(signature), 0x0200, 0x0EF1)
    made = bytearray(when + head + PKCS7.bytes_le + signature + row.data)
    if row.damage is not None:
        made[row.damage] ^= 1
    return bytes(made)


def put(debugger, row: Row, made: bytes) -> None:
    """Make the monitor write `made` instead of its own data."""
    for function in ("run_efi_vars_write", "efi_set_variable"):
        debugger.run_to(symbol(paths.SYMBOLS, function))
    room = symbol(paths.SYMBOLS, "cells")  # of a screen that does not exist
    debugger.write(room, made)
    for register, value in (("rdx", row.attributes), ("rcx", room),
                            ("r8", len(made))):
        debugger.set_register(register, value)


def outcomes(run) -> list[tuple[str, bytes | None]]:
    """The result of each write, and what is read afterwards."""
    found, said = [], []
    for line in run.lines:
        said.append(line)
        if line.startswith("@monitor.command "):
            said, text = [], "\n".join(said)
            found.append(answer(text) if "vars write" in line else data(text))
    return list(zip(found[::2], found[1::2], strict=True))


def answer(text: str) -> str:
    return "ok" if text.endswith("status=ok") else text.split("\n")[-2]


def data(text: str) -> bytes | None:
    read = re.search(r", NV BS RT, (\d+) bytes\n  0000 ((?: [0-9a-f]{2})+)",
                     text)
    return read and bytes.fromhex(read[2])[:int(read[1])]


@pytest.mark.slow
@pytest.mark.parametrize("mode", PROVING)
def test_signed_variables(boot, keys, mode):
    script = f"efi vars write {NAME} x; efi vars read {NAME};" * len(ROWS)
    with boot(f'efi={mode} generations=3 end=exit run="{script}"',
              paused=True) as machine:
        with machine.debugger() as debugger:
            for row in ROWS:
                put(debugger, row, signed(row, keys[row.owner]))
            debugger.detach()
        run = machine.finish()
    assert outcomes(run) == [(row.answer, row.left) for row in ROWS]
    assert wrongs(run) == []
