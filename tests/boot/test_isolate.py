"""The firmware in a cell (efi.isolate=, docs/isolate.md).

The kernel's account is one side. The other is the page table itself, read from
outside while a service runs, and firmware that tries what it could do before:
its code is replaced in memory, and the kernel has to name what it did and
continue.
"""

import struct

import pytest

from boot.test_conformance import MODES as VECTOR_MODES
from boot.test_conformance import finished, is_known
from boot.test_gate import BROKEN, assemble, call_under_way, overwrite
from boot.test_sins import commit, rows
from harness import paths, sins, vectors
from harness.chain import EXPECTED, PROVING, Chain, cmdline
from harness.events import wanted
from harness.paging import PAGE, leaves, levels_of, walk
from harness.rsp import symbol

slow = pytest.mark.slow
STEPS = ["table", "user"]
STACKS = 4  # for traps: faults, double faults, NMIs, interrupts
USER = 1 << 2  # in an entry of a page table
SINS = sins.expected("pflash")
FIRMWARES = ["smm", "bios", "uboot", "ia32"]


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
    ("table", "fixed"), ("user", "physical"), ("user", "fixed"),
    ("user", "direct")}, EXPECTED))
def test_every_proof_has_the_same_result(boot, by, mode):
    with boot(f"{cmdline(mode)} efi.isolate={by}") as machine:
        run = machine.finish()
    assert Chain(run).problems(mode) == []
    told = run.all("efi.isolate")
    assert told and {event["by"] for event in told} == {by}


@pytest.mark.parametrize("mode", ["physical", "fixed"])
@pytest.mark.parametrize("by, firmware", combined(STEPS, {
    ("user", "smm"), ("user", "uboot"), ("table", "ia32"), ("user", "ia32")},
    FIRMWARES))
def test_other_firmware(boot, by, firmware, mode):
    with boot(f"{cmdline(mode)} efi.isolate={by}", firmware=firmware) as machine:
        run = machine.finish()
    assert Chain(run).problems(mode) == []
    assert {event["by"] for event in run.all("efi.isolate")} == {by}


def test_each_generation_has_its_own_step(boot):
    with boot(f"{cmdline('fixed')} efi.isolate=off,table,user") as machine:
        run = machine.finish()
    assert Chain(run).problems("fixed") == []
    assert [(event["gen"], event["by"]) for event in run.all("efi.isolate")
            ] == [("1", "table"), ("2", "user")]


def test_smep_smap_and_five_levels(boot):
    """The kernel never executes or reads a user page."""
    with boot(f"{cmdline('fixed')} la57=off,on,off efi.isolate=user selftest=on",
              cpu="max") as machine:
        run = machine.finish()
    assert Chain(run).problems("fixed") == []
    assert any("ok" in line and "smep_and_smap_are_on" in line
               for line in run.lines)


@pytest.mark.parametrize("by, mode", combined(STEPS, {("user", "fixed")},
                                              VECTOR_MODES))
def test_the_vectors_have_the_same_results(boot, by, mode):
    words = f"efi={mode} generations=1"
    with_cell, without = (
        [(point.name, point.answer) for point in vectors.points(
            finished(boot, words + option).lines)]
        for option in (f" efi.isolate={by}", ""))
    assert with_cell == without and len(without) > 100


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
    levels = levels_of(debugger.register("cr4"))
    found = leaves(debugger.read_physical, debugger.register("cr3"), levels)
    return {leaf.va + at: (leaf.pa + at, leaf.rights[:3])
            for leaf in found for at in range(0, leaf.size, PAGE)}


def is_user(debugger, va: int) -> bool:
    levels = levels_of(debugger.register("cr4"))
    return all(entry.value & USER for entry in walk(
        debugger.read_physical, debugger.register("cr3"), va, levels))


def in_a_call(debugger, calls: int) -> dict[int, str]:
    """Continue into the service, at its first instruction. Returns the named
    pages, which cannot be looked up from there."""
    for _ in range(calls):
        _record, function = call_under_way(debugger)
        named = named_pages(debugger)
        debugger.run_to(function)
    return named


@pytest.mark.parametrize("by, mode", combined(STEPS, {
    ("table", "physical"), ("user", "fixed"), ("user", "direct")},
    EXPECTED))
