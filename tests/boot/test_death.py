"""Failed runs: each kind of failure is distinguished, with a useful dossier.

The machines here are crashed on purpose, each in another way.
"""

import os
import re
import signal
import subprocess

import pexpect
import pytest

from harness import paths
from harness.dossier import death, dossier
from harness.rsp import symbol
from harness.terminal import Terminal

WORDS = "efi=fixed generations=2 end=exit"


def at(debugger, name: str) -> int:
    """Continue until this function of the kernel is called; its address."""
    address = symbol(paths.SYMBOLS, name)
    debugger.run_to(address)
    return address


def test_a_panic(boot):
    with boot("efi=off crash=null end=exit") as machine:
        run = machine.finish()
    kind, words = death(run)
    assert kind == "panic" and words.startswith("generation 0 panicked: page fault at 0x")
    text = dossier(run)
    assert re.search(r"crash_null at \S*kernel/monitor/crash\.c:\d+", text)
    assert "PML4[  0]" in text and "not present" in text


def test_a_triple_fault(boot):
    """No interrupt table: the first exception is a triple fault. The machine
    is stopped at the faulting instruction."""
    with boot(WORDS, paused=True) as machine:
        with machine.debugger() as debugger:
            address = at(debugger, "kexec_load")
            debugger.write(address, bytes.fromhex(
                "55 4889e5"  # push rbp; mov rbp,rsp
                "4831c0 50 50"  # xor rax,rax; push rax; push rax
                "0f011c24 0f0b"  # lidt [rsp]; ud2
            ))
            debugger.detach()
        run = machine.finish()
    assert death(run)[0] == run.end.how == "triple-fault"
    text = dossier(run)
    assert f"#0  {address + 13:016x}  kexec_load at " in text
    assert re.search(r"#1 .* at \S*kernel/leave\.c:\d+", text)
    assert "the interrupt table ends at 0x0" in text
    assert re.search(r"PT  \[.*r-x", text) or "PD  [" in text
    assert "svc=" in text


def test_a_report_of_a_machine_that_runs(boot):
    """A failure in the harness itself must not be hidden by its report."""
    with boot(WORDS) as machine:
        machine.wait_for("boot", gen=0)
        assert machine.run.end is None
        assert death(machine.run)[0] == "running"
        assert "qemu.cmd" in dossier(machine.run)


def test_a_machine_ends_even_if_it_cannot_be_examined(boot, monkeypatch):
    def fails():
        raise ConnectionError("QMP is gone")

    with pytest.raises(ConnectionError), boot(WORDS) as machine:
        monkeypatch.setattr(machine, "_examine", fails)
        raise AssertionError("the test gives up")
    assert machine.run.end.how == "stopped"


def test_a_loop_without_an_end(boot):
    """`cli; jmp $` over the code: it runs, and prints nothing."""
    with boot(WORDS, paused=True, patience=1) as machine:
        with machine.debugger() as debugger:
            debugger.write(at(debugger, "kexec_load"), b"\xfa\xeb\xfe")
            debugger.detach()
        run = machine.finish()
    assert death(run)[0] == "hang" and run.end.how == "stalled"
    text = dossier(run)
    assert "the machine was running" in text and "kexec_load at " in text


def test_a_machine_that_a_debugger_left_standing(boot):
    with boot(WORDS, paused=True, patience=1) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_open")
            run = machine.finish()
    assert death(run)[0] == "hang"
    text = dossier(run)
    assert re.search("the machine was (paused|debug)", text)
    assert "efi_open at " in text


