"""Other machines than the usual one: memory, processor, firmware."""

import re

import pytest

from harness.chain import CHECKS, Chain


def passes(run, generations: int) -> None:
    """Powered off by the firmware, all proofs held, all writes in the flash."""
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
    with boot("efi=fixed lives=2 end=shutdown", ram_mib=ram_mib,
              **more) as machine:
        run = machine.finish()
    passes(run, 2)
    assert ram_mib * 0.9 < run.one("boot", gen=0).number("ram_mib") <= ram_mib


def test_a_memory_full_of_holes(boot):
    """40 frames are not ours, each apart from the others: they stay so."""
    with boot("efi=fixed end=shutdown", holes=40) as machine:
        run = machine.finish()
    passes(run, 3)
    free = [event["free"] for event in run.all("mm", at="ready")[1:]]
    assert len(set(free)) == 1, free


def test_more_holes_than_can_be_handed_on(boot):
    """boot_params has room for 128 ranges (asm/bootparam.h)."""
    with boot("efi=fixed lives=2 end=exit", holes=100) as machine:
        run = machine.finish()
    assert "128 ranges" in run.one("refused", gen=0, what="kexec")["why"]
    run.one("end", gen=0, verdict="refused")


def test_a_processor_with_everything(boot):
    """SMEP, SMAP, 1 GiB pages: on where the CPU has them, and in no way."""
    with boot("efi=fixed lives=2 selftest=on end=shutdown",
              cpu="max") as machine:
        run = machine.finish()
    passes(run, 2)
    assert any(line.startswith("ok") and "smep_and_smap" in line
               for line in run.lines)


def test_firmware_that_lies(boot):
    """Why the flash file is looked at: this firmware loses every write, and
    from inside the machine nothing of it can be seen."""
    with boot("efi=fixed lives=2 end=shutdown", firmware="lying") as machine:
        run = machine.finish()
    run.one("end", gen=1, verdict="pass")
    assert Chain(run).counted() is None


def test_without_firmware_on_purpose(boot):
    with boot("efi=off lives=2 end=exit") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 39)
    run.one("end", gen=1, verdict="none")
    assert run.all("proof") == run.all("efi.call") == []


def test_the_kernel_tests_itself(boot):
    """KTAP, in every generation: the kernel that kexec made is as sound."""
    with boot("selftest=on lives=2 end=exit") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 33)
    plans = [line for line in run.lines if re.fullmatch(r"1\.\.\d+", line)]
    assert len(plans) == 2
    good = [line for line in run.lines if line.startswith("ok ")]
    assert len(good) == sum(int(plan[3:]) for plan in plans) > 0
    assert not [line for line in run.lines if line.startswith("not ok")]


def test_a_single_generation(boot):
    with boot("efi=identity lives=1 end=shutdown") as machine:
        run = machine.finish()
    passes(run, 1)
    assert run.all("kexec.load") == []
    assert {proof["check"] for proof in run.all("proof")} == set(CHECKS)
