"""A firmware that misbehaves: one row per fault ("sin").

The faults are injected by a driver in OVMF (tests/firmware), each time that the
service is called, in both generations. In all cases the kernel survives, the
log names the fault, and the kexec that follows works.

`make test` runs the rows in OFTEN, some of each class, in alternating modes;
`make test-all` runs all rows in all modes, with firmware of either width.
"""

import re
import struct
from dataclasses import dataclass, replace

import pytest

from harness import chain, paths, qemu, sins
from harness.events import wanted
from harness.rsp import symbol

TIME = {"time", "services"}  # the checks that call GetTime


@dataclass(frozen=True)
class Row:
    """The expected effects of a fault, in each generation."""

    sin: str
    event: tuple  # ("efi.fault", {"vector": 14}): logged at least once
    fails: frozenset | set  # these checks, and no other
    modes: tuple = ("physical", "fixed")  # a table of its own; the kernel's
    tainted: bool = False  # is that the firmware's state afterwards?


def fault(sin, vector, access="none", kind="none", **more):
    event = ("efi.fault", dict(svc="GetTime", vector=vector, access=access,
                               action="aborted", owner=kind))
    return Row(sin, event, TIME | {"gate"}, tainted=True, **more)


def violation(sin, *registers, svc="GetTime", **more):
    names = re.compile("|".join(registers or [sin]))
    event = ("efi.violation", dict(svc=svc, register=names))
    return Row(sin, event, {"gate"}, **more)


def reject(sin, service, why, *fails):
    event = ("efi.reject", dict(svc=service, why=re.compile(why)))
    return Row(sin, event, set(fails))


def beyond(sin, service, access, *fails):
    """The guard page after a bounce buffer."""
    event = ("efi.fault", {"svc": service, "access": access, "owner": "guard"})
    return Row(sin, event, set(fails) | {"gate"}, tainted=True)


def detail(sin, check, words, *fails, **more):
    event = ("proof", dict(check=check, verdict="fail",
                           detail=re.compile(words)))
    return Row(sin, event, set(fails) | {check}, **more)


KIND_0, KIND_1 = "boot-services", "usable"  # the same in later generations
CODE, DATA = "RuntimeServicesCode", "RuntimeServicesData"
BOOT = re.compile(f"{KIND_0}|{KIND_1}")

