"""Several processors. Baton runs on the first; firmware or Linux left the others
in a loop, in memory that is free from then on. Each must wait for a start-up IPI
instead, which needs no memory.

QEMU handles a pending INIT only when something wakes a halted processor. So
here all others are sent an NMI, as by a hardware error: one that is still in
its loop runs its previous owner's handler, one that was sent INIT is reset.
"""

import re

import pytest

from harness import paths
from harness.events import wanted
from harness.rsp import symbol

APIC_COMMAND = 0x300
NMI_TO_ALL_OTHERS = 0xC4400
RESET = {"EIP": 0xFFF0, "CR0": 0x60000010, "HLT": 1}  # SDM vol. 3 table 10-1
WORDS = "console=ttyS0 nowatchdog tsc=reliable"


def wake_others(machine, debugger) -> list[dict]:
    """The instruction pointers of the others after an NMI."""
    debugger.call(symbol(paths.SYMBOLS, "apic_write"), APIC_COMMAND,
                  NMI_TO_ALL_OTHERS)
    debugger.run_to(symbol(paths.SYMBOLS, "kexec_enter"))
    return machine.processors()[1:]


@pytest.mark.parametrize("cpus, mode", [(2, "physical"), (4, "fixed")])
def test_after_grub_and_after_baton(boot, cpus, mode):
    """From the first use of memory in each generation."""
    with boot(f"efi={mode} generations=3 end=exit", cpus=cpus,
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(2):
                debugger.run_to(symbol(paths.SYMBOLS, "kexec_load"))
                others = wake_others(machine, debugger)
                assert others == (cpus - 1) * [RESET]
            debugger.detach()
        run = machine.finish()
    assert run.all("refused") == run.all("efi.violation") == []
    run.one("end", gen=2, verdict="pass")


def test_before_memory_is_used(boot):
    """And again before the jump."""
    with boot("efi=fixed generations=2 end=exit",
              cpus=2, paused=True) as machine:
        with machine.debugger() as debugger:
            for name in ("kernel_main", "processors_stop", "space_init",
                         "kexec_enter", "processors_stop", "kexec_jump",
                         "kernel_main", "processors_stop", "space_init"):
                debugger.run_to(symbol(paths.SYMBOLS, name))
            debugger.detach()
        run = machine.finish()
    run.one("end", gen=1, verdict="pass")


def test_not_the_boot_processor(boot):
    """INIT would make that one restart the firmware: none is sent, and
    the log says so."""
    with boot("efi=fixed generations=2 end=exit",
              cpus=2, paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "processors_stop"))
            start = debugger.register("rip")
            code = debugger.read(start, 64)
            rdmsr = code.index(b"\x0f\x32")
            debugger.run_to(start + rdmsr + 2)
            debugger.set_register("rax",
                                  debugger.register("rax") & ~(1 << 8))
            debugger.detach()
        run = machine.finish()
    why = run.one("refused", gen=0, what="processors")["why"]
    assert re.search(r"not the boot processor \(IA32_APIC_BASE 0xfee00800\)",
                     why)
    run.one("end", gen=1, verdict="pass")


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [2, 4])
def test_after_linux(boot, cpus):
    """Which leaves CR8 at 1, and the others halted in its own code."""
    with boot("generations=4 efi=fixed*2,inherit next=vmlinuz,baton end=exit "
              f"linux=file {WORDS}", bundle=paths.LINUX_BUNDLE, cpus=cpus,
              accel="realtime", paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(2):
                debugger.run_to(symbol(paths.SYMBOLS, "kexec_load"))
            assert wake_others(machine, debugger) == (cpus - 1) * [RESET]
            debugger.detach()
        run = machine.finish()
    run.expect(wanted("boot", gen=2, by="linux"),
               wanted("boot", gen=3, by="baton"),
               wanted("end", gen=3, verdict="pass"))
    assert run.all("efi.violation") == run.all("panic") == []
    assert run.all("refused") == run.all("proof", verdict="fail") == []


READ_PORT = b"\xe4\x64"  # in al, 0x64
READS = 100  # about 1 us each, on any PC


def test_the_others_have_time_to_take_it(boot):
    """No register says that they have, so the kernel waits. QEMU's need none
    of that; a real one may be about to finish a long instruction."""
    with boot("efi=off generations=1", paused=True) as machine:
        with machine.debugger() as debugger:
            stop = symbol(paths.SYMBOLS, "processors_stop")
            debugger.run_to(stop)
            back = debugger.word(debugger.register("rsp"))
            at = debugger.read(stop, 256).index(READ_PORT)
            stops = [debugger.run_to(stop + at, back) for _ in range(READS)]
    assert set(stops) == {stop + at}
