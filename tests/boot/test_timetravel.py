"""A run on tape, followed backwards (tools/timetravel, docs/timetravel.md).

The page itself is replayed by test_gdb.py. A recording takes some ten seconds and
is played at least once, so what needs one is slow.
"""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import chain, gdb, paths, qemu, sins, tape, travel
from harness.rsp import symbol

pytestmark = pytest.mark.xdist_group("timetravel")
TOOL = paths.ROOT / "tools/timetravel"
WORDS = qemu.command(qemu.Config("efi=off", medium="saved"))


def value(words: list[str], option: str, part: str) -> list[str]:
    return [word for before, word in zip(words, words[1:])
            if before == option and part in word]


def test_a_recorded_machine_is_the_same_but_for_its_drives():
    words = tape.taped(WORDS, tape.RECORD)
    assert value(words, "-icount", "rr=record,rrfile=tape.bin,rrsnapshot=power-on")
    assert value(words, "-drive", "if=none,id=cargo-file,format=raw,readonly=on")
    assert value(words, "-drive", "driver=blkreplay,if=none,readonly=on,id=cargo,"
                                  "image=cargo-file")
    assert value(words, "-drive", "unit=1,format=qcow2,file=vars.fd.qcow2")
    devices = value(WORDS, "-device", "")
    assert devices == value(words, "-device", "")


def test_a_replay_keeps_the_log_of_the_recording():
    words = tape.taped(WORDS, "gen-0")
    assert value(words, "-icount", "rr=replay,rrfile=tape.bin,rrsnapshot=gen-0")
    assert value(words, "-chardev", "logfile=replayed-serial.log")
    assert value(words, "-D", "replayed-qemu.log")


def test_a_machine_on_tape_is_not_a_restored_one():
    taped = qemu.Config("efi=off", medium="saved", tape=tape.RECORD)
    assert not taped.restored
    assert "-incoming" not in qemu.command(taped)