ROWS = [
    # memory
    fault("read-boot-services", 14, "read", BOOT),
    fault("write-boot-services", 14, "write", BOOT),
    fault("execute-boot-services", 14, "execute", BOOT),
    fault("write-conventional", 14, "write", KIND_1),
    fault("call-boot-services", 14, "execute", BOOT),
    fault("read-nowhere", 14, "read", "hole"),
    fault("read-reserved", 14, "read", "reserved"),
    fault("read-device", 14, "read", "reserved"),
    fault("execute-null", 14, "execute", re.compile("in-use|usable")),
    fault("execute-data", 14, "execute", re.compile("kernel|in-use|usable")),
    fault("write-kernel", 14, "write", "kernel"),
    fault("physical-pointer", 14, "write", DATA, modes=("fixed",)),
    fault("attributes", 14, "execute", CODE),
    # exceptions
    fault("opcode", 6),
    fault("divide", 0),
    fault("address", 13),
    fault("selector", 13),
    fault("no-fpu", 7),
    fault("fpu", 16),
    fault("step", 1),
    fault("breakpoint", 3),
    fault("jump-wild", 13),
    fault("direction-fault", 6),
    # state that is returned, and faults in the gate
    fault("task-switched", 7),
    fault("emulation", 6),
    fault("no-sse", 6),
    # other code: with another privilege level or size
    fault("user", 14, "execute", CODE),
    fault("other-width", 6, modes=("physical",)),
    fault("other-width", 14, "execute", "hole", modes=("fixed",)),
    # instructions that look like an exception, with or without its error code;
    # and a true double fault
    fault("interrupt-2", 2),
    fault("interrupt-14", 14, "read", re.compile(".*")),
    fault("interrupt-table", 8),
    fault("stack-lost", 14, "write", "kernel"),
    fault("stack-wild", re.compile("12|13")),
    fault("stack-overflow", 14, "write", "guard"),
    fault("stack-underflow", 14, "write", "guard"),
    # infinite loops: the timer's vector, or the NMI's
    fault("hang", 32),
    fault("hang-urgent", re.compile("2|32")),
    fault("halt-awake", 32),
    fault("hang-deaf", 2),
    fault("halt", 2),
    # registers
    *[violation(name) for name in (
        "rbx rbp rsi rdi r12 r13 r14 r15 rsp cr3 cr4 gs efer pat").split()],
    violation("direction-flag", "rflags"),
    violation("interrupt-flag", "rflags"),
    violation("trap-flag", "rflags"),
    violation("alignment-flag", "rflags"),
    violation("nested-flag", "rflags"),
    violation("privilege-flags", "rflags"),
    violation("sse-exceptions", "mxcsr"),
    # #XM on a real CPU. TCG never raises it, so only a changed MXCSR is detected;
    # "fpu" tests a fault in arithmetic.
    violation("simd", "mxcsr"),
    violation("fpu-control", "fcw"),
    violation("xmm", "xmm6", "xmm15"),
    violation("write-protection", "cr0"),
    violation("data-segments", "ds", "es"),
    violation("fs"),
    violation("code-segment", "cs", "rflags"),
    violation("task-priority", "cr8"),
    violation("stack-segment", "ss"),
    violation("task", "tr"),
    violation("gdt", "gdtr"),
    violation("idt", "idtr", "rflags"),
    violation("debug-register", "dr7"),
    violation("home-breakpoint", "dr7"),
    violation("move-interrupted", "rflags", svc="SetVirtualAddressMap",
              modes=("identity", "fixed")),
    # answers
    reject("unknown-status", "GetTime", "0x1234", *TIME),
    reject("strange-status", "GetTime", "EFI_NOT_FOUND", *TIME),
    reject("claim-overrun", "GetVariable", "EFI_SUCCESS, with 0x10004 bytes",
           "variable", "enumerate"),
    reject("absurd-size", "GetVariable", "0x4000000000000000 bytes for 0x4",
           "variable", "enumerate"),
    reject("odd-attributes", "GetVariable", "attributes 0xdeadbeef", "variable",
           "enumerate"),
    reject("unended-name", "GetNextVariableName", "longer than", "enumerate"),
    reject("long-name", "GetNextVariableName", "longer than", "enumerate"),
    *[detail(name, "enumerate", "is not among these; .* come before$") for name in (
        "endless-names circle-of-names each-name-twice no-name").split()],
    detail("never-enough", "enumerate", "ended with EFI_BUFFER_TOO_SMALL"),
    detail("full", "variable", "EFI_OUT_OF_RESOURCES", "space", "services"),
    detail("forgets", "variable", "wrote 1: EFI_SUCCESS; reads 0", "space"),
    detail("more-than-all", "space", "262045 of 262044 bytes"),
    detail("count-down", "services", "GetNextHighMonotonicCount"),
    detail("month-13", "time", "2013-13-", "services"),
    detail("half-a-time", "time", "2013-03-00", "services"),
    detail("no-time", "time", "0000-00-00", "services"),
    # success, without any effect
    reject("idle-set-time", "SetTime", "set to 2017 and shows 2013",
           "services"),
    reject("idle-get-wakeup", "GetWakeupTime", "not written", "services"),
    reject("idle-set-wakeup", "SetWakeupTime", "set to 23:59:59", "services"),
    detail("idle-convert", "services", "ConvertPointer: EFI_SUCCESS"),
    reject("idle-get-variable", "GetVariable", "attributes", "variable",
           "enumerate", "services"),
    detail("idle-next-name", "enumerate", "GetNextVariableName ended"),
    detail("idle-count", "services", "GetNextHighMonotonicCount"),
    detail("idle-update-capsule", "services", "UpdateCapsule: EFI_SUCCESS"),
    reject("idle-query-capsule", "QueryCapsuleCapabilities", "not written",
           "services"),
    reject("idle-query-variables", "QueryVariableInfo", "not written",
           "space"),
    detail("move-lies", "services", "SetVirtualAddressMap: EFI_SUCCESS",
           modes=("physical",)),
    # services that work only after SetVirtualAddressMap
    detail("needs-move", "time", "EFI_DEVICE_ERROR", "services",
           modes=("physical",)),
    Row("needs-move", ("end", dict(verdict="pass")), set(),
        modes=("identity", "fixed")),
    beyond("overrun", "GetVariable", "write", "variable", "enumerate"),
    beyond("overrun-name", "GetNextVariableName", "write", "enumerate"),
    *[beyond(name, "SetVariable", "read", "variable", "space")
      for name in ("read-past-name", "read-past-data")],
    # announcements: fewer services than exist, and more
    Row("announces-none", ("efi.quirk", {"does": re.compile("does not announce it")}),
        {"services"}),
    Row("announces-all", ("proof", dict(check="time", verdict="fail",
                                        detail=re.compile("UNSUPPORTED"))),
        {"time"}),
    Row("wild-service", ("efi.fault", {"svc": "QueryVariableInfo",
                                       "access": "execute", "owner": "hole"}),
        {"space", "gate"}, tainted=True),
    # fields that are not needed
    Row("crc-zero", ("efi.quirk", {"does": re.compile("CRC is 0")}), set()),
    Row("header-short", ("proof", dict(check="space", verdict="skip")), set()),
    *[Row(name, ("efi.quirk", {"does": re.compile("is invalid after")}), set(),
          modes=("fixed", "identity"))
      for name in "vendor-boot vendor-nowhere tables-boot tables-nowhere".split()],
    # faults without a visible or harmful effect
    *[Row(name, ("end", dict(verdict="pass")), set()) for name in (
        "none unmoved no-service map-reversed map-of-40 map-of-56 "
        "map-empty-entry map-huge-entry map-far "
        "map-unaligned map-unknown-type map-runtime-all map-virtual many-tables "
        "header-long header-odd no-vendor no-tables "
        "debug-addresses fpu-stack segment-bases pic pit interrupt-32 interrupt-128 "
        "alignment needs-capabilities odd-name-size garbled-name").split()],
    *[Row(name, ("efi.mode", dict(svam="called")), set(),
          modes=("identity", "fixed")) for name in ("move-boot", "handler-boot")],
    *[Row(name, ("efi.mode", dict(svam="called")), set(), modes=("fixed",))
      for name in ("apple", "fails-at-identity")],
    Row("move-identity", ("efi.mode", dict(svam="called")), set(),
        modes=("fixed",)),
    # old and new addresses during SetVirtualAddressMap, and its map's order
    *[Row(name, ("efi.mode", dict(svam="called")), set(),
          modes=("contiguous", "fixed", "offset", "compact", "packed"))
      for name in ("new-early", "old-late", "map-ordered")],
    # memory that no descriptor names, expected to move as far as the rest
    Row("handler-unlisted", ("efi.mode", dict(svam="called")), set(),
        modes=("offset",)),
    # a driver that the map splits: the distance of its halves matters
    Row("map-split", ("end", dict(verdict="pass")), set(),
        modes=("compact", "offset", "contiguous", "fixed")),
    detail("map-split", "time", "EFI_DEVICE_ERROR", "services",
           modes=("packed",)),
    # half moved: it writes to the flash at the old address
    Row("move-half", ("efi.fault", {"svc": "SetVariable", "owner": "MMIO"}),
        {"variable", "space", "services", "gate"},
        modes=("fixed",), tainted=True),
]

