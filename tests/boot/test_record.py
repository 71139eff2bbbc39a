"""The log in flash after a panic: in the format of Linux's efi-pstore, and
printed by the next Baton.
"""

import pytest
from test_gate import (NOWHERE, assemble, call_under_way,
                       first_call_after_svam)

from harness import flash, paths
from harness.chain import translate
from harness.rsp import symbol

CRASH = "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"  # efi-pstore's
NV_BS_RT = 7
DEATH = 'efi=fixed generations=2 end=exit run="crash divide"'
TIME = 1362177167  # 2013-03-01 22:32:47, where the machine's clock begins


def parts_of(content: bytes) -> list[flash.Variable]:
    return [variable for variable in flash.records(content)
            if variable.vendor == CRASH and variable.state == flash.ADDED]


def kept(part: flash.Variable) -> list[str]:
    head, *lines = part.data.decode().split("\n")
    assert head == f"Panic#1 Part{part.name.split('-')[2]} of 8, Baton's log"
    assert lines.pop() == ""
    return lines


def test_a_panic_is_saved_and_printed_after_the_reset(boot):
    with boot(DEATH) as machine:
        run = machine.finish()
    parts = parts_of(run.flash)
    check_names(parts)
    text = [line for part in parts for line in kept(part)]
    said = [line for line in run.lines
            if line and not line.startswith("@crash")]
    assert text == said[-len(text):] and "panic:   #" in text[-1]
    assert run.one("crash.saved")["parts"] == "8"
    # The beginning does not fit into eight parts; its bytes are counted.
    older = said[: -len(text)]
    assert run.one("crash.saved").number("lost") > 0 and older

    linuxes = parts[2]
    content = run.flash.replace(linuxes.data, linuxes.data.replace(
        b", Baton's log", b", another one"))
    with boot("efi=fixed generations=1 end=exit", medium="disk",
              flash=content) as machine:
        after = machine.finish()
    check_told(after, [part for part in parts if part != linuxes])
    assert [part.name for part in parts_of(after.flash)] == [linuxes.name]
    missing = after.one("crash.incomplete")
    assert missing["record"] in linuxes.name
    assert (missing["of"], missing["missing"]) == ("8", "6")


def check_names(parts) -> None:
    """As pstore's efi_pstore_write() makes them; eight parts of 1 KiB."""
    for number, part in zip(range(8, 0, -1), parts, strict=True):
        start, count, when, flag = part.name.rsplit("-", 3)
        assert (start, count, flag) == (f"dump-type0-{number}", "1", "D")
        assert 0 <= int(when) - TIME < 600
        assert part.attributes == NV_BS_RT and len(part.data) <= 1024


def check_told(run, parts) -> None:
    reported = run.all("crash.record", deleted="EFI_SUCCESS")
    assert [(e["name"], e.number("bytes")) for e in reported] == \
        [(part.name, len(part.data)) for part in parts]
    lines = [line.split("crash: | ")[1] for line in run.lines
             if "crash: | " in line]
    assert lines == [line for part in parts for line in kept(part)]


def die(boot, damage):
    """A panic of generation 0 with `damage(machine, debugger)` before the
    record is written: it is missing or different. Nothing else changes."""
    with boot(DEATH.replace("generations=2",
                            "generations=1"), paused=True) as machine:
        with machine.debugger() as debugger:
            damage(machine, debugger)
            debugger.detach()
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    return run.one("crash.saved"), parts_of(run.flash)


def at_the_record(debugger):
    debugger.run_to(symbol(paths.SYMBOLS, "stage_30_record_write"))


def no_firmware(_machine, debugger):
    at_the_record(debugger)
    debugger.write(symbol(paths.SYMBOLS, "firmware_record"), bytes(1))  # .ready


def call_open(_machine, debugger):
    at_the_record(debugger)
    debugger.write(symbol(paths.SYMBOLS, "gate_current"), bytes([8]))


def fault(debugger, record):
    debugger.write(record, NOWHERE.to_bytes(8, "little"))


def fault_before(_machine, debugger):
    fault(debugger, first_call_after_svam(debugger, "fixed")[0])


def fault_now(_machine, debugger):
    at_the_record(debugger)
    fault(debugger, call_under_way(debugger)[0])


@pytest.mark.parametrize("damage, why", [
    (no_firmware, "is not called here"),
    (call_open, "was in a call"),
    (fault_before, "has faulted before"),
    (fault_now, "EFI_ABORTED"),
])
def test_a_firmware_that_cannot_be_called(boot, damage, why):
    saved, parts = die(boot, damage)
    assert (saved["parts"], parts) == ("0", []) and why in saved["why"]


@pytest.mark.parametrize("free, parts", [(5120 + 1279, 0), (5120 + 3900, 3)])
def test_the_store_is_never_full(boot, tmp_path, free, parts):
    """QueryVariableInfo returns the free space: here, the given number."""
    code = assemble(f"""
        mov qword [rdx], {free}
        mov qword [r8], {free}
        mov qword [r9], {free}
        xor eax, eax
        ret
    """, tmp_path)

    def nearly_full(machine, debugger):
        at_the_record(debugger)
        _record, function = call_under_way(debugger)
        machine.wait_for("panic")
        debugger.physical()
        debugger.write(translate(machine.run, function, "va", "pa"), code)
        debugger.physical(False)

    saved, written = die(boot, nearly_full)
    assert saved.number("parts") == len(written) == parts
    assert bool(saved["why"]) == (parts == 0)


def test_a_panic_in_a_panic_ends(boot):
    with boot(DEATH.replace("generations=2",
                            "generations=1"), paused=True) as machine:
        with machine.debugger() as debugger:
            at_the_record(debugger)
            debugger.set_register("rip",
                                  symbol(paths.SYMBOLS, "crash_null"))
            debugger.detach()
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    assert len(run.all("panic")) == 1 and run.all("crash.saved") == []
    assert any("again, while reporting" in line for line in run.lines)
