"""What make builds: the same bytes in two places, and whatever is missing."""

import os
import shutil
import subprocess

import pytest

from harness import paths

# Of a built tree: neither what make does not look at, nor what is large.
NO_SOURCE = shutil.ignore_patterns(".git", "__pycache__", "runs", "saved",
                                   "media", "linux", "linux.packages",
                                   "linux.cpio", "pytest")
KEEP_OUT = shutil.ignore_patterns("build", ".git", "__pycache__")


def plain():
    """The environment without what the make that runs the tests has put there.
    """
    return {key: value for key, value in os.environ.items()
            if not key.startswith("MAKE") and key != "MFLAGS"}


def built_in(folder):
    """The digest-worthy files of a build in a copy of the source."""
    shutil.copytree(paths.ROOT, folder, ignore=KEEP_OUT)
    subprocess.run(["make", "-j2"], cwd=folder, check=True, env=plain(),
                   stdout=subprocess.DEVNULL)
    return {name: (folder / "build" / name).read_bytes()
            for name in ("baton", "bundle.cpio")}


@pytest.mark.slow
def test_two_builds_are_the_same(tmp_path):
    one = built_in(tmp_path / "one")
    two = built_in(tmp_path / "a-longer-path" / "two")
    assert one == two


def test_an_object_that_is_missing_is_built_again(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(paths.ROOT, tree, ignore=NO_SOURCE)
    question = ["make", "-q", "build/baton"]
    assert subprocess.run(question, cwd=tree, env=plain()).returncode == 0
    (tree / "build/lib/crc32.o").unlink()
    assert subprocess.run(question, cwd=tree, env=plain()).returncode == 1