# Nothing can be called, and generation 0 logs the reason; generation 1 as well,
# with a reason of its own.
REFUSED = [
    *[(*row, mode) for mode in ("physical", "fixed") for row in [
        ("crc", "CRC is"),
        ("signature", "runtime table at 0x"),
        ("header", "header of 2147483647 bytes"),
        ("system-header", "header of 8 bytes"),
        ("system-signature", "signature 0x"),
        ("runtime-pointer", "not in any runtime region"),
        ("map-no-runtime", "not in any runtime region"),
        ("map-overlap", "overlap"),
        ("map-version", "version 2; must be"),
    ]],
    *[(*row, mode) for mode in ("fixed", "identity") for row in [
        ("move-fails", "SetVirtualAddressMap returned EFI_DEVICE_ERROR"),
        ("move-denied", "SetVirtualAddressMap returned"),
        ("move-breaks", "signature 0x"),
        ("move-faults", "SetVirtualAddressMap returned EFI_ABORTED"),
        ("move-faults-late", "SetVirtualAddressMap returned EFI_ABORTED"),
        ("move-hangs", "SetVirtualAddressMap returned EFI_ABORTED"),
        ("handler-faults", "SetVirtualAddressMap returned EFI_ABORTED"),
    ]],
    *[("apple", "by Apple is known to fail", mode)
      for mode in ("physical", "identity")],
    *[("handler-unlisted", "SetVirtualAddressMap returned EFI_ABORTED", mode)
      for mode in ("contiguous", "compact", "packed", "fixed", "identity")],
    ("move-lies", "left it unconverted", "fixed"),
    ("move-identity", "SetVirtualAddressMap returned EFI_ABORTED", "identity"),
]

