"""Every input that is kept here, once more: the corpora, and all that ever broke
something. `make fuzz` is what finds new ones."""

import fcntl
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build" / "unit"
MAKE = ["make", "-s", "-k", "-f", "tests/fuzz/fuzz.mk", "replay"]
TARGETS = sorted(file.stem for file in HERE.glob("*.c")
                 if file.stem != "replay")


@pytest.fixture(scope="session")
def build_log():
    """Builds the programs; the lock is that of the unit tests, whose objects
    they share."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(MAKE, cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def inputs(target):
    return sorted(str(file.relative_to(ROOT))
                  for home in ("corpus", "crashes")
                  for file in (HERE / home / target).glob("*"))


@pytest.mark.xdist_group("fuzz")
@pytest.mark.parametrize("target", TARGETS)
def test_replay(build_log, target):
    assert inputs(target), f"{target} has no corpus"
    program = OUT / "replay" / target
    assert program.exists(), build_log
    done = subprocess.run([program, *inputs(target)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace")
    assert done.returncode == 0, done.stdout[-4000:]


def test_each_corpus_has_a_target():
    folders = {home.name for kind in ("corpus", "crashes")
               for home in (HERE / kind).glob("*") if any(home.iterdir())}
    assert sorted(folders) == TARGETS