def test_the_runs_that_can_be_recorded():
    known = travel.runs()
    assert known["chain-table"].cmdline == chain.cmdline("table")
    assert {name.removeprefix("sin-") for name, run in known.items() if run.sin} \
        == {sin for sin, _ in sins.documented("pflash")}
    done = subprocess.run([TOOL, "list"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "handoff  " in done.stdout and "crash-stack  " in done.stdout


@pytest.mark.parametrize("words, message", [
    ([], "which run? TEST=handoff; TEST=list prints all"),
    (["handof"], "there is no machine of a test named handof"),
    (["handof"], "\n  handoff "),
])
def test_a_mistake_is_explained(words, message):
    done = subprocess.run([TOOL, *words], capture_output=True, text=True)
    assert done.returncode and message in done.stderr


def test_a_missing_tool_is_named(tmp_path):
    for name in "sh awk sort sed ls".split():
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        [paths.ROOT / "tools/install-deps", "--check", "timetravel"],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode and "qemu-utils" in done.stdout + done.stderr


def test_what_boots_from_an_iso_is_refused(tmp_path):
    with pytest.raises(Exception, match="boots from 'iso' cannot be recorded"):
        travel.record(tmp_path, qemu.Config(medium="iso"))


# ---- with a recording

@pytest.fixture(scope="module")
def trip():
    run = travel.record(paths.RUNS / "timetravel-test", qemu.Config(
        "efi=fixed generations=2 end=exit", medium="saved"))
    assert run.one("end", gen=1)["verdict"] == "pass"
    return travel.index(run)


def session(trip, *commands: str) -> dict[str, str]:
    answers = gdb.session(trip.run.home, trip.config, *commands, prepared=True)
    return dict(zip(commands, answers))


@pytest.mark.slow
def test_back_over_two_generations(trip):
    assert trip.states == ["gen-0", "gen-1"] and trip.goes_back
    said = session(
        trip, "break-kexec", "hbreak power_off_after", "continue", "stepi",
        "continue", "reverse-continue", "rc", "reverse-stepi", "p/x $cr3 != 0",
        "back-to efi_open", "bt 1", "back-to nosuch")
    assert re.search(r"Breakpoint 2(\.2)?, power_off_after", said["continue"])
    assert "entry64" in said["stepi"]
    assert "symbols are at its physical address" in said["reverse-continue"]
    assert "kexec_last_instruction" in said["rc"]
    assert "kexec_jump" in said["reverse-stepi"]
    assert "does not run yet" in said["reverse-stepi"]
    assert "efi_open (boot=" in said["bt 1"]
    assert "not defined" in said["back-to nosuch"]


@pytest.mark.slow
def test_the_firmwares_calls_backwards(trip):
    said = session(
        trip, "break-kexec", "continue", "backwards step-firmware SetVariable",
        "bt", "backwards finish-firmware", "finish-firmware",
        "backwards step-firmware GetTime", "when")
    assert said["backwards step-firmware SetVariable"].startswith("SetVariable, at")
    assert "guard_enter" in said["bt"] and "live" in said["bt"]
    assert "SetVariable is about to be called" in said["backwards finish-firmware"]
    assert "SetVariable returned EFI_SUCCESS" in said["finish-firmware"]
    assert said["backwards step-firmware GetTime"].startswith("GetTime, at")
    assert "gen-1" in said["when"] and "ahead" in said["when"]


class Stub:
    """A debugger of a QEMU that hangs at the nth time when it is to go back."""

    def __init__(self, hangs_at: int):
        self.left, self.patience = hangs_at, 0

    def must(self, packet: str) -> None:
        pass

    def command(self, packet: str) -> None:
        self.left -= packet == "bc"
        if not self.left:
            raise TimeoutError

    def register(self, name: str) -> int:
        return symbol(paths.SYMBOLS, travel.ARRIVAL)


@pytest.mark.parametrize("hangs_at", [1, 3, 9])
def test_a_qemu_that_hangs_on_the_way_back_is_noticed(hangs_at):
    assert travel.goes_back(Stub(hangs_at)) == (hangs_at > travel.TRIES)
    assert "back-to LOCATION" in travel.NO_WAY_BACK


@pytest.mark.slow
@pytest.mark.parametrize("way, place", [
    ("reverse-stepi", "boot/entry.asm"), ("reverse-continue", "kernel_main (")])
def test_a_session_may_begin_with_the_way_back(trip, way, place):
    """From a state that was just loaded."""
    config = travel.player(trip.run.config, trip.states[1])
    first = ["hbreak kernel_main"] if "continue" in way else []
    *_, said = gdb.session(trip.run.home, config, *first, way, prepared=True)
    assert place in said, said


@pytest.mark.slow
def test_back_without_reverse_continue(trip):
    """What is offered then."""
    said = session(trip, "hbreak power_off_after", "continue",
                   "back-to kexec_jump", "bt 2", "back-to proof_run", "when",
                   "back-to kernel_main", "reverse-stepi", "info breakpoints")
    assert "kexec_jump () at kexec/jump.asm" in said["back-to kexec_jump"]
    assert "kexec_enter" in said["bt 2"]
    assert "gen-1" in said["when"] and "ahead" in said["when"]
    assert "kernel_main (magic=920085129" in said["back-to kernel_main"]
    assert "boot/entry.asm" in said["reverse-stepi"]
    assert "SIGINT" not in "".join(said.values())
    assert "keep y" in said["info breakpoints"]


@pytest.mark.slow
def test_the_beginning_of_a_tape(trip):
    config = travel.player(trip.run.config, "power-on")
    said, = gdb.session(trip.run.home, config, "back-to kernel_main",
                        prepared=True)
    assert "this is the beginning of the tape" in said


@pytest.mark.slow
def test_an_interrupt_leaves_nothing():
    process = subprocess.Popen(
        [TOOL, "crash-panic"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert "recording" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    text = process.stdout.read()
    assert process.wait() != 0 and "Traceback" not in text
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            assert link.readlink() != paths.RUNS / "timetravel"
        except OSError:
            pass


@pytest.mark.slow
def test_the_machine_of_a_test(boot):
    with boot("efi=off generations=1 crash=divide end=exit") as machine:
        run = machine.finish()
    done = subprocess.run(
        [TOOL, run.home.name], input="hbreak crash_divide\ncontinue\nreverse-stepi\nquit\n",
        capture_output=True, text=True, env={**os.environ, "TERM": "dumb"})
    assert "Breakpoint 4, crash_divide" in done.stdout, done.stdout + done.stderr
    assert "@panic gen=0" in done.stdout and "stage_60_crash" in done.stdout
