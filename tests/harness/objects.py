"""The kernel's object files: which one refers to which."""

import re
import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile

from . import paths


def files(rule: str) -> list[str]:
    """A list of files in the Makefile: CORE, ALL_FILES."""
    words = ["make", "-s", "--no-print-directory", f"print-{rule}"]
    return subprocess.run(words, cwd=paths.ROOT, text=True, check=True,
                          capture_output=True).stdout.split()


def uses() -> dict[str, list[str]]:
    """The rows USES_annex of the Makefile: the annexes that one needs."""
    text = (paths.ROOT / "Makefile").read_text().replace("\\\n", " ")
    return {name: rest.split() for name, rest
            in re.findall(r"^USES_(\S+) *:= *(.*)$", text, re.M)}


def object_of(name: str) -> Path:
    path = paths.BUILD / name
    return path.with_suffix(".o" if name.endswith(".c") else ".asm.o")


def symbols(name: str) -> tuple[set[str], set[str]]:
    """The symbols that a file defines for others, and those that it uses."""
    with open(object_of(name), "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        outside = [symbol for symbol in table.iter_symbols() if symbol.name
                   and symbol["st_info"]["bind"] != "STB_LOCAL"]
    return ({symbol.name for symbol in outside
             if symbol["st_shndx"] != "SHN_UNDEF"},
            {symbol.name for symbol in outside
             if symbol["st_shndx"] == "SHN_UNDEF"})


def graph(names: list[str]) -> dict[str, set[str]]:
    """File -> the files whose symbols it uses."""
    found = {name: symbols(name) for name in names}
    home = {symbol: name for name, (defined, _) in found.items()
            for symbol in defined}
    return {name: {home[symbol] for symbol in taken if symbol in home} - {name}
            for name, (_, taken) in found.items()}


def rows(name: str) -> set[str]:
    """The tables to which a file adds rows (lib/table.h)."""
    with open(object_of(name), "rb") as file:
        names = [section.name for section in ELFFile(file).iter_sections()]
    return {found[1] for name in names
            if (found := re.match(r"\.table\.(\w+)\.", name))}


def walked(name: str) -> set[str]:
    """The tables whose rows a file walks."""
    return {symbol.removesuffix("_start") for symbol in symbols(name)[1]
            if symbol.endswith("_start")}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of files that each lead to all others of the group."""
    def reach(start: str) -> set[str]:
        seen, left = set(), [start]
        while left:
            for name in edges[left.pop()]:
                if name not in seen:
                    seen.add(name)
                    left.append(name)
        return seen

    from_each = {name: reach(name) for name in edges}
    groups = {frozenset(other for other in from_each[name]
                        if name in from_each[other])
              for name in edges if name in from_each[name]}
    return sorted(sorted(group) for group in groups)
