"""The rules that the code is written by, where a machine can check them."""

import re
import subprocess
from pathlib import Path

import pytest

from harness import objects, paths

LAYERS = ["lib", "boot", "mm", "efi", "kexec", "kernel"]
# The form of what is handed on: every layer may read it.
SHARED = {"boot/boot_info.h", "boot/e820.h",
          "boot/handoff.h", "boot/node.h"}
COLUMNS, FUNCTION_LINES = 80, 50


def tracked(*patterns: str) -> list[str]:
    words = ["git", "ls-files", "-co", "--exclude-standard", *patterns]
    return subprocess.run(words, cwd=paths.ROOT, text=True, check=True,
                          capture_output=True).stdout.split()


def lines(name: str) -> list[str]:
    return (paths.ROOT / name).read_text().splitlines()


C_FILES = tracked("*.c", "*.h")
SOURCES = C_FILES + tracked("*.asm", "*.inc", "linker.ld")


JUDGE = "14"  # other versions of clang-format disagree about braces in macros


def test_c_is_formatted():
    found = subprocess.check_output(["clang-format", "--version"], text=True)
    version = re.search(r"version (\d+)", found)[1]
    if version != JUDGE:
        pytest.skip(f"clang-format {version}: {JUDGE} is what the code is "
                    "formatted by")
    words = ["clang-format", "--dry-run", "--Werror", *C_FILES]
    done = subprocess.run(words, cwd=paths.ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr[:2000] + "\nmend: make format"


def test_lines_fit_a_terminal():
    long = [f"{name}:{number}" for name in SOURCES
            for number, line in enumerate(lines(name), 1)
            if len(line) > COLUMNS]
    assert long == []


def functions(name: str):
    """(first line, lines between the braces) of each function of a C file."""
    depth = start = 0
    for number, line in enumerate(lines(name), 1):
        if depth == 0 and "{" in line:
            start = number
        depth += line.count("{") - line.count("}")
        if depth == 0 and line == "}":
            yield start, number - start - 1


def test_functions_fit_a_screen():
    long = [f"{name}:{start}" for name in C_FILES
            for start, length in functions(name) if length > FUNCTION_LINES]
    assert long == []


def test_nothing_is_left_for_later():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    left = [f"{name}:{number}" for name in SOURCES
            for number, line in enumerate(lines(name), 1)
            if words.search(line)]
    assert left == []


# Words for which the field has a plain one: reported, nothing, received, fixed,
# tainted, buffer.
DIALECT = re.compile(r"\b(told|whoever|whomever|nobody|somebody|heard|likewise|"
                     r"anew|lent|barked|mended|suspect|unwell|keepsake|painted|"
                     r"in the midst|to be had|for who|anybody|paints?|spared)\b", re.I)


def test_words_are_plain():
    """In the documents, and in the kernel's own text."""
    pages = tracked("README.md", "CONTRIBUTING.md", "docs/*.md")
    kernel = [name for name in SOURCES if name.split("/")[0] in LAYERS]
    found = [f"{name}:{number}: {hit[0]}" for name in pages + kernel
             for number, line in enumerate(lines(name), 1)
             if (hit := DIALECT.search(line))]
    assert found == []


def test_every_file_says_what_it_is_for():
    silent = [name for name in SOURCES
              if not lines(name)[0].startswith(("//", "; ", "/*"))]
    assert silent == []


def includes(names: list[str]):
    """(file, what it includes), for the kernel's own headers."""
    for name in names:
        for line in lines(name):
            if found := re.match(r'#include "([a-z_0-9/]+\.h)"', line):
                yield name, found[1]


def is_core(name: str) -> bool:
    return name.split("/")[0] in LAYERS and name.count("/") == 1


def annex(name: str) -> str | None:
    inside = name.split("/")[0] in LAYERS and name.count("/") > 1
    return name.rpartition("/")[0] if inside else None


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer):
    allowed = LAYERS[:LAYERS.index(layer) + 1]
    if layer not in ("boot", "kernel"):
        allowed.remove("boot") if "boot" in allowed else None
    core = [name for name in C_FILES
            if is_core(name) and Path(name).parts[0] == layer]
    wrong = [f"{name}: {header}" for name, header in includes(core)
             if is_core(header) and header.split("/")[0] not in allowed
             and header not in SHARED]
    assert wrong == []


def test_core_names_no_annex():
    """A file directly in a folder is core, a sub-folder is an annex."""
    core = [name for name in C_FILES if is_core(name)]
    known = [f"{name}: {header}" for name, header in includes(core)
             if annex(header)]
    assert known == []


def test_an_annex_uses_another_only_where_it_says_so():
    """A file of commands is linked only if the monitor is."""
    rows = objects.uses()
    wrong = [f"{name}: {header}" for name, header in includes(C_FILES)
             if (mine := annex(name)) and (other := annex(header))
             and mine != other and other not in rows.get(mine, [])
             and not (name.endswith("/commands.c")
                      and other == "kernel/monitor")]
    assert wrong == []


def test_only_one_file_has_inline_assembly():
    having = [name for name in C_FILES if "__asm__" in
              (paths.ROOT / name).read_text()]
    assert having == ["lib/x86.h"]


def test_only_one_file_writes_the_record_of_the_firmware():
    """All others read it, through a pointer to const."""
    having = [name for name in C_FILES if not name.startswith("tests/")
              and "firmware_record" in (paths.ROOT / name).read_text()]
    assert having == ["efi/firmware.c", "efi/open.c"]


def test_each_type_of_node_belongs_to_one_part():
    """Two parts of the kernel with one type would read each other's nodes."""
    letters = [letter for name in C_FILES if not name.startswith("tests/")
               for letter in re.findall(r"NODE_TYPE\('(.)'\)",
                                        (paths.ROOT / name).read_text())]
    assert len(letters) > 5 and len(letters) == len(set(letters)), letters