def test_a_crash_inside_the_firmware(boot):
    """Its code loads an empty interrupt table: the gate's record has the
    call."""
    with boot("efi=physical generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "gate_enter")
            record = word(debugger, symbol(paths.SYMBOLS, "gate_current"))
            function = word(debugger, record)
            debugger.physical()
            # push 0; push 0; lidt [rsp]; int3
            debugger.write(function, bytes.fromhex("6a006a000f011c24cc"))
            debugger.detach()
        run = machine.finish()
    assert death(run)[0] == "triple-fault"
    assert f"a firmware call is in progress: {function:#x}" in dossier(run)


def word(debugger, address: int) -> int:
    return int.from_bytes(debugger.read(address, 8), "little")


def test_qemu_is_killed(boot):
    with boot(WORDS, paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_open")
            os.kill(machine.pid, signal.SIGKILL)
        run = machine.finish()
    kind, words = death(run)
    assert kind == "early-exit" and "signal 9" in words
    assert "generation 0" in words


def test_a_reset_in_the_middle(boot):
    """The kernel ends without a message: a reset, but no triple fault."""
    with boot(WORDS, paused=True) as machine:
        with machine.debugger() as debugger:
            address = at(debugger, "kexec_load")
            # mov al,6; mov dx,0xcf9; out dx,al: the chipset's reset
            debugger.write(address, bytes.fromhex("b006 66baf90c ee ebfe"))
            debugger.detach()
        run = machine.finish()
    assert death(run)[0] == "early-exit" and run.end.how == "guest-reset"
    assert "kexec_load at " in dossier(run)


def test_no_boot_at_all(boot, tmp_path):
    """An empty disk: the firmware waits for ever."""
    empty = tmp_path / "empty.iso"
    empty.write_bytes(bytes(1 << 20))
    with boot("", medium="stick", iso=empty, patience=3) as machine:
        run = machine.finish()
    kind, words = death(run)
    assert kind == "no-boot" and "no kernel started" in words
    assert "TEST=" in dossier(run)


def test_a_test_that_fails_in_the_middle(boot):
    """The state of the machine at that time is often the answer."""
    with pytest.raises(ZeroDivisionError):
        with boot(WORDS, paused=True) as machine:
            with machine.debugger() as debugger:
                at(debugger, "kexec_load")
                1 / 0
    assert death(machine.run)[0] == "stopped"
    assert "kexec_load at " in dossier(machine.run)


@pytest.mark.parametrize("words", ["end=exit", "end=shutdown"])
def test_a_normal_end(boot, words):
    with boot(f"efi=fixed generations=1 {words}") as machine:
        run = machine.finish()
    assert death(run)[0] == "none"
    assert run.autopsy == ""


def test_the_command_in_the_dossier_starts_the_machine_again(boot, tmp_path):
    """Also for one that continues from a saved state."""
    with boot("efi=fixed generations=1 end=exit") as machine:
        run = machine.finish()
    done = subprocess.run(["sh", run.home / "qemu.cmd"],
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == run.end.code == 33, done.stderr
    assert b"@end gen=0 verdict=pass" in done.stdout


def test_the_machine_of_a_test_under_gdb(boot):
    """make debug TEST=…: the same command line, before it was loaded."""
    with boot("efi=off generations=1 crash=divide end=exit") as machine:
        run = machine.finish()
    name = run.home.name.replace("-", "_")  # as pytest calls it
    words = ["--debug", "--test", f"tests/boot/test_death.py::{name}"]
    gdb = Terminal(paths.ROOT / "tools/run", *words)
    gdb.expect_exact("efi=off generations=1 crash=divide")
    for line in ("hbreak stage_60_crash", "continue", "continue", "backtrace 1"):
        gdb.expect_exact("(gdb) ")
        gdb.sendline(line)
    gdb.expect(r"#0 +stage_60_crash \(")
    gdb.sendline("quit")
    gdb.expect(pexpect.EOF)
    gdb.close(force=True)


def test_a_test_that_has_not_run_has_no_machine():
    done = subprocess.run(
        [paths.ROOT / "tools/run", "--debug", "--test", "test_no_bundel"],
        capture_output=True, text=True)
    assert done.returncode and "there is no machine of a test" in done.stderr
