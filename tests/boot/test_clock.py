"""Time: a host that stops the machine, a slow firmware,
and machines without the usual clocks."""

import os
import random
import signal
import threading
from contextlib import contextmanager, suppress

import pytest
from elftools.elf.elffile import ELFFile

from harness import flash, paths
from harness.rsp import symbol

SECONDS = 1e-3


@contextmanager
def stuttering(machine, seed: int, run_ms=(1, 60), stop_ms=(60, 200)):
    """The host stops QEMU repeatedly, for longer than the watchdog's 55
    ms; the resulting list counts the stops."""
    chance, done, stops = random.Random(seed), threading.Event(), []

    def stutter():
        with suppress(ProcessLookupError):  # it has ended
            while not done.wait(chance.uniform(*run_ms) * SECONDS):
                os.kill(machine.pid, signal.SIGSTOP)
                stops.append(done.wait(chance.uniform(*stop_ms) * SECONDS))
                os.kill(machine.pid, signal.SIGCONT)

    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield stops
    finally:
        done.set()
        thread.join()


def is_sound(run) -> None:
    """The firmware was not blamed, and no NMI had an unknown reason."""
    for name in ("panic", "efi.fault", "efi.violation", "refused", "nmi"):
        assert run.all(name) == []
    assert {e["state"] for e in run.all("efi.mode")} == {"clean"}
    assert run.all("proof", verdict="fail") == []


def stutter_through(boot, cmdline: str, seed: int, **more):
    with boot(cmdline, accel="realtime", **more) as machine:
        machine.wait_for("boot", gen=0)
        with stuttering(machine, seed) as stops:
            run = machine.finish()
    is_sound(run)
    return run, stops


# ---- NMIs

# In the timer's handler; in a digest; after the last tick; before the first.
PLACES = ["handle_timer", "sha256_final", "kexec_jump", "watchdog_init"]


def run_to_firmware(debugger) -> None:
    """Continue to the first instruction of a service."""
    debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
    call = debugger.word(symbol(paths.SYMBOLS, "gate_current"))
    debugger.run_to(debugger.word(call))


def test_an_nmi_without_a_reason_is_counted(boot):
    """At any instruction; it is not attributed to the firmware."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, PLACES[0]))
            machine.nmi()
            run_to_firmware(debugger)
            machine.nmi()
            for place in PLACES[1:]:
                debugger.run_to(symbol(paths.SYMBOLS, place))
                machine.nmi()
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == run.all("efi.fault") == []
    assert {e["state"] for e in run.all("efi.mode")} == {"clean"}
    run.one("end", gen=1, verdict="pass")
    assert run.all("nmi", gen=0)[-1].number("unknown") == 3
    assert run.all("nmi", gen=1)[-1].number("unknown") == 1


def behind(code: bytes, function: str) -> int:
    """The address after these bytes in a function of the kernel."""
    with open(paths.SYMBOLS, "rb") as file:
        text = ELFFile(file).get_section_by_name(".text")
        start, data = text["sh_addr"], text.data()
    at = data.find(code, symbol(paths.SYMBOLS, function) - start)
    if at < 0:
        pytest.skip("this compiler has made another instruction")
    return start + at + len(code)


def test_an_nmi_is_no_instruction_of_the_kernel(boot):
    """`ror r13d, 2` ends in the two bytes of `int 2`."""
    with boot("efi=off generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(behind(b"\xc1\xcd\x02", "hash_block"))
            machine.nmi()
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    assert run.all("nmi", gen=0)[-1].number("unknown") == 1
    run.one("end", gen=1)


# From the change of tables to the last instruction before a kernel has its own
# trap table. The first instructions of the next kernel are at physical addresses.
ENTRY_OFFSET, LINKED_AT = 0x200, 0x200000
EARLY = ["common64.fill", "common64.descend", "common64.high", "kernel_main",
         "serial_init", "stages_begin", "trap_init",
         "early_start"]


def interrupt_early(machine, debugger, base: int) -> None:
    linked = symbol(paths.SYMBOLS, "text_start")
    for place in EARLY:
        at = symbol(paths.SYMBOLS, place)
        is_physical = place in EARLY[:2]
        debugger.run_to(at - linked + base if is_physical else at)
        machine.nmi()


def test_an_nmi_between_two_kernels_is_survived(boot):
    """NMIs before the next kernel has its table are not counted."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
            machine.nmi()
            base = machine.wait_for("kexec.load", gen=0).number("base")
            debugger.run_to(base + ENTRY_OFFSET)
            machine.nmi()
            interrupt_early(machine, debugger, base)
            debugger.detach()
        run = machine.finish()
    assert run.all("nmi", gen=1)[0].number("unknown") == len(EARLY)
    run.one("end", gen=1, verdict="pass")


