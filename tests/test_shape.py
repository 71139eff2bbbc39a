"""The shape of the kernel, by the linker's account: what refers to what."""

import re
import subprocess

import pytest

from harness import objects, paths

EVERYTHING = objects.files("ALL_FILES")
FOLDERS = sorted({name.rpartition("/")[0] for name in EVERYTHING})

def within(folder: str) -> list[list[str]]:
    """Circles, but for a file's two halves, in C and in assembly."""
    names = [name for name in EVERYTHING if name.rpartition("/")[0] == folder]
    return [group for group in objects.circles(objects.graph(names))
            if len({name.rpartition(".")[0] for name in group}) > 1]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_in_a_folder(folder):
    assert within(folder) == []


# Its first comment announces each of these.
JUMPS = {("boot/entry.asm", "kernel/main.c"),
         ("boot/multiboot2.c", "boot/node.c")}


def test_core_is_read_without_a_jump():
    """A file uses what stands above it, and its own half in C."""
    core = objects.files("CORE")
    place = {name: at for at, name in enumerate(core)}
    ahead = {(name, other) for name, used in objects.graph(core).items()
             for other in used if place[other] > place[name]
             and other.rpartition(".")[0] != name.rpartition(".")[0]}
    assert ahead == JUMPS


def test_hooks_are_listed():
    """Every table, every row, and the line where it stands."""
    words = [paths.ROOT / "tools" / "hooks", paths.SYMBOLS]
    text = subprocess.check_output(words, text=True)
    tables = dict(re.findall(r"^(\w+): (\d+)$", text, re.M))
    listed = re.findall(r"^ +COLLECT\((\w+)\)",
                        (paths.ROOT / "lib" / "tables.ld").read_text(), re.M)
    assert list(tables) == listed
    places = re.findall(r"^  \S+ +(\S+):(\d+)$", text, re.M)
    assert len(places) == sum(int(count) for count in tables.values())
    for name, line in places:
        line = (paths.ROOT / name).read_text().splitlines()[int(line) - 1]
        assert re.search(r"\b(ROW|COMMAND|TEST|STAGE)\(", line), (name, line)


def test_the_map_has_every_file_and_annex():
    text = (paths.ROOT / "docs/map.md").read_text()
    listed = [name for row in re.findall(r"^\| (`[^|]*)\|", text, re.M)
              for name in re.findall(r"`([a-z_0-9/.]+)`", row)]
    core = [name for name in listed if "." in name]
    assert core == objects.files("CORE")
    assert sorted(set(listed) - set(core)) == objects.files("ALL_ANNEXES")


def walk(tree: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The files of a walk, in order, and its steps: (caller, called)."""
    path, visits, steps = [], [], []
    for indent, name in re.findall(r"^    ( *)(\S+)", tree, re.M):
        path[len(indent) // 2:] = [name]
        visits.append(name)
        steps += [(path[-2], name)] if indent else []
    return visits, steps


WALKS = re.findall(r"^### ([^\n]+): (\d+) files, (\d+) visits\n(.*?)(?=^#|^\*\*)",
                   (paths.ROOT / "docs/map.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("files, visits, tree", [
    pytest.param(int(files), int(visits), tree, id=title.partition(",")[0])
    for title, files, visits, tree in WALKS])
def test_a_walk_in_the_map_follows_calls(files, visits, tree):
    """Each step is to a file whose symbol the caller uses, or that has a row in
    a table which the caller walks."""
    edges = objects.graph(EVERYTHING)
    visited, steps = walk(tree)
    assert (len(set(visited)), len(visited)) == (files, visits)
    assert [step for step in steps if step[1] not in edges[step[0]]
            and not objects.walked(step[0]) & objects.rows(step[1])] == []


def test_the_map_has_six_walks():
    assert len(WALKS) == 6


def test_the_lines_in_the_map_are_right():
    """If not: tools/map counts them again."""
    done = subprocess.run([paths.ROOT / "tools" / "map", "--check"], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout
