"""The firmware in a cell (efi.isolate=, docs/isolate.md).

The kernel's account is one side. The other is the page table itself, read from
outside while a service runs, and firmware that tries what it could do before:
its code is replaced in memory, and the kernel has to name what it did and go on.
"""

import struct

import pytest

from harness import paths
from harness.chain import EXPECTED, Chain, cmdline
from harness.events import wanted
from harness.paging import FIVE_LEVELS, PAGE, leaves
from harness.rsp import symbol
from test_gate import assemble, call_under_way, overwrite

slow = pytest.mark.slow
STEPS = ["table"]
STACKS = 4  # for traps: faults, double faults, NMIs, interrupts
PAGE_ENDS = ~(PAGE - 1)


def of(name: str) -> int:
    return symbol(paths.SYMBOLS, name)


def combined(values, often, *others):
    """Every combination; only those in `often` are fast."""
    for value in values:
        for other in others[0]:
            marks = [] if (value, other) in often else [slow]
            yield pytest.param(value, other, marks=marks)


# ---- nothing changes for firmware that behaves

@pytest.mark.parametrize("by, mode", combined(STEPS, {
    ("table", "physical"), ("table", "fixed")}, EXPECTED))
def test_every_proof_has_the_same_result(boot, by, mode):
    with boot(f"{cmdline(mode)} efi.isolate={by}") as machine:
        run = machine.finish()
    assert Chain(run).problems(mode) == []
    told = run.all("efi.isolate")
    assert told and {event["by"] for event in told} == {by}


# ---- what a cell maps, walked from outside

def named_pages(debugger) -> dict[int, str]:
    """The pages of the kernel that a cell may map, and their rights."""
    text = range(of("cell_text"), of("cell_text_end"), PAGE)
    data = range(of("cell"), of("cell") + 2 * PAGE, PAGE)
    ist = of("tss") + 36  # SDM vol. 3 §7.7: IST1
    stacks = [debugger.word(ist + 8 * n) - PAGE for n in range(STACKS)]
    return {**dict.fromkeys(text, "r-x"), **dict.fromkeys(data, "r--"),
            **dict.fromkeys(stacks, "rw-")}


def pages(debugger) -> dict[int, tuple[int, str]]:
    """All that the current page table maps: {va: (pa, rights)}."""
    levels = 5 if debugger.register("cr4") & FIVE_LEVELS else 4
    found = leaves(debugger.read_physical, debugger.register("cr3"), levels)
    return {leaf.va + at: (leaf.pa + at, leaf.rights[:3])
            for leaf in found for at in range(0, leaf.size, PAGE)}


def in_a_call(debugger, calls: int) -> dict[int, str]:
    """Continue into the service, at its first instruction. Returns the named
    pages, which cannot be looked up from there."""
    for _ in range(calls):
        _record, function = call_under_way(debugger)
        named = named_pages(debugger)
        debugger.run_to(function)
    return named


@pytest.mark.parametrize("by, mode", combined(STEPS, {
    ("table", "physical"), ("table", "fixed"), ("table", "direct")},
    EXPECTED))
def test_a_cell_maps_the_named_pages_of_the_kernel_alone(boot, by, mode):
    with boot(f"efi={mode} generations=1 end=exit efi.isolate={by}",
              paused=True) as machine:
        with machine.debugger() as debugger:
            named = in_a_call(debugger, 6)
            mapped = pages(debugger)
            bounce = range(of("efi_bounce"), of("efi_bounce") + 29 * PAGE)
            machine.wait_for("efi.mode", gen=0)
            regions = Chain(machine.run).regions(0)
            debugger.detach()
        run = machine.finish()
    run.one("end", verdict=EXPECTED[mode].verdict)
    kernels = {va: rights for va, (_pa, rights) in mapped.items()
               if va >> 63 and va not in bounce and
               not any(r.va <= va < r.va + r.pages * PAGE for r in regions)}
    assert kernels == named
    told = run.one("efi.isolate")
    assert told.number("kernel") == len(named)
    assert told.number("writable") == list(named.values()).count("rw-")
    # And no alias: no other address leads to a frame of these, or of a table.
    frames = {pa for va, (pa, _rights) in mapped.items() if va in named}
    assert not [hex(va) for va, (pa, _rights) in mapped.items()
                if pa in frames and va not in named]


# ---- firmware that tries

