"""The same conformance vectors in every mode and generation.

The results are compared with docs/conformance.md. None may depend on the
mapping of the firmware, or on earlier callers.
"""

import subprocess

import pytest

from boot.test_gate import assemble, call_under_way
from harness import ktap, paths, qemu, saved, vectors
from harness.chain import translate
from harness.rsp import symbol

# The builds in the document, by the digest of their file.
KNOWN = {
    "pflash": "b157d97b1f697295", "smm": "d50189a486d22af4",
    "bios": "7b456907dd0786d4", "ia32": "d068b51430d3063b",
    "uboot": "72c58846c155b361",
}
MODES = ("physical", "identity", "fixed", "contiguous", "offset",
         "compact", "packed", "direct", "table")
DOCUMENT = paths.ROOT / "docs" / "conformance.md"
DIFFERENT = {"SetTime Year=1970", "SetTime Year=2099",
             "QueryVariableInfo reserved attribute"}
WEAR = 4 << 10  # bytes of the store that one report may consume
# Before the vectors: a variable that cannot be written at runtime, and all.
SCRIPT = f"efi vars delete PlatformLangCodes 8be; efi vars; {vectors.COMMAND}"


def finished(boot, cmdline: str, script: str = vectors.COMMAND, **machine):
    with boot(f'{cmdline} end=exit run="{script}"', **machine) as there:
        run = there.finish()
    run.one("monitor.command", line=vectors.COMMAND, status="ok")
    return run


def ask(boot, cmdline: str, **machine) -> list[vectors.Point]:
    return vectors.points(finished(boot, cmdline, **machine).lines)


def is_known(firmware: str) -> bool:
    return saved.digest(qemu.code_of(firmware)).startswith(KNOWN[firmware])


@pytest.fixture
def expected(run_of):
    """A function: vector -> expected point of a firmware. As documented; for
    other builds, the result in generation 0 of efi=physical."""
    def get(firmware: str) -> dict[str, str]:
        if is_known(firmware):
            return documented(firmware)
        return {p.name: p.answer for p in first_points(run_of, firmware)}
    return get


def first_points(run_of, firmware: str) -> list[vectors.Point]:
    run = run_of(f"vectors-{firmware}", "efi=physical generations=1 end=exit "
                 f'run="{vectors.COMMAND}"', firmware=firmware)
    return vectors.points(run.lines)


@pytest.mark.parametrize("firmware", vectors.COLUMNS)
def test_the_document_has_this_build(firmware):
    if not is_known(firmware):
        pytest.skip(f"{qemu.code_of(firmware)} is another build than that of "
                    "docs/conformance.md: its modes are compared with each "
                    "other")


def documented(firmware: str) -> dict[str, str]:
    """Vector -> result, from its column of the document's table."""
    rows = [[cell.strip() for cell in line.replace(r"\|", "\0").split("|")[1:-1]]
            for line in DOCUMENT.read_text().splitlines()
            if line.startswith("| ")]
    at = rows[0].index(vectors.COLUMNS[firmware])
    return {row[0].replace("\0", "|"): row[at] for row in rows[2:]}