def test_an_nmi_after_grub_is_survived(boot):
    with boot("efi=fixed generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            interrupt_early(machine, debugger, LINKED_AT)
            debugger.detach()
        run = machine.finish()
    assert run.all("nmi", gen=0)[0].number("unknown") == len(EARLY)
    run.one("end", gen=0, verdict="pass")


def test_a_stopped_host_is_not_blamed_on_the_firmware(boot):
    run, stops = stutter_through(boot, "efi=fixed generations=3 end=exit",
                                 seed=1)
    assert stops
    run.one("end", gen=2, verdict="pass")


@pytest.mark.slow
@pytest.mark.parametrize("mode, cpus", [
    ("physical", 1), ("fixed", 1), ("table", 2), ("fixed", 4)])
def test_nor_over_many_generations(boot, mode, cpus):
    """In calls, in digests, in the jump, before and after it."""
    run, stops = stutter_through(
        boot, f"efi={mode} generations=150 end=exit", seed=cpus, cpus=cpus,
        limit=7200, patience=600)
    assert len(stops) > 300
    run.one("end", gen=149, verdict="pass")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_nor_at_the_prompt(boot, seed):
    with boot("efi=fixed generations=1", accel="realtime") as machine:
        with stuttering(machine, seed) as stops:
            while len(stops) < 200:
                assert machine.ask("efi time").status == "ok"
                assert machine.ask("efi vars").status == "ok"
                assert machine.ask("bundle ls").status == "ok"
        run = machine.stop()
    is_sound(run)


# ---- a slow firmware

@pytest.mark.parametrize("sin, words", [
    ("slow-time", ""),  # 52 s, under the usual limit
    ("slow-time", "efi.timeout=60"),  # which begins with each call
    ("slow-write", "efi.timeout=20")])  # a write has five times that
def test_a_slow_service_is_not_cut_off(boot, sin, words):
    with boot(f"efi=fixed generations=2 end=exit {words}", sin=sin) as machine:
        run = machine.finish()
    is_sound(run)
    run.one("end", gen=1, verdict="pass")


def test_a_service_that_is_too_slow_is(boot):
    with boot("efi=fixed generations=1 end=exit efi.timeout=50",
              sin="slow-time") as machine:
        run = machine.finish()
    assert run.all("efi.fault", svc="GetTime", vector=32, action="aborted")


def test_a_stopped_host_ends_no_call(boot):
    """The call has 1 s and never returns; the host's 2 s do not count."""
    with boot("efi=fixed generations=1 end=exit efi.timeout=1",
              accel="realtime",
              sin="hang-deaf") as machine:
        machine.wait_for("efi.mode")
        with stuttering(machine, 3, run_ms=(5, 20), stop_ms=(400, 500)) as stops:
            machine.wait_for("efi.fault", vector=2)
    # 55 ms are counted at most between interrupts, so there were at least so many.
    assert len(stops) >= 8


# ---- a count that cannot be read

def test_an_unreadable_count_is_not_incremented(boot):
    """Generation 1 writes a 2 that cannot be read: it stays."""
    with boot("efi=fixed generations=4 end=exit", sin="unreadable") as machine:
        run = machine.finish()
    for gen in (2, 3):
        detail = run.one("proof", gen=gen, check="variable",
                         verdict="fail")["detail"]
        assert detail == "GetVariable: EFI_DEVICE_ERROR; nothing written"
        listed = run.one("proof", gen=gen, check="enumerate", verdict="fail")
        assert ", 1 unreadable; " in listed["detail"]
    assert flash.generation(run.flash) == 2


def test_an_invalid_count_is_reported(boot):
    """Not as an error of the firmware, because there was none."""
    with boot('efi=fixed generations=1 run="efi vars write BatonGeneration no; '
              'kexec baton efi=fixed generations=1 end=exit"') as machine:
        run = machine.finish()
    reject = run.one("efi.reject", gen=1, svc="GetVariable")
    assert reject["why"].startswith("BatonGeneration: 2 bytes, attributes 0x7")
    run.one("proof", gen=1, check="variable", verdict="fail")


# ---- machines without the usual clocks

@pytest.mark.parametrize("machine, source", [
    ("pit=off", "hpet"), ("pit=off,hpet=off,i8042=off", "acpi-timer"),
    pytest.param("pit=off,hpet=off,acpi=off", "guess",
                 marks=pytest.mark.slow)])
def test_without_a_pit(boot, machine, source):
    """Another clock is used; and the log says that there is no watchdog."""
    with boot("efi=fixed generations=2 end=exit", machine=machine) as machine:
        run = machine.finish()
    clock = run.one("clock", gen=0)
    assert clock["source"] == source
    run.one("watchdog", gen=0, source="none")
    # Under icount the TSC counts nanoseconds.
    assert abs(clock.number("tsc_hz") - 10**9) < 10**6
    run.one("clock", gen=1, source="handoff")
    run.one("watchdog", gen=1, source="none")
    assert any("will not be ended" in line for line in run.lines)
    assert source != "guess" or any("Hz is a guess" in line
                                    for line in run.lines)
    run.one("end", gen=1, verdict="pass")


@pytest.mark.modes("fixed")
def test_with_a_pit(the_chain):
    for gen in range(3):
        the_chain.run.one("watchdog", gen=gen, source="pit")


def test_an_invalid_clock_is_measured_again(boot):
    """Each kernel checks the values in its handoff."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_load"))
            debugger.write(symbol(paths.SYMBOLS, "kernel_clock"), bytes(16))
            debugger.detach()
        run = machine.finish()
    run.one("clock", gen=1, source="pit")
    run.one("end", gen=1, verdict="pass")