def attempt(boot, by: str, mode: str, code, generations: int = 2,
            prepare=lambda debugger: None):
    """A run in which `code(debugger)` replaces GetTime in generation 0."""
    with boot(f"efi={mode} generations={generations} end=exit efi.timeout=2 "
              f"efi.isolate={by}", paused=True) as machine:
        with machine.debugger() as debugger:
            _record, function = call_under_way(debugger)
            if mode != "physical":  # that was SetVirtualAddressMap
                _record, function = call_under_way(debugger)
            machine.wait_for("efi.mode", gen=0)
            prepare(debugger)
            overwrite(code(debugger))(machine, debugger, None, function)
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    run.expect(wanted("boot", gen=0), wanted("end", gen=generations - 1))
    # The other services still work, in this generation and in the next.
    for gen in range(generations):
        assert run.one("proof", gen=gen, check="variable")["verdict"] == "pass"
    return run


SECRET = 0x5EC2E7_0F_4_BA704E1
MODES = ["physical", "fixed"]

# A page of the kernel that each attempt touches, by the address in rcx.
PLACES = {
    "data": lambda bug: of("gate_statistics"),
    "page-table": lambda bug: 0xffff_8000_0000_0000 + bug.word(
        of("kernel_table")),
    "trap-table": lambda bug: of("cell"),
    "stubs": lambda bug: of("cell_text"),
    "stub-data": lambda bug: of("cell") + PAGE + 0x100,
    "gate-record": lambda bug: bug.word(of("gate_current")),
    "stack-below": lambda bug: bug.word(of("tss") + 36) - PAGE - 8,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by, place", combined(STEPS, {
    ("table", "data"), ("table", "page-table"), ("table", "stub-data")},
    PLACES))
def test_a_write_to_the_kernel_is_contained(boot, by, place, mode, tmp_path):
    at = {}

    def code(debugger):
        at["va"] = va = PLACES[place](debugger)
        return assemble(f"mov rcx, {va:#x}\nmov byte [rcx], 0x5a\n"
                        "xor eax, eax\nret", tmp_path)

    run = attempt(boot, by, mode, code)
    for fault in run.all("efi.fault", gen=0, svc="GetTime"):
        assert fault.number("va") == at["va"]
        assert (fault["access"], fault["owner"]) == ("write", "kernel")
    run.one("efi.call", gen=0, svc="GetTime", status="EFI_ABORTED")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by", ["off", *STEPS])
def test_a_secret_of_the_kernel_cannot_be_read(boot, by, mode, tmp_path):
    """The debugger puts a number where the kernel has nothing. Without a cell
    the firmware reads it and returns it: a status that GetTime cannot have."""
    place = of("boot_stack_end") - 0x4000

    def hide(debugger):
        debugger.write(place, struct.pack("<Q", SECRET))

    def code(_debugger):
        return assemble(f"mov rcx, {place:#x}\nmov rax, [rcx]\nret", tmp_path)

    run = attempt(boot, by, mode, code, prepare=hide)
    leaked = [e for e in run.all("efi.reject", gen=0)
              if f"{SECRET:#x}" in e["why"]]
    if by == "off":
        assert leaked
        return
    assert not leaked
    fault = run.all("efi.fault", gen=0, svc="GetTime")[0]
    assert (fault["access"], fault["owner"]) == ("read", "kernel")
    assert fault.number("va") == place


# ---- interrupts and the watchdog

@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("code, vector", [
    ("jmp $", {"32"}),
    pytest.param("cli\njmp $", {"2"}, id="interrupts-off")])
def test_a_call_that_hangs_is_ended(boot, by, code, vector, tmp_path):
    run = attempt(boot, by, "fixed", lambda _: assemble(code, tmp_path))
    faults = run.all("efi.fault", gen=0, svc="GetTime")
    assert {fault["vector"] for fault in faults} <= vector | {"32"}
    assert {fault["in"] for fault in faults} == {"RuntimeServicesCode"}


def test_a_call_after_a_panic_is_still_in_a_cell(boot):
    """The record of a crash is written by the firmware, when the panic has
    loaded the kernel's own descriptors."""
    with boot("efi=fixed efi.isolate=table") as machine:
        machine.at_prompt()
        machine.type("crash null\r")
        run = machine.finish()
    assert run.all("efi.fault") == []
    assert run.one("crash.saved").number("parts") > 0
