"""The policies of VMware's loader for ESXi, and its two mappings during
SetVirtualAddressMap, seen from outside: the machine is stopped in a call, and
the tables are walked from CR3.

Each policy over three generations is a row of test_firmwares.py and
test_matrix.py, what it does to firmware that misbehaves one of test_sins.py.
"""

import pytest

from harness import paging, paths
from harness.chain import Chain
from harness.rsp import symbol

PAGE = 0x1000
OFFSET = 0x400000000000
UNLISTED = 0xFEE00000  # the local APIC's registers
FREE = 0x2000000  # RAM that kernels use
GET_TIME = 0

slow = pytest.mark.slow


def stop_in_call(debugger) -> None:
    """At the first instruction of the next service that is called."""
    debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
    call = debugger.word(symbol(paths.SYMBOLS, "gate_current"))
    debugger.run_to(debugger.word(call))


def reached(debugger) -> list[paging.Range]:
    """All that the table in CR3 maps."""
    levels = paging.levels_of(debugger.register("cr4"))
    return list(paging.leaves(debugger.read_physical, debugger.register("cr3"),
                              levels))


def at(spans: list[paging.Range], va: int) -> int | None:
    """The physical address behind `va`."""
    return next((span.pa + va - span.va for span in spans
                 if span.va <= va < span.va + span.size), None)


def seen(boot, mode: str, **options):
    """The run, and what is mapped in its first call, and in its second."""
    with boot(f"efi={mode} generations=1 end=exit", paused=True,
              **options) as machine:
        with machine.debugger() as debugger:
            stop_in_call(debugger)
            inside = reached(debugger)
            stop_in_call(debugger)
            after = reached(debugger)
            debugger.detach()
        run = machine.finish()
    run.one("end", gen=0, verdict="pass")
    return run, inside, after


def ends(region) -> list[int]:
    """The first byte and the last one, from its start."""
    return [0, region.pages * PAGE - 1]


MODES = ["contiguous", "offset", pytest.param("compact", marks=slow),
         pytest.param("packed", marks=slow), pytest.param("fixed", marks=slow),
         pytest.param("table", marks=slow)]


@pytest.mark.parametrize("mode", MODES)
def test_old_and_new_at_once_and_then_only_new(boot, mode):
    run, inside, after = seen(boot, mode)
    regions = Chain(run).regions(0)
    assert len(regions) > 3
    for region in regions:
        for byte in ends(region):
            old, new = region.pa + byte, region.va + byte
            assert at(inside, old) == at(inside, new) == old
            assert (at(after, old), at(after, new)) == (None, old)
    told = run.one("efi.both", gen=0)
    assert told.number("pages") == sum(region.pages for region in regions)
    assert told.number("taken") == 0


def test_where_an_address_is_both_the_old_one_stays(boot):
    """Below 4 GiB there is one of each: the machine has a bit more memory than
    the address at which the run begins."""
    run, inside, _ = seen(boot, "contiguous", firmware="ia32", ram_mib=1056)
    taken = run.one("efi.both", gen=0).number("taken")
    pages = [(region.pa + page * PAGE, region.va + page * PAGE)
             for region in Chain(run).regions(0)
             for page in range(region.pages)]
    assert all(at(inside, pa) == pa for pa, _ in pages)
    lost = [va for pa, va in pages if at(inside, va) != pa]
    assert 0 < len(lost) == taken
    assert all(at(inside, va) == va for va in lost)


@pytest.mark.parametrize("mode", ["offset", "contiguous"])
def test_unlisted_memory_moves_by_the_same_distance(boot, mode):
    """During the call, and under efi=offset alone; never what kernels use."""
    run, inside, after = seen(boot, mode)
    first = Chain(run).regions(0)[0]
    distance = first.va - first.pa
    moved = UNLISTED if mode == "offset" else None
    assert at(inside, UNLISTED + distance) == moved
    assert at(after, UNLISTED + distance) is None
    for spans in (inside, after):
        assert at(spans, FREE + distance) is None
        assert at(spans, run.one("boot").number("base") + distance) is None


@pytest.mark.parametrize("mode, options", [
    ("offset", {"ram_mib": 8192}),
    pytest.param("offset", {"cpu": "max", "ram_mib": 8192}, marks=slow),
    pytest.param("packed", {"ram_mib": 8192}, marks=slow),
    pytest.param("compact", {"ram_mib": 128}, marks=slow),
    pytest.param("offset", {"ram_mib": 128}, marks=slow)])
def test_memory(boot, mode, options):
    """With and without pages of 1 GiB."""
    levels = "la57=on,off,on " if "cpu" in options else ""
    with boot(f"efi={mode} {levels}generations=3 end=exit", **options,
              ) as machine:
        run = machine.finish()
    assert run.all("proof", verdict="fail") == run.all("panic") == []
    run.one("end", gen=2, verdict="pass")


@pytest.mark.parametrize("mode", ["offset", "compact", "packed"])
def test_an_address_that_the_rule_does_not_give_is_refused(boot, mode):
    """A kernel before had another rule under the same name."""
    with boot(f"efi={mode} generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_prepare"))
            machine.wait_for("kexec.load", gen=0)
            va = machine.run.all("efi.region", gen=0)[-1].number("va")
            record = symbol(paths.SYMBOLS, "firmware_record")
            data = debugger.read(record, 0x400)
            where = data.index(va.to_bytes(8, "little"))
            debugger.write(record + where, (va + (4 << 20)).to_bytes(8, "little"))
            debugger.detach()
        run = machine.finish()
    why = run.one("refused", gen=1, what="efi")["why"]
    assert f"at va {va + (4 << 20):#x}, but mode {mode} puts it at {va:#x}" in why
    assert run.all("efi.call", gen=1) == run.all("panic") == []