# ---- 32-bit firmware: faults that it cannot have, because they need a register
# or an address of 64 bits; rows that differ, and rows of its own.
WIDE = set("r12 r13 r14 r15 task-priority hang-urgent address jump-wild "
           "stack-wild".split())
NARROW = [
    # EDK II does not relocate a driver that is where it was linked to. Only
    # 32-bit code has absolute addresses in its instructions.
    fault("unmoved", 14, "read", CODE, modes=("fixed",)),
    Row("unmoved", ("end", dict(verdict="pass")), set(), modes=("physical",)),
    fault("other-width", 6),
    fault("write-kernel", 14, "write", "in-use", modes=("physical",)),
    fault("write-kernel", 14, "write", "kernel", modes=("fixed",)),
    fault("stack-segment", 13),
    fault("task-switch", 13),
    fault("emulation", 7),  # FNSTCW comes first
    fault("stack-lost", 14, "write", "hole"),
    # a gigabyte, which no rule excludes
    detail("absurd-size", "variable", "EFI_BUFFER_TOO_SMALL", "enumerate"),
    violation("callee-pops", "rsp"),
    Row("flat-segments", ("end", dict(verdict="pass")), set()),
    # LGDT loads half of an address, even of one that was stored before
    violation("code-segment", "gdtr", "rflags"),
    violation("task", "gdtr", "tr"),
    violation("xmm", "xmm6", "xmm7"),
    Row("map-far", ("end", dict(verdict="pass")), set(), modes=("fixed",)),
    # its regions are adjacent
    Row("map-split", ("end", dict(verdict="pass")), set(),
        modes=("compact", "packed", "contiguous", "fixed")),
]
NARROW_REFUSED = [
    ("move-half", "left it unconverted", "fixed"),
    ("map-far", "no addresses from 0x100000000 on", "physical")]


def rows(firmware: str) -> list[Row]:
    """Those in which the kernel calls this firmware, in modes that it can be in."""
    if firmware != "ia32":
        return ROWS
    other = WIDE | {row.sin for row in NARROW} | {row[0] for row in
                                                  NARROW_REFUSED}
    beyond = chain.FIRMWARES[firmware].beyond
    both = [row for row in ROWS if row.sin not in other]
    return NARROW + [
        replace(row, modes=modes) for row in both
        if (modes := tuple(m for m in row.modes if m not in beyond))]


