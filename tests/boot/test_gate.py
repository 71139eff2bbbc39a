"""The call gate, with a firmware that misbehaves.

Stock OVMF keeps to all rules, so it is changed from outside, in mid-flight:
its code in memory, or the entry that the kernel is about to call. The kernel
has to name what happened, repair it, and go on; the kexec after it still works.
"""

import struct

import pytest

from harness import paths
from harness.events import wanted
from harness.rsp import symbol

MODES = ["physical", "fixed"]  # a private page table, and the kernel's own
NOWHERE = 0x0000_6EAD_BEEF_0000

# not rbx; not r15; std; cli; mov rcx,cr0; btr rcx,16; mov cr0,rcx;
# xor eax,eax; ret: four registers that are the caller's, and EFI_SUCCESS.
VANDAL = bytes.fromhex("48f7d349f7d7fdfa0f20c1480fbaf1100f22c131c0c3")
VANDALISED = {"rbx", "r15", "rflags", "cr0"}

# xor esp,esp; mov rax,[rsp-8]: a stack that is nowhere.
STACK_THIEF = bytes.fromhex("31e4488b4424f8")


def call_under_way(debugger) -> tuple[int, int]:
    """Go on to the next call: where its record is, and the function."""
    debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
    current = symbol(paths.SYMBOLS, "gate_current")
    record, = struct.unpack("<Q", debugger.read(current, 8))
    function, = struct.unpack("<Q", debugger.read(record, 8))
    return record, function


def first_call_after_svam(debugger, mode: str) -> tuple[int, int]:
    record, function = call_under_way(debugger)
    return (record, function) if mode == "physical" else \
        call_under_way(debugger)


def physical_address(run, function: int) -> int:
    """Where the code of a service really lies."""
    for region in run.all("efi.region", gen=0):
        offset = function - region.number("va")
        if 0 <= offset < region.number("pages") * 4096:
            return region.number("pa") + offset
    raise AssertionError(f"{function:#x} is in no region")


def misbehave(boot, mode: str, damage):
    """A run in which `damage(machine, debugger, record, function)` is done to
    the first call of GetTime in generation 0."""
    with boot(f"efi={mode} lives=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            record, function = first_call_after_svam(debugger, mode)
            machine.wait_for("efi.mode", gen=0)
            damage(machine, debugger, record, function)
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    run.expect(wanted("kexec.jump", gen=0), wanted("boot", gen=1),
               wanted("end", gen=1))
    return run


def overwrite(code: bytes):
    def damage(machine, debugger, _record, function):
        debugger.physical()
        debugger.write(physical_address(machine.run, function), code)
    return damage


@pytest.mark.parametrize("mode", MODES)
def test_a_call_into_nowhere_is_contained(boot, mode):
    def damage(_machine, debugger, record, _function):
        debugger.write(record, struct.pack("<Q", NOWHERE))

    run = misbehave(boot, mode, damage)
    fault = run.one("efi.fault", gen=0, svc="GetTime")
    assert fault.number("va") == NOWHERE
    assert (fault["access"], fault["action"]) == ("execute", "aborted")
    run.one("efi.call", gen=0, svc="GetTime", status="EFI_ABORTED")
    assert run.one("proof", gen=0, check="gate")["verdict"] == "fail"
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"
    assert run.one("proof", gen=1, check="gate")["verdict"] == "pass"


@pytest.mark.parametrize("mode", MODES)
def test_registers_that_come_back_changed_are_put_back(boot, mode):
    run = misbehave(boot, mode, overwrite(VANDAL))
    gate = run.one("efi.gate", gen=0)
    calls = len(VANDALISED)
    assert gate.number("deviations") > 0
    assert gate.number("deviations") % calls == 0
    assert any("GetTime changed rbx; put back" in line for line in run.lines)
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"


@pytest.mark.parametrize("mode", MODES)
def test_a_firmware_that_loses_its_stack_is_contained(boot, mode):
    run = misbehave(boot, mode, overwrite(STACK_THIEF))
    # The page fault itself is seen, on a stack of its own: no double fault.
    faults = run.all("efi.fault", gen=0, svc="GetTime")
    assert faults and {fault["vector"] for fault in faults} == {"14"}
    assert run.one("proof", gen=0, check="variable")["verdict"] == "pass"
