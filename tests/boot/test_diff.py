"""efi.diff=on: what SetVirtualAddressMap changed, on a firmware that we know.

Debian's OVMF converts what UEFI 2.10 §8.4 says, and relocates its images. The
kernel's word for it is held against the regions' addresses, and against
changes made from outside, behind its back.
"""

import struct

from harness import paths
from harness.chain import translate
from harness.rsp import symbol

CONVERTED = {"FirmwareVendor", "RuntimeServices", "ConfigurationTable"}
PHYSICAL = {"SetVirtualAddressMap", "ConvertPointer"}


def diff_of(boot, chain_of, mode: str):
    with boot(f"efi={mode} lives=2 end=exit efi.diff=on") as machine:
        run = machine.finish()
    # The copy is given back: a machine that made none has as much.
    without = chain_of(mode).run
    assert (run.one("mm", gen=0, at="ready")["free"] ==
            without.one("mm", gen=0, at="ready")["free"])
    return run


def fields(run, table: str) -> dict:
    return {event["field"]: event
            for event in run.all("efi.diff", gen=0, table=table)}


def test_what_moves_in_fixed(boot, chain_of):
    run = diff_of(boot, chain_of, "fixed")
    system, runtime = fields(run, "system"), fields(run, "runtime")
    assert len(system) == 12 + 1 and len(runtime) == 14 + 1
    moved = {name for name, event in (system | runtime).items()
             if event["change"] == "moved"}
    assert moved == CONVERTED | set(runtime) - PHYSICAL - {"CRC32"}
    for event in (system | runtime).values():
        if event["change"] == "moved":
            assert event.number("after") == translate(
                run, event.number("before"), "pa", "va")
        elif event["field"] == "CRC32":
            assert event["change"] == "right"
            assert event["before"] != event["after"]
        else:
            assert (event["change"], event["before"]) == ("none",
                                                          event["after"])
    regions = run.all("efi.diff.region")
    code, = (r for r in regions if r["type"] == "RuntimeServicesCode")
    assert code.number("moved") > 1000
    assert sum(r.number("physical") for r in regions) > 0


def test_nothing_moves_in_identity(boot, chain_of):
    run = diff_of(boot, chain_of, "identity")
    tables = fields(run, "system") | fields(run, "runtime")
    assert {event["change"] for name, event in tables.items()
            if name != "CRC32"} == {"none"}
    regions = run.all("efi.diff.region")
    assert len(regions) == 4  # flash is no memory
    assert {region["moved"] for region in regions} == {"0"}
    assert sum(region.number("physical") for region in regions) > 5000


def test_nothing_is_called_in_physical(boot, chain_of):
    run = diff_of(boot, chain_of, "physical")
    assert run.all("efi.diff") == run.all("efi.diff.region") == []
    assert sum("nothing to compare" in line for line in run.lines) == 2


def at(debugger, name: str) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, name))


def test_what_a_bad_firmware_would_leave(boot):
    """A wrong CRC, a service that went astray, a pointer at an odd place."""
    place, old, new = 0x1EAA0003, 0x1F5EC123, 0xFFFFFFFEFF9EC123
    with boot("efi=fixed lives=1 end=exit efi.diff=on",
              paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_diff_before")
            debugger.physical()
            debugger.write(place, struct.pack("<Q", old))
            debugger.physical(False)
            at(debugger, "efi_diff_after")
            debugger.physical()
            debugger.write(place, struct.pack("<Q", new))
            debugger.flip(0x1F5EBB98 + 24)  # GetTime
            debugger.detach()
        run = machine.finish()
    runtime = fields(run, "runtime")
    assert runtime["GetTime"]["change"] == "other"
    assert runtime["CRC32"]["change"] == "wrong"
    assert fields(run, "system")["CRC32"]["change"] == "right"
    odd = run.one("efi.diff.region", pa="0x1eaa0000")
    assert (odd["moved"], odd["unaligned"]) == ("1", "1")


def test_it_is_on_or_off(boot):
    with boot("efi=fixed lives=1 end=exit efi.diff=maybe") as machine:
        run = machine.finish()
    why = run.one("refused", what="cmdline")["why"]
    assert why == "efi.diff=maybe: known are off, on"
    assert run.all("efi.diff") == []
    run.one("end", verdict="pass")