def test_a_cell_maps_the_named_pages_of_the_kernel_alone(boot, by, mode):
    with boot(f"efi={mode} generations=1 end=exit efi.isolate={by}",
              paused=True) as machine:
        with machine.debugger() as debugger:
            named = in_a_call(debugger, 6)
            mapped = pages(debugger)
            assert debugger.register("cs") & 3 == (3 if by == "user" else 0)
            user = {va for va in mapped if is_user(debugger, va)}
            bounce = range(of("efi_bounce"), of("efi_bounce") + 29 * PAGE)
            machine.wait_for("efi.mode", gen=0)
            regions = Chain(machine.run).regions(0)
            debugger.detach()
        run = machine.finish()
    run.one("end", verdict="pass")
    kernels = {va: rights for va, (_pa, rights) in mapped.items()
               if va >> 63 and va not in bounce and
               not any(r.va <= va < r.va + r.pages * PAGE for r in regions)}
    assert kernels == named
    told = run.one("efi.isolate")
    assert told.number("kernel") == len(named)
    assert told.number("writable") == list(named.values()).count("rw-")
    assert user == (set(mapped) - set(named) if by == "user" else set())
    # And no alias: no other address leads to a frame of these, or of a table.
    frames = {pa for va, (pa, _rights) in mapped.items() if va in named}
    assert not [hex(va) for va, (pa, _rights) in mapped.items()
                if pa in frames and va not in named]


# ---- firmware that tries

def attempt(boot, by: str, mode: str, code, generations: int = 2,
            prepare=lambda debugger: None, words: str = "", **options):
    """A run in which `code(debugger)` replaces GetTime in generation 0."""
    with boot(f"efi={mode} generations={generations} end=exit efi.timeout=2 "
              f"efi.isolate={by} {words}", paused=True, **options) as machine:
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


# At privilege level 0 the processor itself writes there.
LEVEL_3_ONLY = {"stack-top": lambda bug: bug.word(of("tss") + 36) - 8}
ALL_PLACES = PLACES | LEVEL_3_ONLY


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by, place", [
    case for case in combined(STEPS, {
        ("table", "data"), ("table", "stub-data"), ("user", "page-table"),
        ("user", "stack-top"), ("user", "trap-table")}, ALL_PLACES)
    if case.values != ("table", "stack-top")])
def test_a_write_to_the_kernel_is_contained(boot, by, place, mode, tmp_path):
    at = {}

    def code(debugger):
        at["va"] = va = ALL_PLACES[place](debugger)
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


@pytest.mark.parametrize("by", STEPS)
def test_what_32_bit_code_has_below_is_not_in_the_cell(boot, by):
    """The kernel's GDT is mapped a second time for 32-bit firmware, with what is
    on the same page (efi/width32)."""
    place = of("trap_gdt") & 0xffff_ffff
    code = b"\xa0" + struct.pack("<I", place) + b"\x31\xc0\xc3"  # mov al, […]
    with boot(f"efi=physical generations=1 end=exit efi.isolate={by}",
              firmware="ia32", paused=True) as machine:
        with machine.debugger() as debugger:
            call_under_way(debugger)
            get_time = debugger.word(of("thunk_target")) & 0xffff_ffff
            debugger.physical()
            debugger.write(get_time, code)
            debugger.detach()
        run = machine.finish()
    fault = run.all("efi.fault", svc="GetTime")[0]
    assert (fault.number("va"), fault["access"]) == (place, "read")
    run.one("end", verdict="fail")


# ---- interrupts and the watchdog

@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("code, vector", [
    ("jmp $", {"32"}),
    pytest.param("cli\njmp $", {"2"}, id="interrupts-off"),
    pytest.param("cli\nhlt\njmp $ - 1", {"2"}, id="halt")])
def test_a_call_that_hangs_is_ended(boot, by, code, vector, tmp_path):
    run = attempt(boot, by, "fixed", lambda _: assemble(code, tmp_path))
    faults = run.all("efi.fault", gen=0, svc="GetTime")
    assert {fault["vector"] for fault in faults} <= vector | {"32"}
    assert {fault["in"] for fault in faults} == {"RuntimeServicesCode"}


def test_an_nmi_where_the_firmware_has_no_page(boot):
    """It comes after a jump to nowhere, and before the fault that follows: the
    handler must not look for an instruction there."""
    with boot("efi=fixed generations=1 end=exit efi.isolate=user",
              paused=True) as machine:
        with machine.debugger() as debugger:
            in_a_call(debugger, 2)
            debugger.set_register("rip", 0x6EAD_BEEF_0800)
            machine.nmi()
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    assert run.one("efi.fault").number("va") == 0x6EAD_BEEF_0800
    assert run.all("nmi")


@pytest.mark.parametrize("by", STEPS)
def test_a_call_after_a_panic_is_still_in_a_cell(boot, by):
    """The record of a crash is written by the firmware, when the panic has
    loaded the kernel's own descriptors."""
    with boot(f"efi=fixed efi.isolate={by}") as machine:
        machine.at_prompt()
        machine.type("crash null\r")
        run = machine.finish()
    assert run.all("efi.fault") == []
    assert run.one("crash.saved").number("parts") > 0


