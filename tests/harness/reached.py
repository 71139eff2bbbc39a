"""Which source lines of the kernel a machine executed.

The kernel is unmodified: QEMU lists each block of code once, when it first
translates it (`-d in_asm`), and the line table of build/baton.elf maps the
addresses to source lines.
"""

import bisect
import functools
import os
import re
from collections import defaultdict
from pathlib import Path

from elftools.elf.elffile import ELFFile

from . import paths

FOLDERS = ("boot", "mm", "efi", "kexec", "kernel", "lib")

# In long mode with paging the kernel is at its link address. Before that it is
# at its load address: a 2 MiB boundary, one of these.
ALIGNMENT = 0x200000
LOADED_AT = range(ALIGNMENT, 64 * ALIGNMENT, ALIGNMENT)
FOUR_GIB = 1 << 32
INSTRUCTION = re.compile(r"0x([0-9a-f]+): +((?:[0-9a-f]{2} )+)")

DATA = re.compile(r"\s*(d[bwdq]|times|align)\b")  # in assembly, no code


class Kernel:
    """build/baton.elf: its code, and the source line of each instruction."""

    def __init__(self, path: Path = paths.SYMBOLS):
        with open(path, "rb") as file:
            elf = ELFFile(file)
            text = elf.get_section_by_name(".text")
            self.base, self.code = text["sh_addr"], text.data()
            self.pieces = sorted(
                (start, end, name, line)
                for unit in elf.get_dwarf_info().iter_CUs()
                for start, end, name, line in pieces_of(elf, unit)
            )
        self.early = max(end for _, end, name, _ in self.pieces
                         if name == "boot/entry.asm") - self.base

    def qemu(self, path: Path) -> Path:
        """Writes a program to `path` that is QEMU, and logs what it runs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            '#!/bin/sh\nexec qemu-system-x86_64 "$@" -d cpu_reset,in_asm '
            f"-dfilter {self.ranges()}\n")
        path.chmod(0o755)
        return path

    def ranges(self) -> str:
        """For QEMU's -dfilter."""
        whole = f"{self.base:#x}+{len(self.code):#x}"
        return ",".join([whole, *(f"{at:#x}+{self.early:#x}"
                                  for at in LOADED_AT)])

    def executed(self, log: Path) -> set[int]:
        """Link addresses of the instructions in the log of such a QEMU."""
        with open(log, errors="replace") as file:
            once = {match.groups() for line in file
                    if (match := INSTRUCTION.match(line))}
        found = {self.linked(int(address, 16), bytes.fromhex(code))
                 for address, code in once}
        return found - {None}

    def linked(self, address: int, code: bytes) -> int | None:
        """The link address of an instruction; None if it is not the kernel's:
        other programs run at low addresses before the kernel."""
        if address < FOUR_GIB:
            address = self.base + address % ALIGNMENT
        offset = address - self.base
        ours = self.code[offset : offset + len(code)] == code
        return address if ours else None

    def lines(self, executed: set[int]) -> dict[str, dict[int, int]]:
        """File -> line -> did it run?"""
        order = sorted(executed)
        found: dict = defaultdict(lambda: defaultdict(int))
        for start, end, name, line in self.pieces:
            i = bisect.bisect_left(order, start)
            found[name][line] |= i < len(order) and order[i] < end
        return found


def pieces_of(elf: ELFFile, unit):
    """(start, end, file, line) of a compilation unit, from its line program. A
    line without an instruction of its own, such as a call that was inlined, has
    the one at its address."""
    program = elf.get_dwarf_info().line_program_for_CU(unit)
    states = [entry.state for entry in program.get_entries() if entry.state]
    end = 0
    for state, after in reversed(list(zip(states, states[1:]))):
        if after.address > state.address:
            end = after.address
        name = file_name(program, state.file)
        ours = name.split("/")[0] in FOLDERS and state.line
        ours = ours and not is_data(name, state.line)
        if ours and not state.end_sequence and end > state.address:
            yield state.address, end, name, state.line


@functools.cache
def text_of(name: str) -> list[str]:
    return (paths.ROOT / name).read_text().splitlines()


def is_data(name: str, line: int) -> bool:
    assembly = name.endswith((".asm", ".inc"))
    return assembly and bool(DATA.match(text_of(name)[line - 1]))


def file_name(program, index: int) -> str:
    """Relative to the root, as the Makefile spells it."""
    header = program.header
    modern = header.version >= 5
    entry = header.file_entry[index if modern else index - 1]
    folder = entry.dir_index
    folders = header.include_directory
    if not modern:
        folder -= 1
    parent = folders[folder].decode() if folder >= 0 else ""
    name = os.path.normpath(os.path.join(parent, entry.name.decode()))
    return os.path.relpath(name, paths.ROOT) if os.path.isabs(name) else name
