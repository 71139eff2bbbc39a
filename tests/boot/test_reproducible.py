"""Two builds of the same source, in two places, give the same bytes."""

import os
import shutil
import subprocess

import pytest

from harness import paths

KEEP_OUT = shutil.ignore_patterns("build", ".git", "__pycache__")


def built_in(folder):
    """The digest-worthy files of a build in a copy of the source."""
    shutil.copytree(paths.ROOT, folder, ignore=KEEP_OUT)
    plain = {key: value for key, value in os.environ.items()
             if not key.startswith("MAKE") and key != "MFLAGS"}
    subprocess.run(["make", "-j2"], cwd=folder, check=True, env=plain,
                   stdout=subprocess.DEVNULL)
    return {name: (folder / "build" / name).read_bytes()
            for name in ("baton", "bundle.cpio")}


@pytest.mark.slow
def test_two_builds_are_the_same(tmp_path):
    one = built_in(tmp_path / "one")
    two = built_in(tmp_path / "a-longer-path" / "two")
    assert one == two
