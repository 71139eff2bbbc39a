"""The proof: in every mode that works, three generations reach the firmware.

One run per mode serves many tests. The kernel's own results are compared with
independent ones: QEMU's report of how the machine ended, and the flash file
after power-off.
"""

import re
from itertools import zip_longest

import pytest

from harness.chain import (CHECKS, EXPECTED, GENERATIONS, PROVING,
                           expected_proof, rule_of_linux, wrongs)
from harness.events import wanted

ALL = range(GENERATIONS)


@pytest.mark.modes(*PROVING)
@pytest.mark.parametrize("gen", ALL)
@pytest.mark.parametrize("check", CHECKS)
def test_proof(the_chain, mode, gen, check):
    proof = the_chain.proof(gen, check)
    assert proof, f"generation {gen} did not try to prove {check}"
    assert proof["verdict"] == expected_proof(mode, gen, check)
    assert proof["mode"] == mode


@pytest.mark.modes(*PROVING)
def test_events_in_order(the_chain):
    expected = [wanted("boot", gen=0, via="multiboot2", by="grub")]
    for gen in range(1, GENERATIONS):
        expected += [
            wanted("kexec.load", gen=gen - 1, image="baton"),
            wanted("kexec.jump", gen=gen - 1, to=gen),
            wanted("boot", gen=gen, via="kexec", by="baton"),
        ]
    expected.append(wanted("end", gen=GENERATIONS - 1, verdict="pass"))
    the_chain.run.expect(*expected)


@pytest.mark.modes(*EXPECTED)
def test_nothing_is_unexpected(the_chain, mode):
    """How the machine ended, the verdict, the flash file: from one table."""
    assert the_chain.problems(mode) == []


@pytest.mark.modes(*EXPECTED)
def test_no_panic(the_chain):
    assert the_chain.run.all("panic") == []


# The second line is what test_open_code.py is about.
OF_A_BUILD = re.compile("efi: seed=|"
                        r"efi: memory attributes: \d+ pages of code are open")
KINDS = ("usable", "boot-services", "acpi", "nvs", "kept", "reserved",
         "runtime", "mmio", "in-use")


def text_of(expected, mode: str, gen: int):
    """Patterns of the lines that a generation writes for people."""
    yield rf"boot: generation {gen} of 3 at 0x\w+, command line: efi={mode} .*"
    for kind in KINDS:
        if gen == 0 or kind != "boot-services":
            yield rf"mm: +[1-9]\d* KiB {kind}"
    for old in range(gen):
        was = expected.first if old == 0 else expected.later
        shown = "none" if was == "refused" else mode
        yield (rf"boot: lineage: generation {old}  kernel at 0x\w+  "
               rf"efi={shown} +\d+\.\d+ s  SetVirtualAddressMap {was}")
    if (expected.later if gen else expected.first) == "refused":
        yield r"efi: refused: SetVirtualAddressMap was called in mode naive.*"
    else:
        yield r"efi: (\w.* )?EDK II, UEFI 2\.\d, 64-bit, \d+ configuration tables"
        yield rf"efi: mode {mode} \(.+\)"
    if gen < GENERATIONS - 1:
        yield rf"kexec: jumping to generation {gen + 1} at 0x\w+"
    elif expected.last == "shutdown":
        yield r"end: ResetSystem\(EfiResetShutdown\)"


@pytest.mark.modes(*EXPECTED)
def test_no_other_line_is_written_for_people(the_chain, mode):
    """A healthy run says nothing about guesses, losses or refusals."""
    lines = re.findall(r"^g\d \[ *\d+\.\d+\] ([^@].*)",
                       "\n".join(the_chain.run.lines), re.M)
    lines = [line for line in lines if not OF_A_BUILD.match(line)]
    wanted_lines = [pattern for gen in ALL
                    for pattern in text_of(EXPECTED[mode], mode, gen)]
    for line, pattern in zip_longest(lines, wanted_lines, fillvalue=""):
        assert re.fullmatch(pattern, line), f"{line!r} instead of {pattern!r}"


