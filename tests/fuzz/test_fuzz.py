"""Every input that is kept here, once more: the corpora, and all that ever broke
something. `make fuzz` is what finds new ones."""

import fcntl
import importlib.machinery
import importlib.util
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from harness.patience import SLOWNESS, cpu_limit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build" / "unit"
MAKE = ["make", "-s", "-k", "-f", "tests/fuzz/fuzz.mk", "replay"]
CPU_SECONDS = 120  # for all that a target is given
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
                          errors="replace", preexec_fn=cpu_limit(CPU_SECONDS))
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_seeds_are_of_this_version():
    """A handoff of another version is refused at once, and what follows is
    not tested. If so: tests/fuzz/seeds.py."""
    header = (ROOT / "boot/handoff.h").read_text()
    version = int(re.search(r"#define HANDOFF_VERSION (\d+)", header)[1])
    found = {file.name: block_version(file.read_bytes())
             for target, names in (("adoption", "*-1"), ("handoff", "fixed*"))
             for file in (HERE / "corpus" / target).glob(names)}
    assert len(found) > 10
    assert {name: seen for name, seen in found.items() if seen != version} == {}


def block_version(seed: bytes) -> int:
    """Of a handoff (boot/handoff.h), at the start of the first piece."""
    return struct.unpack_from("<I", seed, seed.index(b"BATON") + 8)[0]


def test_each_corpus_has_a_target():
    folders = {home.name for kind in ("corpus", "crashes")
               for home in (HERE / kind).glob("*") if any(home.iterdir())}
    assert sorted(folders) == TARGETS


# ---- tools/fuzz itself, over programs that only look like fuzzers

@pytest.fixture
def tool(tmp_path, monkeypatch):
    """It as a module, with a folder of its own."""
    loader = importlib.machinery.SourceFileLoader(
        "fuzz", str(ROOT / "tools" / "fuzz"))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("fuzz", loader))
    monkeypatch.setitem(sys.modules, "fuzz", module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    for name, value in (("HOME", tmp_path), ("OUT", tmp_path),
                        ("build", lambda: None)):
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def fuzz(tool, tmp_path, monkeypatch, capsys):
    """A function that runs it: its exit status, and what it says."""

    def start(programs: dict[str, str], *words: str):
        for name, script in programs.items():
            (tmp_path / f"{name}.c").touch()
            (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setattr(sys, "argv", ["fuzz", *words])
        with pytest.raises(SystemExit) as end:
            tool.main()
        return end.value.code, capsys.readouterr().out

    return start


def waits_for(other: str) -> str:
    """Done if the other one has begun within a minute."""
    return f"""
        touch $(basename $0).began
        for i in $(seq {round(1200 * SLOWNESS)}); do
            [ -e {other}.began ] && echo '#7 DONE cov: 3 ft: 4' >&2 && exit 0
            sleep 0.05
        done
        exit 1"""


def test_targets_run_in_parallel(fuzz):
    pair = {"one": waits_for("two"), "two": waits_for("one")}
    status, text = fuzz(pair, "--jobs", "2")
    head, *lines = text.splitlines()
    assert status == 0
    assert head.startswith("target ")
    assert sorted(line.split() for line in lines) == [
        ["one", "7", "3", "7", "-"], ["two", "7", "3", "7", "-"]]


def test_a_crash_is_reported_at_the_end_and_stops_no_other_target(fuzz):
    status, text = fuzz({"bad": "echo '==1==ERROR: found' >&2; exit 77",
                         "good": "exit 0", "mute": "exit 3"})
    assert status == 1
    assert [line.split()[::4] for line in text.splitlines()[1:4]] == [
        ["bad", "CRASH"], ["good", "-"], ["mute", "CRASH"]]
    assert text.endswith("\nbad:\n==1==ERROR: found\n\n\nmute:\nexit status 3\n\n")


def test_a_terminal_shows_the_progress_in_one_line(tool, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "24")
    board = tool.Board()
    one, two = tool.Result("one", 1234, 5, 1), tool.Result("two", 7, 3, 1)
    for step in (board.update, board.finish):
        for result in (one, two):
            step(result)
    *_, both, last, none = capsys.readouterr().out.split("\r\033[K")
    assert both == "one 1,234   two 7"
    assert last == f"{one}\n{str(two)[:23]}"
    assert none == f"{two}\n"
