"""Reading the machine: numbers, physical memory, and names in the kernel."""

import re
import struct
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import gdb

ROOT = Path(__file__).resolve().parents[3]
MASK = (1 << 64) - 1
PAGE = 0x1000
LANDMARKS = """text_start text_end head_end entry64 entry32 gate_enter gate_plain
    gate_recover kernel_main kexec_jump kexec_last_instruction""".split()
OPTIONAL = ["guard_enter", "guard_recover"]  # of an annex
PLACES = {gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRUCT}


def number(expression: str) -> int:
    """The value of a GDB expression as an unsigned 64-bit number; the address
    of a function, an array or a structure."""
    value = gdb.parse_and_eval(expression)
    if value.type.strip_typedefs().code in PLACES:
        value = value.address
    return int(value) & MASK


@lru_cache
def address(symbol: str) -> int:
    """The link address of `symbol`, C or assembly.

    It is read once, early: while break-kexec has symbols loaded twice, GDB
    could return either address.
    """
    return number(f"&'{symbol}'")


@lru_cache
def has(symbol: str) -> bool:
    """Is it linked?"""
    try:
        return bool(address(symbol))
    except gdb.error:
        return False


def learn_addresses() -> None:
    for symbol in LANDMARKS:
        address(symbol)
    for symbol in OPTIONAL:
        has(symbol)


def pc() -> int:
    """The current instruction, whichever frame is selected."""
    return int(gdb.newest_frame().pc()) & MASK


def breakpoint_at(address: int, internal: bool = False) -> gdb.Breakpoint:
    """A hardware breakpoint: nothing is written to memory."""
    return gdb.Breakpoint(f"*{address:#x}", gdb.BP_HARDWARE_BREAKPOINT,
                          internal=internal)


def in_kernel(va: int) -> bool:
    """Is this in the kernel's code, at its linked address?"""
    return address("text_start") <= va < address("text_end")


@lru_cache
def layout() -> dict[str, int]:
    """The numbers of mm/layout.h, their only definition."""
    text = (ROOT / "mm/layout.h").read_text()
    found = re.findall(r"^#define (\w+) +(0x[0-9a-f]+)$", text, re.M)
    return {name: int(value, 16) for name, value in found}


# ---- memory

def send(packet: str) -> bytes:
    link = gdb.selected_inferior().connection
    if not isinstance(link, gdb.RemoteTargetConnection):
        raise gdb.GdbError("there is no machine: `target remote` comes first")
    return link.send_packet(packet)


@contextmanager
def physical():
    """Memory addresses are physical in this context: an extension of QEMU."""
    send("Qqemu.PhyMemMode:1")
    try:
        yield
    finally:
        send("Qqemu.PhyMemMode:0")


def read_physical(pa: int, size: int) -> bytes:
    with physical():
        return gdb.selected_inferior().read_memory(pa, size).tobytes()


def read_words(va: int, count: int) -> tuple[int, ...]:
    """64-bit words at a virtual address, through the page table in use."""
    data = gdb.selected_inferior().read_memory(va, 8 * count).tobytes()
    return struct.unpack(f"<{count}Q", data)


# ---- names

def symbol_at(va: int) -> str:
    """"gate_enter + 83", or nothing."""
    found = gdb.execute(f"info symbol {va:#x}", to_string=True)
    name, section, _ = found.partition(" in section")
    return name if section else ""


def table_of_names(file: str, name: str, index: int) -> str:
    """An entry of a table of strings that is static in a file."""
    table = gdb.parse_and_eval(f"'{file}'::{name}")
    low, high = table.type.range()
    return table[index].string() if low <= index <= high else "?"


def service_names() -> list[str]:
    """Names of all services, in order: EFI_GET_TIME is GetTime. From the
    symbols, because they are needed before the kernel's memory is mapped."""
    fields = gdb.lookup_type("enum efi_service").fields()
    words = [field.name.split("_")[1:] for field in fields]
    return ["".join(map(str.capitalize, word)) for word in words[:-1]]


def service_name(index: int) -> str:
    return service_names()[index]


def memory_type_name(index: int) -> str:
    return table_of_names("efi/names.c", "memory_type_names", index)


def status_name(status: int) -> str:
    if status == 0:
        return "EFI_SUCCESS"
    return table_of_names("efi/names.c", "error_names", status & (1 << 63) - 1)


def enum_name(value: gdb.Value, prefix: str, type_name: str = "") -> str:
    """SVAM_CALLED -> "called". `type_name`: for a field with a plain number."""
    if type_name:
        value = value.cast(gdb.lookup_type(f"enum {type_name}"))
    name = str(value)
    if not name.startswith(prefix):
        raise LookupError(f"{name} is not {prefix}...: it has been renamed")
    return name.removeprefix(prefix).lower().replace("_", "-")


def size_text(size: int) -> str:
    """In the largest unit that gives a whole number."""
    for unit, shift in ("GiB", 30), ("MiB", 20), ("KiB", 10):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} bytes"
