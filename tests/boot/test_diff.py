"""efi.diff=on: what SetVirtualAddressMap changes in a known firmware.

Debian's OVMF converts the pointers of UEFI 2.10 §8.4, and relocates its images.
The kernel's results are compared with the regions' addresses, and with
changes made from outside.
"""

import struct

from harness import paths
from harness.chain import Chain, translate
from harness.rsp import symbol

CONVERTED = {"FirmwareVendor", "RuntimeServices", "ConfigurationTable"}
PHYSICAL = {"SetVirtualAddressMap", "ConvertPointer"}


def diff_of(boot, chain_of, mode: str):
    with boot(f"efi={mode} generations=2 end=exit efi.diff=on") as machine:
        run = machine.finish()
    # The copy is freed: a machine without one has as much.
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
    assert code.number("moved") > 0
    assert sum(r.number("physical") for r in regions) > 0


def counted(before: bytes, after: bytes, regions) -> dict[str, int]:
    """The kernel's counts of a region, counted here again."""
    def region_of(address: int):
        return next((r for r in regions
                     if 0 <= address - r.pa < r.pages * 4096), None)

    count = {"moved": 0, "unaligned": 0, "physical": 0}
    at = 0
    while at + 8 <= len(before):
        old, new = (int.from_bytes(data[at : at + 8], "little")
                    for data in (before, after))
        region = region_of(old)
        step = 1
        if old == new:
            count["physical"] += at % 8 == 0 and region is not None
        elif region and region.va + old - region.pa == new:
            count["moved"] += 1
            count["unaligned"] += at % 8 > 0
            step = 8
        at += step
    return count


def test_the_counts_are_those_of_a_second_count(boot, chain_of):
    """Over the region with the firmware's code, in this build of it."""
    regions = Chain(chain_of("fixed").run).regions(0)
    code = [r for r in regions if r.type == "RuntimeServicesCode"]
    images = []
    with boot("efi=fixed generations=1 end=exit efi.diff=on",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for name in ("diff_begin", "diff_after"):
                at(debugger, name)
                images.append([machine.memory(r.pa, r.pages * 4096)
                               for r in code])
            debugger.detach()
        run = machine.finish()
    for region, before, after in zip(code, *images, strict=True):
        event = run.one("efi.diff.region", pa=f"{region.pa:#x}")
        count = counted(before, after, regions)
        assert count["moved"]
        assert {key: event.number(key) for key in count} == count


def test_nothing_moves_in_identity(boot, chain_of):
    run = diff_of(boot, chain_of, "identity")
    tables = fields(run, "system") | fields(run, "runtime")
    assert {event["change"] for name, event in tables.items()
            if name != "CRC32"} == {"none"}
    regions = run.all("efi.diff.region")
    assert "MMIO" not in {region["type"] for region in regions}  # no memory
    assert {region["moved"] for region in regions} == {"0"}
    assert sum(region.number("physical") for region in regions) > 0


def test_nothing_is_called_in_physical(boot, chain_of):
    run = diff_of(boot, chain_of, "physical")
    assert run.all("efi.diff") == run.all("efi.diff.region") == []
    assert sum("nothing to compare" in line for line in run.lines) == 2


def at(debugger, name: str) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, name))


def test_damage_by_a_bad_firmware(boot, chain_of):
    """A wrong CRC, a service with a wrong address, an unaligned pointer."""
    good = diff_of(boot, chain_of, "fixed")
    runtime_pa = fields(good, "system")["RuntimeServices"].number("before")
    data, code = (next(r for r in Chain(good).regions(0) if r.type == kind)
                  for kind in ("RuntimeServicesData", "RuntimeServicesCode"))
    place, old, new = data.pa + 3, code.pa + 0x123, code.va + 0x123
    with boot("efi=fixed generations=1 end=exit efi.diff=on",
              paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "diff_begin")
            debugger.physical()
            debugger.write(place, struct.pack("<Q", old))
            debugger.physical(False)
            at(debugger, "diff_after")
            debugger.physical()
            debugger.write(place, struct.pack("<Q", new))
            debugger.flip(runtime_pa + 24)  # GetTime
            debugger.detach()
        run = machine.finish()
    runtime = fields(run, "runtime")
    assert runtime["GetTime"]["change"] == "other"
    assert runtime["CRC32"]["change"] == "wrong"
    assert fields(run, "system")["CRC32"]["change"] == "right"
    odd = run.one("efi.diff.region", pa=f"{data.pa:#x}")
    assert (odd["moved"], odd["unaligned"]) == ("1", "1")


def test_words_at_both_ends_are_compared(boot, chain_of):
    """A pointer in the first and one in the last 8 bytes of a region of data;
    and the text counts what the events list."""
    regions = Chain(chain_of("fixed").run).regions(0)
    data, code = (next(r for r in regions if r.type == kind)
                  for kind in ("RuntimeServicesData", "RuntimeServicesCode"))
    places = data.pa, data.pa + data.pages * 4096 - 8
    with boot("efi=fixed generations=1 end=exit efi.diff=on",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for name, pointer in ("diff_begin", code.pa), ("diff_after", code.va):
                at(debugger, name)
                debugger.physical()
                for place in places:
                    debugger.write(place, struct.pack("<Q", pointer + 0x123))
                debugger.physical(False)
            debugger.detach()
        region = machine.wait_for("efi.diff.region", pa=f"{data.pa:#x}")
        run = machine.run
    assert (region["moved"], region["unaligned"]) == ("2", "0")
    for table in "system", "runtime":
        words = [event for name, event in fields(run, table).items()
                 if name != "CRC32"]
        moved = sum(event["change"] == "moved" for event in words)
        assert any(f"efi: diff: {table} table: {moved} of {len(words)} words "
                   "moved" in line for line in run.lines)


def test_it_is_on_or_off(boot):
    with boot("efi=fixed generations=1 end=exit efi.diff=maybe") as machine:
        run = machine.finish()
    why = run.one("refused", what="cmdline")["why"]
    assert why == "efi.diff=maybe is none of: off on"
    assert run.all("efi.diff") == []
    run.one("end", verdict="pass")
