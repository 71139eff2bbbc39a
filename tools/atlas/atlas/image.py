"""What the kernel's debug information says: symbols, structures, lines.

Nothing here knows an offset: a variable's structure is described by DWARF,
and its bytes are decoded by that description. kernel/main.c includes the headers of nearly all that the
atlas asks for, so its unit is looked at first.
"""

import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import RLock

from elftools.elf.elffile import ELFFile

FIRST = "kernel/main.c"
DW_OP_ADDR = 0x03

Reader = Callable[[int, int], bytes]  # (physical address, bytes)


class Image:
    """build/baton.elf."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = RLock()  # two machines run at once, and pyelftools seeks
        self.elf = ELFFile(open(path, "rb"))
        table = self.elf.get_section_by_name(".symtab")
        self.symbols = {s.name: s["st_value"] for s in table.iter_symbols()
                        if s.name}
        self._objects = sorted(
            (s["st_value"], s["st_size"], s.name)
            for s in table.iter_symbols() if s["st_info"]["type"] in
            ("STT_OBJECT", "STT_FUNC") and s["st_size"])

    def symbol(self, name: str) -> int:
        """The linked address."""
        if name not in self.symbols:
            raise AssertionError(f"{self.path}: no symbol {name}; the atlas "
                                 "stops there (tools/atlas/atlas/phases.py)")
        return self.symbols[name]

    def has(self, name: str) -> bool:
        return name in self.symbols

    @property
    def start(self) -> int:
        return self.symbol("text_start")

    @property
    def size(self) -> int:
        return self.symbol("image_end") - self.start

    def objects(self, start: int, end: int) -> list[str]:
        """Functions and variables that overlap [start, end), the largest
        first."""
        found = [(size, name) for at, size, name in self._objects
                 if at < end and at + size > start]
        return [name for _, name in sorted(found, reverse=True)]

    def lines(self, addresses: list[int]) -> dict[int, tuple[str, str]]:
        """(function, file:line) of each address, inlined calls resolved to
        the innermost."""
        if not addresses:
            return {}
        words = ["addr2line", "-fe", str(self.path)]
        text = subprocess.run([*words, *(f"{at:#x}" for at in addresses)],
                              capture_output=True, text=True, check=True)
        found = text.stdout.splitlines()
        return {at: (function, _short(place)) for at, function, place in
                zip(addresses, found[::2], found[1::2])}

    # ---- structures

    @cache
    def _units(self) -> list:
        """Compilation units, that of most headers first."""
        return sorted(self.elf.get_dwarf_info().iter_CUs(), key=lambda unit:
                      not _name(unit.get_top_DIE()).endswith(FIRST))

    @cache
    def _named(self, unit) -> dict:
        """A unit's types and variables, by tag and name."""
        return {(die.tag, _name(die)): die
                for die in unit.get_top_DIE().iter_children()
                if "DW_AT_name" in die.attributes
                and ("DW_AT_declaration" not in die.attributes
                     or die.tag == "DW_TAG_variable")}

    def _find(self, tag: str, name: str):
        """A type or variable, in the first unit that describes it."""
        for unit in self._units():
            if found := self._named(unit).get((f"DW_TAG_{tag}", name)):
                return found
        raise AssertionError(f"{self.path}: no {tag} is named {name}; the "
                             "atlas reads it")

    def enum(self, name: str) -> dict[int, str]:
        with self._lock:
            die = self._find("enumeration_type", name)
            return {child.attributes["DW_AT_const_value"].value: _name(child)
                    for child in die.iter_children()}

    def structure(self, name: str) -> tuple:
        """The layout of a structure, for decode()."""
        with self._lock:
            return layout(self._find("structure_type", name))

    def read(self, path: str, read: Reader, base_pa: int):
        """A variable, or a member of one ("kernel.boot.memory"), of an image
        that lies at `base_pa`: as a number, text, a list, or a dictionary."""
        address, form = self._place(path)
        return decode(form, read(base_pa + address - self.start, form[0]))

    @cache
    def _place(self, path: str) -> tuple[int, tuple]:
        """The linked address of a variable or member, and its layout."""
        name, *members = path.split(".")
        with self._lock:
            die = self._find("variable", name)
            at, kind = self._address(die, name), _strip(die)
            for member in members:
                found = next(child for child in kind.iter_children()
                             if _name(child) == member)
                at += found.attributes["DW_AT_data_member_location"].value
                kind = _strip(found)
            return at, layout(kind)

    def _address(self, die, name: str) -> int:
        """A static variable's own, for others may have its name."""
        place = die.attributes.get("DW_AT_location")
        if not place:
            return self.symbol(name)
        operation, *address = place.value
        assert operation == DW_OP_ADDR, f"{name} has no fixed address"
        return int.from_bytes(bytes(address[:8]), "little")


def _short(text: str) -> str:
    """"./mm/space.c:47 (discriminator 1)" -> "mm/space.c:47"."""
    return re.sub(r"^\./|^\S*//| \(.*", "", text)


def _name(die) -> str:
    return die.attributes["DW_AT_name"].value.decode()


def _strip(die):
    """The type of a variable or member, without typedefs and qualifiers."""
    while True:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag not in ("DW_TAG_typedef", "DW_TAG_const_type",
                           "DW_TAG_volatile_type"):
            return die


@cache
def layout(die) -> tuple:
    """A type as plain data: how many bytes, and what to make of them."""
    if die.tag == "DW_TAG_array_type":
        dimension = next(child for child in die.iter_children()
                         if child.tag == "DW_TAG_subrange_type")
        count = dimension.attributes["DW_AT_upper_bound"].value + 1
        inner = layout(_strip(die))
        is_text = inner[0] == 1 and _name(_strip(die)) == "char"
        kind = "text" if is_text else "bytes" if inner[0] == 1 else "list"
        return count * inner[0], kind, inner
    size = die.attributes["DW_AT_byte_size"].value
    if die.tag != "DW_TAG_structure_type":
        return size, "number", None
    return size, "structure", [
        (_name(child), child.attributes["DW_AT_data_member_location"].value,
         layout(_strip(child)))
        for child in die.iter_children() if child.tag == "DW_TAG_member"]


def decode(kind: tuple, data: bytes):
    """Bytes as the value that the layout says they are. An array of bytes
    stays as it is, one of `char` becomes text, an enumeration its number."""
    size, what, inner = kind
    if what == "bytes":
        return data
    if what == "text":
        return data.split(b"\0")[0].decode()
    if what == "list":
        return [decode(inner, data[at : at + inner[0]])
                for at in range(0, size, inner[0])]
    if what == "structure":
        return {name: decode(part, data[at : at + part[0]])
                for name, at, part in inner}
    return int.from_bytes(data, "little")
