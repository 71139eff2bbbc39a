"""Builds: the same bytes in two folders, and missing files are rebuilt."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import media, paths

# Of a built tree: neither files that make ignores, nor large ones.
LARGE = {"runs", "saved", "media", "linux", "linux.packages", "linux.cpio",
         "pytest", "powercut", "mutate", "variants"}
KEEP_OUT = shutil.ignore_patterns("build", ".git", "__pycache__")


def but_for_the_large(folder: str, names: list[str]) -> set[str]:
    """For copytree: no history, and no large build products."""
    built = LARGE if Path(folder) == paths.ROOT / "build" else set()
    return {".git", "__pycache__"} | built & set(names)


def built_in(folder):
    """The digest-worthy files of a build in a copy of the source."""
    shutil.copytree(paths.ROOT, folder, ignore=KEEP_OUT)
    subprocess.run(["make", "-j2"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    # Not deleted as a step on the way: nothing is built twice.
    assert (folder / "build/lib/crc32.o").exists()
    return {name: (folder / "build" / name).read_bytes()
            for name in ("baton", "baton.elf", "bundle.cpio")}


@pytest.mark.slow
def test_two_builds_are_the_same(tmp_path):
    one = built_in(tmp_path / "one")
    two = built_in(tmp_path / "a longer path, with blanks" / "it's two")
    assert one == two


def test_a_disk_has_no_bytes_of_a_tool_s_memory(tmp_path, monkeypatch):
    """mformat -C copies some to the last sector. Here the C library fills all
    memory that it allocates."""
    monkeypatch.setitem(media.ENVIRONMENT, "MALLOC_PERTURB_", "170")
    note = tmp_path / "note"
    note.write_text("some words")
    image = media.fat(tmp_path / "disk.img", {"/folder/note": note})
    content = image.read_bytes()
    assert len(content) % (1 << 20) == 0 and not any(content[-512:])
    assert subprocess.check_output(
        ["mtype", "-i", image, "::/folder/note"]) == b"some words"


def test_another_compiler_rebuilds(tmp_path):
    """And `make -q` and `make -n` with another one change nothing."""
    words = ["make", "-s", f"OUT={tmp_path}", f"{tmp_path}/lib/crc32.o"]
    stamp = tmp_path / "lib/crc32.o"

    def built(*more) -> int:
        subprocess.run([*words, *more], cwd=paths.ROOT, check=False)
        return stamp.stat().st_mtime_ns

    first = built()
    assert built("-n", "CC=clang") == built("-q", "CC=clang") == first
    assert built() == first
    assert built("CC=clang") > first


def test_an_object_that_is_missing_is_built_again(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(paths.ROOT, tree, ignore=but_for_the_large)
    question = ["make", "-q", "build/baton"]
    assert subprocess.run(question, cwd=tree).returncode == 0
    (tree / "build/lib/crc32.o").unlink()
    assert subprocess.run(question, cwd=tree).returncode == 1