def refused(firmware: str) -> list[tuple]:
    return REFUSED + (NARROW_REFUSED if firmware == "ia32" else [])


CASES = {firmware: [(row.sin, mode) for row in rows(firmware)
                    for mode in row.modes]
         + [(sin, mode) for sin, _why, mode in refused(firmware)]
         for firmware in ("pflash", "ia32")}


# One or more of each class: each kind of access and memory, the registers that
# the gate restores in different ways, the results by service; with 32-bit
# firmware, what its way into the gate and back could change.
OFTEN = {"ia32": set("""
    unmoved other-width callee-pops rbx fpu-control trap-flag home-breakpoint
    gdt idt interrupt-table user write-kernel stack-overflow hang-deaf
    overrun-name move-faults
""".split()), "pflash": set("""
    read-boot-services execute-data write-kernel physical-pointer
    opcode fpu breakpoint stack-lost stack-overflow hang
    rbx rsp cr3 cr4 efer interrupt-flag sse-exceptions write-protection gdt
    idt debug-register task-switched
    overrun-name user interrupt-14 interrupt-table home-breakpoint wild-service
    unknown-status claim-overrun unended-name circle-of-names month-13 overrun
    announces-none apple crc header move-fails move-lies move-hangs handler-faults
    crc-zero header-short vendor-boot tables-boot no-vendor no-tables map-virtual
    new-early old-late handler-unlisted map-split
    xmm none no-service map-of-56 move-identity move-half
""".split())}


def slow_if(rare: bool) -> list:
    return [pytest.mark.slow] if rare else []


def name_of(firmware: str, sin: str, mode: str) -> str:
    return f"{sin}-{mode}{'' if firmware == 'pflash' else f'-{firmware}'}"


def cases():
    for firmware, often in OFTEN.items():
        for number, row in enumerate(rows(firmware)):
            for i, mode in enumerate(row.modes):
                rare = row.sin not in often or i != number % len(row.modes)
                yield pytest.param(firmware, mode, row,
                                   id=name_of(firmware, row.sin, mode),
                                   marks=slow_if(rare))


ELSEWHERE = set("""
    announces-v2 announces-short garbled-attributes attributes-nowhere
    slow-time slow-write unreadable
    reset-returns reset-faults reset-hangs map-long map-too-long
    direct-resets direct-hangs
""".split())


def test_every_fault_is_a_row():
    """And there is no row without a fault, because it would pass."""
    committed = re.findall(r'^(?:SIN |    \{)"([\w-]+)"', "".join(
        (paths.ROOT / "tests/firmware" / name).read_text()
        for name in ("sins.c", "registers.asm")), re.MULTILINE)
    known = {sin for cases in CASES.values() for sin, _mode in cases}
    assert set(committed) == known | ELSEWHERE
    assert WIDE < known
    for firmware, often in OFTEN.items():
        assert often <= {sin for sin, _mode in CASES[firmware]}


# Each of the fourteen services, replaced by one that only returns success.
IDLE = {
    "GetTime": "no-time", "SetTime": "idle-set-time",
    "GetWakeupTime": "idle-get-wakeup", "SetWakeupTime": "idle-set-wakeup",
    "SetVirtualAddressMap": "move-lies", "ConvertPointer": "idle-convert",
    "GetVariable": "idle-get-variable", "SetVariable": "forgets",
    "GetNextVariableName": "idle-next-name",
    "GetNextHighMonotonicCount": "idle-count",
    "ResetSystem": "reset-returns", "UpdateCapsule": "idle-update-capsule",
    "QueryCapsuleCapabilities": "idle-query-capsule",
    "QueryVariableInfo": "idle-query-variables",
}