@pytest.mark.parametrize("generations", [
    pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("mode", MODES)
def test_the_same_results_everywhere(boot, expected, mode, generations):
    run = finished(boot, f"efi={mode} generations={generations}", SCRIPT)
    found = vectors.points(run.lines)
    assert {p.name: p.answer for p in found} == expected("pflash")
    run.one("efi.call", svc="SetVariable", status="EFI_WRITE_PROTECTED")
    variables = vectors.global_variables(run.lines)
    assert {"BootOrder", "PlatformLangCodes", "Timeout"} < set(variables)
    assert variables == {name: vectors.specified(name) for name in variables}


def test_the_same_results_repeatedly(boot, expected):
    """By three generations of one boot, on the smallest of the stores."""
    with boot("efi=fixed generations=1", firmware="bios") as machine:
        for generation in range(3):
            machine.wait_for("end", gen=generation, verdict="pass")
            found = vectors.points(machine.ask(vectors.COMMAND).lines)
            assert {p.name: p.answer for p in found} == expected("bios")
            machine.type("kexec baton\r")


def test_the_width_makes_no_difference():
    """The same driver, built for 64 and for 32 bits."""
    assert documented("ia32") == documented("smm")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["physical", "fixed"])
@pytest.mark.parametrize("firmware", [*vectors.COLUMNS][1:])
def test_other_firmware(boot, expected, firmware, mode):
    found = ask(boot, f"efi={mode} generations=1", firmware=firmware)
    assert {p.name: p.answer for p in found} == expected(firmware)


def test_naive_has_one_generation(boot, expected):
    found = ask(boot, "efi=naive generations=1")
    assert {p.name: p.answer for p in found} == expected("pflash")
    with boot("efi=naive generations=2") as machine:
        answer = machine.ask(vectors.COMMAND)
    assert answer.status == "unsupported"
    assert "does not call the firmware: SVAM refused" in answer.text


TAP = """
use TAP::Parser;
my $tap = TAP::Parser->new({source => \\*STDIN});
$tap->run;
print join " ", $tap->is_good_plan && !$tap->parse_errors ? "sound" : "broken",
    $tap->tests_run, map { scalar @$_ } [$tap->failed], [$tap->skipped];
"""


def told_by_perl(report: list[str]) -> list[str]:
    """Perl knows TAP, of which KTAP is a dialect."""
    return subprocess.run(["perl", "-e", TAP], input="\n".join(report),
                          text=True, capture_output=True,
                          check=True).stdout.split()


@pytest.mark.parametrize("firmware, different", [
    ("bios", DIFFERENT), pytest.param("uboot", set(), marks=pytest.mark.slow)])
def test_differences_are_known(boot, firmware, different):
    """And there are no faults except those of invalid pointers."""
    lines = finished(boot, "generations=1", firmware=firmware).lines
    found = vectors.points(lines)
    assert {p.name for p in found if not p.ok} == different
    assert {p.name for p in found if p.status == "EFI_ABORTED"} == {
        p.name for p in found if p.note == "a fault, contained"}
    assert all(p.who == "none" for p in found if p.status == "EFI_ABORTED")
    skipped = sum(p.skipped for p in found)
    assert bool(skipped) == (firmware == "uboot")
    assert told_by_perl(lines[lines.index(ktap.VERSION):]) == [
        "sound", str(len(found)), str(len(different)), str(skipped)]


def test_nothing_is_left_in_the_store(boot):
    """Except space: deleted variables occupy it until the next reset."""
    with boot("generations=1") as machine:
        before, free_before = machine.ask("efi vars").lines, free(machine)
        machine.ask(vectors.COMMAND)
        after, free_after = machine.ask("efi vars").lines, free(machine)
    assert after == before
    assert 0 < free_before - free_after < WEAR


def free(machine) -> int:
    return int(machine.ask("efi call QueryVariableInfo").text.split()[0])


@pytest.mark.parametrize("sin, ok", [
    ("announces-none", False),
    pytest.param("announces-all", True, marks=pytest.mark.slow)])
def test_a_service_matches_its_announcement(boot, sin, ok):
    """A missing service that works; an announced one that does not."""
    found = [p for p in ask(boot, "generations=1", sin=sin)
             if p.service == "GetTime" and p.who != "none"]
    assert {p.ok for p in found} == {ok}
    assert all(p.note for p in found)
    assert all(p.skipped == (p.status == "EFI_UNSUPPORTED") for p in found)


@pytest.mark.parametrize("sin, seen", [
    ("month-13", "GetTime normal call"),
    ("idle-get-wakeup", "GetWakeupTime is disabled"),
    pytest.param("long-name", "GetNextVariableName to the end",
                 marks=pytest.mark.slow),
    pytest.param("circle-of-names", "GetNextVariableName one of each vendor",
                 marks=pytest.mark.slow),
    pytest.param("claim-overrun", "GetVariable its size",
                 marks=pytest.mark.slow)])
def test_results_are_checked(boot, sin, seen):
    different = {p.name for p in ask(boot, "generations=1",
                                     sin=sin) if not p.ok}
    assert seen in different and DIFFERENT < different


def test_a_wrong_result_is_detected(boot):
    """GetTime is changed: it returns EFI_SUCCESS for any arguments."""
    line = f'generations=1 end=exit run="{vectors.COMMAND}"'
    with boot(line, paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "run_efi_vectors"))
            call_under_way(debugger)  # the current time, for all rows
            _, function = call_under_way(debugger)
            machine.wait_for("end")
            at = translate(machine.run, function, "va", "pa")
            debugger.physical()
            debugger.write(at, bytes.fromhex("31c0 c3"))  # xor eax, eax; ret
            debugger.detach()
        run = machine.finish()
    notes = {p.name: p.note for p in vectors.points(run.lines) if not p.ok}
    for name in "GetTime Time=NULL", "GetTime all NULL":
        assert notes[name] == "not EFI_INVALID_PARAMETER"
    assert notes["GetTime Time is an invalid address"] == "not an error"
    assert notes["GetTime is in that zone"].endswith(", not 0x3c")  # 60
    assert set(notes) - DIFFERENT == {
        "GetTime Time=NULL", "GetTime all NULL", "GetTime is that time",
        "GetTime is in that zone", "GetTime is daylight time",
        "GetTime Time is an invalid address"}


# GetNextVariableName with one name, which fills the buffer of 512 units, has no
# end there, and is said to be so long.
LONG_NAME = """
    cmp word [rdx], 0
    jne .end
    mov qword [rcx], 2 * {units}
    mov r8d, 512
.fill:
    mov word [rdx + 2 * r8 - 2], 'x'
    dec r8d
    jnz .fill
    xor eax, eax
    ret
.end:
    mov eax, 14
    bts rax, 63
    ret
"""


@pytest.mark.parametrize("units", [512, 513])
def test_a_name_without_an_end_is_detected(boot, tmp_path, units):
    line = f'efi=fixed generations=1 end=exit run="{vectors.COMMAND}"'
    with boot(line, paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "efi_get_next_variable_name"))
            _, function = call_under_way(debugger)
            debugger.run_to(symbol(paths.SYMBOLS, "run_efi_vectors"))
            machine.wait_for("end")
            debugger.physical()
            debugger.write(translate(machine.run, function, "va", "pa"),
                           assemble(LONG_NAME.format(units=units), tmp_path))
            debugger.detach()
        found = vectors.points(machine.finish().lines)
    point, = (p for p in found if p.name == "GetNextVariableName to the end")
    assert (point.ok, point.status) == (False, "EFI_NOT_FOUND")
    assert point.note == "with 0x1, not 0"