@pytest.mark.modes(*EXPECTED)
def test_no_call_was_aborted(the_chain):
    assert [event["state"] for event in the_chain.run.all("efi.mode")] == [
        "clean"] * GENERATIONS


@pytest.mark.modes(*PROVING)
def test_the_flash_file_holds_three(the_chain):
    assert the_chain.counted() == 3


@pytest.mark.modes(*PROVING)
def test_each_generation_reads_the_previous_count(the_chain):
    for gen in ALL:
        detail = the_chain.proof(gen, "variable")["detail"]
        found = f"the last kernel's {gen}" if gen else "not there yet"
        assert detail.startswith(f"{found}; wrote {gen + 1}: EFI_SUCCESS")


@pytest.mark.modes(*EXPECTED)
def test_the_firmware_is_moved_once(the_chain, mode):
    for gen in ALL:
        event = the_chain.run.one("efi.mode", gen=gen)
        want = EXPECTED[mode]
        assert event["svam"] == (want.later if gen else want.first)
        assert event["mode"] == mode


@pytest.mark.modes(*PROVING)
def test_the_firmware_does_not_move_again(the_chain):
    first = the_chain.regions(0)
    assert first
    for gen in ALL:
        assert the_chain.regions(gen) == first


@pytest.mark.modes("physical", "identity")
def test_virtual_is_physical(the_chain):
    assert all(region.va == region.pa for region in the_chain.regions(0))


@pytest.mark.modes(*EXPECTED)
def test_the_kernel_moves(the_chain):
    bases = [the_chain.base(gen) for gen in ALL]
    assert all(old != new for old, new in zip(bases, bases[1:]))


@pytest.mark.modes(*EXPECTED)
def test_the_firmware_follows_the_rules(the_chain, mode):
    """Each generation that calls it has counters without violations."""
    assert wrongs(the_chain.run) == []
    called = [gen for gen in ALL if expected_proof(mode, gen, "gate")]
    accounts = the_chain.run.all("efi.gate")
    assert [int(account["gen"]) for account in accounts] == called
    for account in accounts:
        assert account.number("calls") > 0
        assert [account.number(key) for key in
                ("violations", "faults", "recovered")] == [0, 0, 0]


@pytest.mark.modes(*PROVING)
def test_no_memory_is_lost_from_generation_to_generation(the_chain):
    """Generation 0 has GRUB's memory map; the others are equal."""
    free = [the_chain.run.one("mm", gen=gen, at="ready").number("free")
            for gen in ALL[1:]]
    assert len(set(free)) == 1, free


def test_the_rule_of_linux():
    """Known answers: the five regions of Debian 12's OVMF."""
    assert rule_of_linux([
        (0x1EAA0000, 258), (0x1F4EC000, 256), (0x1F5EC000, 256),
        (0x1FEF4000, 132), (0xFFC00000, 1024)]) == {
        0xFFC00000: 0xFFFFFFFEFFC00000,
        0x1FEF4000: 0xFFFFFFFEFFAF4000,
        0x1F5EC000: 0xFFFFFFFEFF9EC000,
        0x1F4EC000: 0xFFFFFFFEFF8EC000,
        0x1EAA0000: 0xFFFFFFFEFF6A0000,
    }


@pytest.mark.modes("fixed")
def test_fixed_is_the_rule_of_linux(the_chain):
    regions = the_chain.regions(0)
    assert {region.pa: region.va for region in regions} == rule_of_linux(
        [(region.pa, region.pages) for region in regions])


@pytest.mark.modes("naive")
def test_naive_is_refused_for_its_addresses(the_chain):
    for gen in range(1, GENERATIONS):
        refusal = the_chain.run.one("refused", gen=gen, what="efi")
        assert "virtual address" in refusal["why"]


@pytest.mark.modes("naive")
def test_naive_works_in_the_generation_that_chose_the_addresses(the_chain):
    assert the_chain.proof(0, "variable")["verdict"] == "pass"
    assert the_chain.counted() == 1