@pytest.mark.parametrize("service", IDLE)
@pytest.mark.parametrize("mode", ["physical", "fixed"])
def test_success_alone_proves_nothing(boot, mode, service):
    """For each service, the run fails, and the service is named."""
    with boot(f"efi={mode} generations=1 end=shutdown",
              sin=IDLE[service]) as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) != ("guest-shutdown", 0) or \
        run.one("end")["verdict"] != "pass"
    reported = [e["detail"] for e in run.all("proof", verdict="fail")] + \
        [e["why"] for e in run.all("refused", what="efi")]
    assert any(service in text for text in reported), reported


def test_prove_look_calls_no_changing_service(boot):
    """Without prove=write no service is called that changes anything."""
    with boot("efi=physical generations=2 end=exit prove=look") as machine:
        run = machine.finish()
    changing = {"SetTime", "SetWakeupTime", "SetVariable", "UpdateCapsule",
                "SetVirtualAddressMap", "GetNextHighMonotonicCount"}
    assert not changing & {e["svc"] for e in run.all("efi.call")}
    for gen in (0, 1):
        skipped = {e["check"]: e["detail"]
                   for e in run.all("proof", gen=gen, verdict="skip")}
        assert skipped.keys() == {"variable", "space", "services", "again"}
        assert all("prove=write was not given" in skipped[check]
                   for check in ("variable", "space", "services"))
    run.one("end", verdict="pass")


DOCUMENTED = {firmware: sins.expected(firmware) for firmware in OFTEN}


def commit(boot, sin: str, words: str, firmware: str = "pflash"):
    with boot(f"{words} generations=2 end=exit efi.timeout=2",
              firmware=firmware, sin=sin) as machine:
        run = machine.finish()
    assert run.all("panic") == []
    run.expect(wanted("boot", gen=0), wanted("kexec.jump", gen=0),
               wanted("boot", gen=1), wanted("end", gen=1))
    quirks = {quirk["name"] for quirk in run.all("efi.quirk")}
    if sin == "attributes" and "open-code" in quirks:
        no_sin(run)
    return run


def no_sin(run):
    """Attributes that remove no right from code: executing it is allowed."""
    for gen in (0, 1):
        assert failed_checks(run, gen) == set()
        run.one("efi.fault", gen=gen, svc="GetTime", access="execute",
                action="learned", owner=CODE)
    pytest.skip(f"{qemu.code_of('pflash')}: its attributes leave the driver's "
                "code executable; checked that the page is learned and all is proved")


def failed_checks(run, gen: int) -> set:
    return {p["check"] for p in run.all("proof", gen=gen, verdict="fail")}


def is_documented(run, firmware: str, sin: str, mode: str) -> None:
    assert DOCUMENTED[firmware].get((sin, mode)) == sins.outcome(run), \
        "tools/sins writes docs/sins.md"


@pytest.mark.parametrize("firmware, mode, row", cases())
def test_a_fault_is_named_and_survived(boot, firmware, mode, row):
    run = commit(boot, row.sin, f"efi={mode}", firmware)
    is_documented(run, firmware, row.sin, mode)
    name, fields = row.event
    assert run.all(name, **fields), f"no {name} with {fields}"
    assert failed_checks(run, 0) == row.fails
    # A variable not written in generation 0 cannot be found in generation 1.
    assert failed_checks(run, 1) == row.fails
    state = "tainted" if row.tainted else "clean"
    assert [e["state"] for e in run.all("efi.mode")] == ["clean", state]
    if row.event[0] == "efi.violation":
        registers = {e["register"] for e in run.all("efi.violation", gen=0)}
        assert all(fields["register"].fullmatch(name) for name in registers)
        reported = [(e["gen"], e["svc"], e["register"])
                    for e in run.all("efi.violation")]
        assert len(reported) == len(set(reported))  # once for each service


def refusals():
    """Those in OFTEN run in their first mode."""
    for firmware, often in OFTEN.items():
        seen = set()
        for sin, why, mode in refused(firmware):
            rare = sin not in often or sin in seen
            seen.add(sin)
            yield pytest.param(firmware, sin, why, mode,
                               id=name_of(firmware, sin, mode),
                               marks=slow_if(rare))


