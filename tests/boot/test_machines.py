"""Other machines than the usual one: memory, processor, firmware."""

import re

import pytest

from harness import ktap
from harness.chain import CHECKS, Chain
from harness.events import wanted
from harness.media import FRAME, HOLES_PA


def passes(run, generations: int) -> None:
    """Powered off by the firmware, all proofs passed, all writes in flash."""
    assert run.end.how == "guest-shutdown"
    run.one("end", gen=generations - 1, verdict="pass")
    assert run.all("proof", verdict="fail") == run.all("panic") == []
    assert Chain(run).counted() == generations


HUGE = {"medium": "disk", "patience": 600, "limit": 900}
SLOW = [pytest.mark.slow, pytest.mark.timeout(1000)]


@pytest.mark.parametrize("ram_mib, more", [
    (128, {}),
    (3 << 10, {}),  # a third of it is above 4 GiB, behind a hole
    pytest.param(64 << 10, HUGE, marks=SLOW),
    pytest.param(4 << 20, {"cpu": "max,phys-bits=46", **HUGE}, marks=SLOW),
], ids=["128M", "3G", "64G", "4T"])
def test_memory(boot, ram_mib, more):
    with boot("efi=fixed generations=2 end=shutdown", ram_mib=ram_mib,
              **more) as machine:
        run = machine.finish()
    passes(run, 2)
    assert ram_mib * 0.9 < run.one("boot", gen=0).number("ram_mib") <= ram_mib


@pytest.mark.parametrize("cpu, unit", [("", "2 MiB"), ("max", "1 GiB")])
def test_pages_are_as_large_as_the_processor_has_them(boot, cpu, unit):
    """The second gigabyte: the kernel is below, and the firmware above it."""
    with boot("efi=off generations=1", ram_mib=2560, cpu=cpu) as machine:
        direct = machine.wait_for("space").number("direct")
        walk = machine.ask(f"pt {direct + (1 << 30) + 0x5432:#x}").text
    assert f"  {unit} at 0x40000000, writable, no execute" in walk


def test_a_memory_full_of_holes(boot):
    """40 separate frames are not available: this is handed on."""
    with boot("efi=fixed end=shutdown", holes=40) as machine:
        run = machine.finish()
    passes(run, 3)
    free = [event["free"] for event in run.all("mm", at="ready")[1:]]
    assert len(set(free)) == 1, free


def memory_map(machine) -> list[tuple[int, int, str]]:
    """The kernel's memory map: ranges from, to, and their kinds."""
    return [(int(start, 16), int(end, 16), kind) for start, end, kind in
            re.findall(r"(0x\w+) - (0x\w+) .*  (\S+)$",
                       machine.ask("memory").text, re.MULTILINE)]


def kind_at(ranges, pa: int) -> str:
    return next((kind for start, end, kind in ranges if start <= pa < end),
                "hole")


def test_memory_with_many_holes(boot):
    """Each kernel hands all ranges to the next one."""
    with boot("efi=fixed generations=3", holes=100) as machine:
        ranges = memory_map(machine)
        run = machine.run
    free = [run.one("mm", at="ready", gen=gen)["free"] for gen in (1, 2)]
    assert len(set(free)) == 1
    assert len(ranges) > 200
    assert all(kind_at(ranges, HOLES_PA + 2 * i * FRAME) == "reserved" and
               kind_at(ranges, HOLES_PA + (2 * i + 1) * FRAME) == "usable"
               for i in range(100))
    assert run.all("refused") == []
    run.one("end", gen=2, verdict="pass")


def test_more_holes_than_the_kernel_can_list(boot):
    """GRUB's map has 600 ranges, and so has the firmware's, since GRUB
    allocated the frames from it."""
    with boot("efi=fixed generations=1", holes=300) as machine:
        ranges = memory_map(machine)
        run = machine.run
    assert "than 448 ranges" in run.one("refused", what="memory")["why"]
    assert "EFI memory map of" in run.one("refused", what="handoff")["why"]
    run.one("end", gen=0, verdict="refused")
    kinds = [kind_at(ranges, HOLES_PA + 2 * i * FRAME) for i in range(300)]
    assert set(kinds) == {"reserved", "lost"}


def test_a_firmware_whose_map_is_long(boot):
    """250 pages of its boot-services data are scattered in free memory."""
    with boot("efi=fixed generations=1", sin="map-long") as machine:
        ranges = memory_map(machine)
        run = machine.run
    why = run.one("refused", what="memory")["why"]
    lost = sum(end - start for start, end, kind in ranges if kind == "lost")
    assert lost and f"{lost:#x} bytes" in why
    top = max(start for start, end, kind in ranges
              if kind == "boot-services" and end - start == FRAME)
    kinds = [kind_at(ranges, top - 2 * i * FRAME) for i in range(250)]
    assert set(kinds) == {"boot-services", "lost"}
    # Enough is left, and the firmware is called as usual.
    assert run.all("proof", verdict="fail") == []
    run.one("end", gen=0, verdict="pass")


def test_a_firmware_whose_map_is_too_long(boot):
    with boot("efi=fixed generations=2 end=exit",
              sin="map-too-long") as machine:
        run = machine.finish()
    why = run.one("refused", gen=0, what="handoff")["why"]
    assert "the limit is 32768" in why
    assert run.all("efi.mode") == run.all("efi.call") == []
    run.expect(wanted("kexec.jump", gen=0), wanted("end", gen=1))


def test_a_processor_with_everything(boot):
    """SMEP, SMAP, 1 GiB pages: enabled if the CPU has them, without problems."""
    with boot("efi=fixed generations=2 selftest=on end=shutdown",
              cpu="max") as machine:
        run = machine.finish()
    passes(run, 2)
    assert any(line.startswith("ok") and "smep_and_smap" in line
               for line in run.lines)


def test_firmware_that_loses_writes(boot):
    """Why the flash file is checked: this firmware loses every write, and
    this cannot be detected inside the machine."""
    with boot("efi=fixed generations=2 end=shutdown",
              firmware="lying") as machine:
        run = machine.finish()
    run.one("end", gen=1, verdict="pass")
    assert Chain(run).counted() is None


def test_without_firmware_on_purpose(boot):
    with boot("efi=off generations=2 end=exit") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 39)
    run.one("end", gen=1, verdict="none")
    assert run.all("proof") == run.all("efi.call") == []


def test_the_kernel_tests_itself(boot):
    """KTAP, in every generation: also in kernels started by kexec."""
    with boot("selftest=on generations=2 end=exit") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 33)
    reports = ktap.reports(run.lines)
    assert len(reports) == 2
    assert all(report.results for report in reports)
    assert all(result.ok for report in reports for result in report.results)


def test_a_single_generation(boot):
    with boot("efi=identity generations=1 end=shutdown") as machine:
        run = machine.finish()
    passes(run, 1)
    assert run.all("kexec.load") == []
    assert {proof["check"] for proof in run.all("proof")} == set(CHECKS)
