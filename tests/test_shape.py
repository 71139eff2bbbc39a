"""The shape of the kernel, by the linker's account: what refers to what."""

import re
import subprocess

import pytest

from harness import objects, paths

CORE = objects.files("CORE")
EVERYTHING = objects.files("ALL_FILES")
FOLDERS = sorted({name.rpartition("/")[0] for name in EVERYTHING})


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_in_a_folder(folder):
    """But what a file has of itself in another language: gate.c, gate.asm."""
    names = [name for name in EVERYTHING if name.rpartition("/")[0] == folder]
    halves = lambda group: len({name.rpartition(".")[0] for name in group}) == 1
    assert [group for group in objects.circles(objects.graph(names))
            if not halves(group)] == []


def test_no_circle_in_core():
    halves = lambda group: len({name.rpartition(".")[0] for name in group}) == 1
    assert [group for group in objects.circles(objects.graph(CORE))
            if not halves(group)] == []


def test_core_is_in_reading_order():
    """A file uses only files above it."""
    place = {name: at for at, name in enumerate(CORE)}
    later = [f"{name} -> {other}"
             for name, others in objects.graph(CORE).items()
             for other in sorted(others) if place[other] > place[name]]
    assert later == []


def test_only_one_file_writes_what_is_known_of_the_firmware():
    """`firmware` is const for all but efi/open.c: in its header, and so for
    the compiler."""
    header = (paths.ROOT / "efi" / "firmware.h").read_text()
    assert re.search(r"extern const struct efi_firmware firmware;", header)


def test_hooks_are_listed():
    words = [paths.ROOT / "tools" / "hooks", paths.SYMBOLS]
    text = subprocess.check_output(words, text=True)
    tables = dict(re.findall(r"^(\w+): (\d+)$", text, re.M))
    listed = re.findall(r"COLLECT\((\w+)\) ",
                        (paths.ROOT / "lib" / "tables.ld").read_text())
    assert sorted(tables) == sorted(listed)
    assert all(f"{name}: {count}" in text for name, count in tables.items())
    places = re.findall(r"^  \S+ +(\S+):(\d+)$", text, re.M)
    assert len(places) == sum(int(count) for count in tables.values())
    for name, line in places:
        text = (paths.ROOT / name).read_text().splitlines()[int(line) - 1]
        assert re.search(r"ROW|COMMAND|TEST|OPTION|STAGE", text), (name, line)