@pytest.mark.parametrize("firmware, sin, why, mode", refusals())
def test_a_fault_after_which_the_firmware_is_refused(boot, firmware, sin, why,
                                                     mode):
    run = commit(boot, sin, f"efi={mode}", firmware)
    is_documented(run, firmware, sin, mode)
    assert why in run.one("refused", gen=0, what="efi")["why"]
    run.one("refused", gen=1, what="efi")
    run.one("end", gen=1, verdict="refused")
    assert run.all("proof") == []
    # Errors that can be detected before SetVirtualAddressMap are not found after it.
    if not sin.startswith(("move-", "handler-")):
        assert run.all("efi.call") == []


@pytest.mark.parametrize("mode, later", [
    ("physical", "pass"),  # SetVirtualAddressMap is still available
    ("identity", "refused")])
def test_a_firmware_that_fails_at_identity(boot, mode, later):
    """Its name is unknown; the calls show it."""
    with boot(f"generations=2 efi={mode},fixed end=exit",
              sin="fails-at-identity") as machine:
        run = machine.finish()
    why = run.one("refused", gen=0, what="efi")["why"]
    assert f"no call came back in mode {mode}" in why
    run.one("efi.quirk", gen=0, source=re.compile("Anvin"))
    run.one("end", gen=1, verdict=later)
    assert run.all("panic") == []


def test_a_refused_kexec_does_not_hide_a_proof_that_failed(boot):
    with boot("efi=fixed generations=2 end=exit", sin="month-13",
              bundle=None) as machine:
        run = machine.finish()
    run.one("refused", gen=0, what="image")
    assert failed_checks(run, 0)
    run.one("end", gen=0, verdict="fail")


@pytest.mark.parametrize("sin, table, why", [
    ("announces-v2", "properties", "version 2 of 8 bytes"),
    ("announces-short", "properties", "version 1 of 4 bytes"),
    ("garbled-attributes", "attributes", "supported are versions 1 to 2"),
    pytest.param("attributes-nowhere", "attributes", "0x6eadbeef0000 is not",
                 marks=pytest.mark.slow)])
def test_an_invalid_table(boot, sin, table, why):
    run = commit(boot, sin, "efi=fixed")
    reported = [x for x in run.lines if f"{table} ignored: " in x]
    assert len(reported) == 1 and why in reported[0]
    if table == "attributes":
        details = [p["detail"] for p in run.all("proof", check="wx")]
        assert "ignored: memory attributes: " in details[0]
        assert "no memory attributes were handed on: " in details[1]
    assert run.all("proof", verdict="fail") == []
    # No service is missing: every proof is run.
    assert run.all("proof", gen=0, check="time", verdict="pass")


@pytest.mark.slow
def test_a_name_cannot_forge_the_log(boot):
    with boot('efi=fixed generations=1 end=exit run="efi vars"',
              sin="garbled-name") as machine:
        run = machine.finish()
    line, = (x for x in run.lines if x.startswith("  dcfa911d-"))
    assert line.endswith('  a?@end \ufffd?[m"\uffff')
    run.one("end", verdict="pass")


# ---- what is done about a fault

BOOT = "boot-services|reserved"  # kept, it is handed on as reserved
GRANTED = [("read-boot-services", BOOT), ("write-boot-services", BOOT),
          ("physical-pointer", "RuntimeServicesData"),
          ("attributes", "RuntimeServicesCode"),
          pytest.param("read-reserved", "reserved", marks=pytest.mark.slow)]