# ---- privileged instructions at privilege level 3

# Those that nothing could contain before are among them. Each leaves the machine
# as it cannot go on, if it is executed.
FATAL = {
    "mov to cr 0x3": "xor eax, eax\nmov cr3, rax",
    "mov to cr": "mov rax, cr0\nbtr rax, 16\nmov cr0, rax",
    "mov to cr 0x4": "xor eax, eax\nmov cr4, rax",
    "lgdt": "sub rsp, 16\nmov qword [rsp], 0\nlgdt [rsp]\nint3",
    "lidt": "sub rsp, 16\nmov qword [rsp], 0\nlidt [rsp]\nint3",
    "ltr": "mov ax, 0x20\nltr ax",
    "wrmsr 0xc0000080": "mov ecx, 0xc0000080\nrdmsr\nbtr eax, 11\nwrmsr",
    "wrmsr 0x1b": "mov ecx, 0x1b\nrdmsr\nbtr eax, 11\nwrmsr",
    "out 0xcf8": "mov dx, 0xcf8\nmov eax, 0x80000000\nout dx, eax",
    "in 0x61": "in al, 0x61",
}


@pytest.mark.parametrize("mode, instruction", combined(MODES, {
    ("physical", "lidt"), ("fixed", "mov to cr 0x3"), ("fixed", "lgdt"),
    ("fixed", "mov to cr"), ("physical", "wrmsr 0xc0000080"),
    ("fixed", "out 0xcf8")}, FATAL))
def test_what_would_change_the_machine_is_named(boot, mode, instruction,
                                                tmp_path):
    code = assemble(f"{FATAL[instruction]}\nxor eax, eax\nret", tmp_path)
    run = attempt(boot, "user", mode, lambda _: code)
    said = {event["instruction"]: event["action"]
            for event in run.all("efi.privileged", gen=0, svc="GetTime")}
    name = "mov to cr 0" if instruction == "mov to cr" else instruction
    assert said.pop(name) == "ended"
    assert set(said.values()) <= {"emulated"}
    faults = run.all("efi.fault", gen=0, svc="GetTime")
    assert faults and {fault["vector"] for fault in faults} == {"13"}
    assert run.all("efi.violation", gen=0) == []


HARMLESS = """
    cli
    sti
    hlt
    wbinvd
    mov r11, cr0
    bt r11, 16
    jnc .broken
    mov r10, cr4
    bt r10, 5
    jnc .broken
    mov ecx, 0xc0000080
    rdmsr
    bt eax, 11
    jnc .broken
    mov edx, 0x70
    mov eax, 0x1234560d
    out dx, al
    mov eax, 0x12345600
    in al, 0x71
    shr eax, 8
    cmp eax, 0x123456
    jne .broken
    xor eax, eax
    ret
""" + BROKEN


@pytest.mark.parametrize("ports", ["listed", "all"])
def test_what_is_harmless_is_done(boot, ports, tmp_path):
    """The result of each is what it is at privilege level 0. With efi.ports=all,
    ports are emulated as well."""
    code = assemble(HARMLESS, tmp_path)
    run = attempt(boot, "user", "fixed", lambda _: code,
                  words=f"efi.ports={ports}")
    assert {event["status"] for event in
            run.all("efi.call", gen=0, svc="GetTime")} == {"EFI_SUCCESS"}
    said = {event["instruction"] for event in
            run.all("efi.privileged", gen=0, svc="GetTime")}
    assert {event["action"] for event in run.all("efi.privileged")} == {
        "emulated"}
    assert said == {"cli", "sti", "hlt", "wbinvd", "mov from cr 0",
                    "mov from cr 0x4", "rdmsr 0xc0000080"} | (
        {"out 0x70", "in 0x71"} if ports == "all" else set())
    assert run.all("efi.fault") == run.all("efi.violation") == []


def test_without_acpi_its_ports_are_not_listed(boot, tmp_path):
    code = assemble("in al, 0\nxor eax, eax\nret", tmp_path)
    run = attempt(boot, "user", "physical", lambda _: code, generations=1,
                  sin="no-tables")
    assert run.all("efi.privileged", svc="GetTime", instruction="in 0",
                   action="ended")


def test_a_return_with_a_wrong_stack_is_named(boot, tmp_path):
    """The way home uses no stack, at the highest privilege least of all."""
    code = assemble("pop rcx\nadd rsp, 64\nnot r15\nxor eax, eax\njmp rcx",
                    tmp_path)
    run = attempt(boot, "user", "fixed", lambda _: code)
    assert {event["register"] for event in
            run.all("efi.violation", gen=0, svc="GetTime")} == {"rsp", "r15"}


