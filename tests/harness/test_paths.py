"""The tree in use, and the folder of saved machines."""

import os
import subprocess
import sys

from harness import paths
from harness.dossier import death
from harness.machine import Run, symbols_of
from harness.qemu import Config

SHOW = "from harness import paths; print(paths.KERNEL); print(paths.SAVED)"


def paths_with(**environment) -> list[str]:
    """The paths of another Python with these variables."""
    return subprocess.run(
        [sys.executable, "-c", SHOW], cwd=paths.ROOT / "tests", text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/home/me", **environment},
        capture_output=True, check=True).stdout.splitlines()


def test_another_tree_can_be_named(tmp_path):
    assert paths_with()[0] == str(paths.ROOT / "build/baton")
    assert paths_with(BATON_ROOT=str(tmp_path))[0] == f"{tmp_path}/build/baton"


def test_states_of_machines_are_shared_by_all_trees(tmp_path):
    usual = "/home/me/.cache/baton/saved"
    assert paths_with()[1] == paths_with(BATON_ROOT=str(tmp_path))[1] == usual
    assert paths_with(XDG_CACHE_HOME="/c")[1] == "/c/baton/saved"
    assert paths_with(BATON_SAVED="/s", XDG_CACHE_HOME="/c")[1] == "/s"


def test_a_kernel_has_its_symbols_next_to_it(tmp_path):
    kernel, beside = tmp_path / "baton", tmp_path / "baton.elf"
    assert symbols_of(kernel) == paths.SYMBOLS
    beside.touch()
    assert symbols_of(kernel) == beside


def test_a_panic_before_the_boot_event_is_not_the_firmware(tmp_path):
    run = Run(tmp_path, Config())
    run.add('@panic gen=0 why="no stack"')
    assert death(run) == ("panic", "generation 0 panicked: no stack")