@pytest.mark.parametrize("sin, kind", GRANTED)
def test_a_faulting_page_can_be_granted(boot, sin, kind):
    """The owner of the page that is logged is that before it was granted."""
    run = commit(boot, sin, "efi=fixed efi.fault=retry")
    for gen in (0, 1):
        # Recovered, but tainted; and the page is now code and data.
        assert failed_checks(run, gen) - {"wx"} == {"gate"}
        assert run.one("efi.gate", gen=gen).number("recovered") == 1
        run.one("efi.fault", gen=gen, svc="GetTime", action="mapped",
                owner=re.compile(kind))


def test_kernel_memory_is_not_granted(boot):
    run = commit(boot, "write-conventional", "efi=physical efi.fault=retry")
    assert run.all("efi.fault", gen=0, action="mapped") == []
    assert failed_checks(run, 0) == TIME | {"gate"}


def test_one_fault_can_be_enough(boot):
    run = commit(boot, "opcode", "efi=fixed efi.fault=off")
    run.one("efi.fault", gen=0, svc="GetTime", action="aborted")
    run.one("efi.gate", gen=0, calls=1 + 1)  # SetVirtualAddressMap, GetTime
    assert "tainted" in run.one("refused", gen=1, what="efi")["why"]


def test_a_kernel_bug_is_not_blamed_on_the_firmware(boot):
    """The timer's handler faults while the firmware runs."""
    with boot("efi=physical generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
            call = debugger.word(symbol(paths.SYMBOLS, "gate_current"))
            debugger.run_to(function := debugger.word(call))
            debugger.write(function, b"\xeb\xfe")  # jmp $, until a tick
            debugger.run_to(symbol(paths.SYMBOLS, "handle_timer"))
            debugger.set_register("rip", 0x6EAD_BEEF_0000)
            debugger.detach()
        run = machine.finish()
    assert run.all("efi.fault") == []
    assert "page fault" in run.one("panic")["why"]


# ---- the end

@pytest.mark.parametrize("sin, answer", [
    ("reset-returns", "EFI_SUCCESS"), ("reset-faults", "EFI_ABORTED"),
    pytest.param("reset-hangs", "EFI_ABORTED", marks=pytest.mark.slow)])
def test_a_reset_that_returns(boot, sin, answer):
    with boot("efi=fixed generations=1 end=shutdown efi.timeout=2",
              sin=sin) as machine:
        run = machine.finish()
    assert any(f"ResetSystem returned: {answer}" in x for x in run.lines)
    assert answer in run.one("proof", check="off", verdict="fail")["detail"]
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    with boot('efi=fixed generations=1 run="reboot" efi.timeout=2', sin=sin) as machine:
        run = machine.finish()
    assert any("reset by ACPI: 0xf to port 0xcf9" in x for x in run.lines)
    assert not any("reset by the chipset" in x for x in run.lines)
    assert run.end.how == "guest-reset"


def acpi_tables(seed: str):
    """The pieces of physical memory in an input of the fuzz target `acpi`."""
    data = (paths.ROOT / "tests/fuzz/corpus/acpi" / seed).read_bytes()[8:]
    while data:
        pa, size, zeros = struct.unpack_from("<QHH", data)
        yield pa, data[12 : 12 + size] + bytes(zeros)
        data = data[12 + size :]


@pytest.mark.parametrize("rsdp_pa, reported", [
    (0, "no reset by ACPI: ACPI: no readable RSDP at 0"),
    (0x1000, "reset by ACPI: 0xf to address 0xcf9")])
def test_where_acpi_does_not_reset(boot, rsdp_pa, reported):
    """No table; and one with an invalid register in memory."""
    with boot('generations=1 run="reboot"', sin="reset-returns",
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "reboot"))
            base = debugger.word(symbol(paths.SYMBOLS, "direct_map_base"))
            for pa, data in acpi_tables("rsdt-memory"):
                debugger.write(base + pa, data)
            debugger.set_register("rdi", rsdp_pa)
            debugger.detach()
        run = machine.finish()
    said = "\n".join(run.lines)
    assert 0 < said.index(reported) < said.index("reset by the chipset")
    assert run.end.how == "guest-reset"
