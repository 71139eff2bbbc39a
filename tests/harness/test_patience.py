"""A busy host stops no healthy program; one that hangs is still found."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from harness import machine, paths, patience, qemu

LOOP = ["sh", "-c", "while :; do :; done"]
CROWD = 8


@pytest.fixture(autouse=True)
def usual(monkeypatch):
    monkeypatch.setattr(patience, "SLOWNESS", 1)


@pytest.fixture
def crowd():
    """So many programs on one processor, each with an eighth of it."""
    one = min(os.sched_getaffinity(0))
    children = [subprocess.Popen(
        LOOP, preexec_fn=lambda: os.sched_setaffinity(0, {one}))
        for _ in range(CROWD)]
    yield children
    for child in children:
        child.kill()
        child.wait()


def test_time_in_which_a_child_waits_for_a_processor_does_not_count(crowd):
    watch = patience.Watch(0.6)
    time.sleep(1)
    assert watch.left()


def test_only_the_process_that_has_the_limit_counts(crowd):
    with subprocess.Popen(["sleep", "1000"]) as child:
        watch = patience.Watch(0.3, str(child.pid))
        time.sleep(1)
        assert not watch.left()
        child.kill()


@pytest.mark.parametrize("program", [LOOP, ["sleep", "1000"]])
def test_programs_that_hang_are_found(program):
    with subprocess.Popen(program) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            patience.patiently(0.5, lambda seconds: child.wait(seconds),
                               subprocess.TimeoutExpired)
        child.kill()


def test_a_late_result_is_accepted():
    calls = []

    def third_time(seconds: float) -> str:
        calls.append(seconds)
        if len(calls) < 3:
            raise TimeoutError
        return "here"

    assert patience.patiently(1000, third_time) == "here"


def test_a_limit_is_as_many_times_as_long(monkeypatch):
    monkeypatch.setattr(patience, "SLOWNESS", 100)
    assert 900 < patience.Watch(10).left() <= 1000


def test_a_program_is_limited_by_what_it_computes():
    done = subprocess.run(LOOP, preexec_fn=patience.cpu_limit(1))
    assert done.returncode == -signal.SIGXCPU


THREAD = """
import os, pytest, sys, threading
def run():
    status = pytest.main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
other = threading.Thread(target=run)
other.start()
other.join()
"""


@pytest.mark.parametrize("limit,verdict", [("100", "2 passed"),
                                           ("0.2", "Timeout")])
def test_tests_outside_the_main_thread_have_a_limit(limit, verdict):
    """xdist runs them so now and then (tests/conftest.py)."""
    these = f"{__file__}::{test_programs_that_hang_are_found.__name__}"
    command = [sys.executable, "-c", THREAD, "-n", "0", "-p",
               "no:cacheprovider", f"--timeout={limit}", these]
    with subprocess.Popen(
            command, cwd=paths.ROOT, env={**os.environ, "SLOWNESS": "1"},
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True) as tests:
        said, _ = tests.communicate()
        with suppress(ProcessLookupError):  # none was left
            os.killpg(tests.pid, signal.SIGKILL)
    assert verdict in said
    assert (tests.returncode == 0) == ("passed" in verdict)


@pytest.mark.parametrize("broken", ["prepare", "spawn"])
def test_a_machine_that_cannot_start_keeps_no_lock(tmp_path, monkeypatch,
                                                   broken):
    def fails(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(machine, broken, fails)
    home = tmp_path / "run"
    with pytest.raises(OSError, match="no space") as problem:
        machine.Machine(home, qemu.Config())
    paths.hold(home, wait=False).close()
    assert problem.traceback  # by which pytest keeps the machine as well


def test_a_qemu_that_ends_at_once_says_why(tmp_path):
    config = qemu.Config(firmware="none", cpu="abacus")
    with pytest.raises(ConnectionError, match="abacus"):
        with machine.background(tmp_path / "run", config):
            pass
