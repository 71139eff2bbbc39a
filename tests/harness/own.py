"""Another build of firmware than the ones of qemu.py: options of a tool.

    CODE=OVMF_CODE.fd VARS=OVMF_VARS.fd     two flash chips, as OVMF is built
    BIOS=OVMF.fd                            one read-only file, as for -bios

Each file is checked before a machine starts: QEMU accepts nearly any file as
firmware, and then shows nothing. The file of variables is only copied.
"""

import argparse
import uuid
from pathlib import Path

from . import cli, flash, qemu

# QEMU puts the flash of a PC below 4 GiB, 8 MiB at most (its option
# max-fw-size), and a file for -bios as well, down to the IOAPIC and other
# devices below 4 GiB - 16 MiB.
MIB = 1 << 20
FLASH_MOST, BIOS_MOST = 8 * MIB, 16 * MIB
SECTOR, BIOS_UNIT = 4096, 65536

# A processor's first instruction is 16 bytes below 4 GiB, the end of the file
# (SDM vol. 3 §9.1.4). That is always a jump: near, far, or short.
RESET_BYTES = 16
JUMPS = (0xE9, 0xEA, 0xEB)


def has_reset_vector(data: bytes) -> bool:
    return any(byte in JUMPS for byte in data[-RESET_BYTES:])


def _content(text: str, most: int, unit: int) -> bytes:
    path = cli.file(text)
    if "," in text:
        raise cli.Trouble(f"{text!r}: QEMU's options have no file names with "
                          "commas")
    size = path.stat().st_size
    if size > most:
        raise cli.Trouble(f"{text!r} is no firmware: {size} bytes, more than "
                          f"{most >> 20} MiB")
    if size == 0 or size % unit:
        raise cli.Trouble(f"{text!r} is no firmware: {size} bytes are not a "
                          f"multiple of {unit >> 10} KiB")
    return path.read_bytes()


def _executable(text: str, most: int, unit: int) -> str:
    if not has_reset_vector(_content(text, most, unit)):
        raise cli.Trouble(
            f"{text!r} is no firmware: there is no jump in its last "
            f"{RESET_BYTES} bytes, where a processor starts")
    return str(Path(text).resolve())


def code_file(text: str) -> str:
    return _executable(text, FLASH_MOST, SECTOR)


def bios_file(text: str) -> str:
    return _executable(text, BIOS_MOST, BIOS_UNIT)


def vars_file(text: str) -> str:
    """A firmware volume of variables (PI 1.7 vol. 3 §3.2.1)."""
    data = _content(text, FLASH_MOST, SECTOR)
    guid, _, signature, _ = flash.VOLUME.unpack_from(data)
    if signature != b"_FVH":
        raise cli.Trouble(f"{text!r} has no firmware volume: no _FVH at byte 40")
    if str(uuid.UUID(bytes_le=guid)) != flash.NV_DATA_VOLUME:
        raise cli.Trouble(f"{text!r} is a firmware volume, but not one of "
                          f"variables ({flash.NV_DATA_VOLUME})")
    return str(Path(text).resolve())


def board(text: str) -> str:
    """What QEMU's -machine accepts: "q35,smm=on"."""
    if not text or any(not part for part in text.split(",")) or " " in text:
        raise cli.Trouble(f"{text!r} is not a machine of QEMU, as q35,smm=on")
    return text


def qemu_words(text: str) -> str:
    cli.words(text)
    return text


# Option, what its value is called, check, default, meaning.
OPTIONS = (
    ("code", "FILE", code_file, "", "firmware for the first flash chip; needs "
     "VARS"),
    ("vars", "FILE", vars_file, "", "its variables, for the second flash chip: "
     "they are copied, this file is never changed"),
    ("bios", "FILE", bios_file, "", "or firmware in one file, without flash"),
    ("machine", "WORDS", board, "q35", "QEMU's -machine: q35,smm=on (default "
     "q35)"),
    ("qemu-args", "WORDS", qemu_words, "", "more options of QEMU"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Each of them can be set by a variable too: CODE, QEMU_ARGS, …"""
    for name, metavar, check, default, text in OPTIONS:
        variable = name.upper().replace("-", "_")
        if not default:
            check = _or_nothing(check)
        parser.add_argument(f"--{name}", metavar=metavar, type=check, help=text,
                            default=cli.variable(variable, check, default))


def _or_nothing(check):
    return lambda text: text and check(text)


def contradiction(options) -> str:
    """What is wrong with these options together, if anything."""
    if options.code and options.bios:
        return "CODE and BIOS are two ways to give one firmware: which one?"
    if options.code and not options.vars:
        return "CODE needs VARS: the file with this build's variables"
    if options.vars and not options.code:
        return "VARS needs CODE: the file with this build's code"
    if options.code:
        both = sum(Path(name).stat().st_size
                   for name in (options.code, options.vars))
        if both > FLASH_MOST:
            return (f"CODE and VARS have {both} bytes together, more than the "
                    f"{FLASH_MOST >> 20} MiB of QEMU's flash")
    return ""


def is_given(options) -> bool:
    return bool(options.code or options.bios)


def fields(options) -> dict:
    """For qemu.Config."""
    named = {"firmware": "own"} if is_given(options) else {}
    return {**named, "code": options.code, "variables": options.vars,
            "bios": options.bios, "board": options.machine,
            "args": options.qemu_args}