@pytest.mark.parametrize("jump", ["0x8000000000000000", "0xffffffff80000000"])
def test_a_jump_out_of_the_cell_is_contained(boot, jump, tmp_path):
    """The first is no address: there is no instruction to decode."""
    code = assemble(f"mov rcx, {jump}\njmp rcx", tmp_path)
    run = attempt(boot, "user", "physical", lambda _: code)
    assert run.all("efi.fault", gen=0, svc="GetTime")
    assert run.all("efi.privileged", action="ended") == []


# ---- in every mode, and in every generation

@slow
@pytest.mark.parametrize("gen", [0, 1, 2])
@pytest.mark.parametrize("mode", PROVING)
@pytest.mark.parametrize("by, text", [
    ("table", "mov byte [{data:#x}], 0x5a"),
    ("user", "mov byte [{data:#x}], 0x5a"),
    ("user", FATAL["lidt"])])
def test_any_generation(boot, by, text, mode, gen, tmp_path):
    code = assemble(text.format(data=of("gate_statistics")) + "\nret", tmp_path)
    with boot(f"efi={mode} generations={gen + 1} end=exit efi.isolate={by}",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(gen + 1):
                debugger.run_to(of("kernel_main"))
            _record, function = call_under_way(debugger)
            if gen == 0 and mode != "physical":
                _record, function = call_under_way(debugger)
            machine.wait_for("efi.mode", gen=gen)
            overwrite(code)(machine, debugger, None, function)
            debugger.detach()
        run = machine.finish()
    assert run.all("panic") == []
    run.one("efi.call", gen=gen, svc="GetTime", status="EFI_ABORTED")
    assert run.one("proof", gen=gen, check="variable")["verdict"] == "pass"


# ---- the faults of docs/sins.md

# At privilege level 3 these have no effect on the kernel: nothing is to be
# reported.
WITHOUT_EFFECT = set("""interrupt-flag privilege-flags move-interrupted
    data-segments fs gs""".split())
# There is no address in CR2 that an `int 14` has put there.
STALE_ADDRESS = {"interrupt-14"}


def sin_cases():
    for row in rows("pflash"):
        for mode in row.modes:
            often = row.sin in ("jump-wild", "stack-lost") and mode == "fixed"
            yield pytest.param(row, mode, id=f"{row.sin}-{mode}",
                               marks=[] if often else [slow])


@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("row, mode", sin_cases())
def test_a_sin_is_contained_in_a_cell(boot, by, row, mode):
    """As without one; at level 3, many faults are noticed earlier, as a general
    protection fault."""
    run = commit(boot, row.sin, f"efi={mode} efi.isolate={by}")
    found = sins.outcome(run)
    if row.sin in STALE_ADDRESS or found == SINS[row.sin, mode]:
        return
    assert by == "user"
    if row.sin in WITHOUT_EFFECT:
        assert found == "nothing | – | clean"
        return
    vectors_seen = {event["vector"] for event in run.all("efi.fault", gen=0)}
    assert vectors_seen and vectors_seen <= {"13", "14", "32"}
    assert found.endswith("| tainted")


# ---- what firmware uses: the table of the document

DOCUMENT = paths.ROOT / "docs" / "isolate.md"
WAITING = {"in 0x608"}  # while the clock is being updated: not in every run


def documented(firmware: str) -> dict[str, set]:
    """Service -> instructions, from the column of this firmware."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in DOCUMENT.read_text().splitlines()
            if line.startswith(("| service ", "| Get", "| Set", "| Query",
                                "| Reset"))]
    at = rows[0].index(vectors.COLUMNS[firmware])
    return {row[0]: set(row[at].split(", ")) for row in rows[1:]
            if row[at] != "–"}


@pytest.mark.parametrize("firmware", [
    "pflash", *[pytest.param(name, marks=slow) for name in FIRMWARES
                if name in vectors.COLUMNS]])
def test_what_firmware_uses_is_documented(boot, firmware):
    if not is_known(firmware):
        pytest.skip("another build than that of docs/isolate.md")
    used = {}
    for last in "poweroff", "reboot":
        with boot('efi=fixed generations=1 efi.isolate=user efi.ports=all '
                  f'run="{vectors.COMMAND}; {last}"',
                  firmware=firmware) as machine:
            run = machine.finish()
        for event in run.all("efi.privileged", action="emulated"):
            used.setdefault(event["svc"], set()).add(event["instruction"])
        assert run.all("efi.privileged", action="ended") == []
    used = {service: names - WAITING for service, names in used.items()}
    assert used == documented(firmware)
