"""Debian's Linux in a chain on 32-bit firmware.

Linux calls such firmware only if it calls SetVirtualAddressMap itself, and
neither hands it on by kexec_file_load nor takes it from another kernel. Baton
keeps what Linux does not.
"""

import re
import subprocess

import pytest

from harness import flash, paths
from harness.chain import CHECKS, expected_proof
from harness.events import wanted

WORDS = "console=ttyS0 nowatchdog tsc=reliable end=shutdown"
IA32 = {"firmware": "ia32", "bundle": paths.LINUX_BUNDLE}

slow = pytest.mark.slow


def regions(run, event: str, gen: int) -> list[tuple]:
    return [(e["pa"], e["va"], e["pages"]) for e in run.all(event, gen=gen)
            if e.number("attr") >> 63]


def passes(run, mode: str, gen: int, firmware: str = "ia32") -> None:
    proofs = {e["check"]: e["verdict"] for e in run.all("proof", gen=gen)}
    assert proofs == {check: expected_proof(mode, gen, check, firmware)
                      for check in CHECKS}


@pytest.mark.parametrize("options", [
    {}, pytest.param({"ram_mib": 256}, marks=slow),
    pytest.param({"ram_mib": 6144}, marks=slow),
    pytest.param({"cpu": "max"}, marks=slow)], ids=str)
def test_linux_takes_the_firmware_over(boot, options):
    """It maps it 1:1, writes the variable, and hands it on by kexec_load."""
    with boot(f"{WORDS} generations=3 efi=physical,inherit next=vmlinuz,baton "
              "linux=load", **options, **IA32) as machine:
        run = machine.finish()
    run.expect(wanted("efi.mode", gen=0, mode="physical", svam="never"),
               wanted("linux.boot", gen=1, runtime="on"),
               wanted("linux.count", gen=1, found="1", wrote="2", reads="2"),
               wanted("boot", gen=2, by="linux"),
               wanted("efi.mode", gen=2, mode="identity", svam="inherited"),
               wanted("end", gen=2, verdict="pass"))
    passes(run, "identity", 2)
    assert regions(run, "linux.region", 1) == regions(run, "efi.region", 0)
    assert regions(run, "efi.region", 2) == regions(run, "efi.region", 0)
    assert flash.generation(run.flash) == 3
    assert run.end.how == "guest-shutdown"


@slow
@pytest.mark.parametrize("options", [
    {"medium": "esp"}, {"medium": "stub"}], ids=str)
def test_linux_first(boot, options):
    """Started by the firmware itself, it maps all 1:1 as well; kexec may have
    put the bundle over the Memory Attributes Table."""
    with boot(f"{WORDS} generations=3 next=baton linux=load", **options,
              **IA32) as machine:
        run = machine.finish()
    run.expect(wanted("linux.boot", gen=0, runtime="on"),
               wanted("linux.count", gen=0, reads="1"),
               wanted("boot", gen=1, by="linux"),
               wanted("efi.mode", gen=1, mode="identity", svam="inherited"),
               wanted("efi.mode", gen=2, mode="identity", svam="inherited"),
               wanted("end", gen=2, verdict="pass"))
    for gen in (1, 2):
        assert regions(run, "efi.region", gen) == regions(
            run, "linux.region", 0)
        proofs = {e["check"]: e["verdict"] for e in run.all("proof", gen=gen)}
        assert proofs.pop("wx") in ("pass", "skip")
        assert set(proofs.values()) == {"pass"}
    assert flash.generation(run.flash) == 3


@slow
def test_linux_that_calls_it_refuses_the_other_system_call(boot):
    with boot(f"{WORDS} generations=3 efi=physical,inherit next=vmlinuz,baton "
              "linux=file", **IA32) as machine:
        run = machine.finish()
    run.expect(wanted("linux.boot", gen=1, runtime="on"),
               wanted("linux.failed", gen=1, what="kexec"))
    assert run.all("boot", gen=2) == []


@pytest.mark.parametrize("mode, way, options", [
    ("fixed", "file", {}),
    *[pytest.param(mode, way, {}, marks=slow)
      for mode in ("fixed", "identity", "contiguous", "table")
      for way in ("file", "load") if (mode, way) != ("fixed", "file")],
    pytest.param("fixed", "load", {"ram_mib": 6144}, marks=slow),
    pytest.param("table", "file", {"cpu": "max"}, marks=slow)], ids=str)
def test_what_linux_gives_up_is_taken_back(boot, mode, way, options):
    with boot(f"{WORDS} generations=3 efi={mode},inherit next=vmlinuz,baton "
              f"linux={way}", **options, **IA32) as machine:
        run = machine.finish()
    assert any("kexec: vmlinuz cannot call 32-bit firmware" in line
               for line in run.lines)
    run.expect(wanted("linux.boot", gen=1, runtime="off"),
               wanted("boot", gen=2, by="linux"),
               wanted("efi.mode", gen=2, mode=mode, svam="inherited"),
               wanted("end", gen=2, verdict="pass"))
    passes(run, mode, 2)
    assert regions(run, "efi.region", 2) == regions(run, "efi.region", 0)
    detail = run.one("proof", gen=2, check="variable")["detail"]
    assert detail.startswith("the last kernel's 1; wrote 2")
    assert flash.generation(run.flash) == 2


@slow
@pytest.mark.parametrize("mode", ["fixed", "contiguous"])
def test_so_is_64_bit_firmware_that_linux_does_not_use(boot, mode):
    with boot(f"{WORDS} noefi generations=3 efi={mode},inherit linux=file "
              "next=vmlinuz,baton", bundle=paths.LINUX_BUNDLE) as machine:
        run = machine.finish()
    run.expect(wanted("linux.boot", gen=1, runtime="off"),
               wanted("efi.mode", gen=2, mode=mode, svam="inherited"),
               wanted("end", gen=2, verdict="pass"))
    passes(run, mode, 2, "pflash")
    assert flash.generation(run.flash) == 2


@slow
@pytest.mark.parametrize("mode, counts", [
    ("physical", "123-4"), ("identity", "1-2-3"), ("fixed", "1-2-3"),
    ("contiguous", "1-2-3"), ("table", "1-2-3")])
@pytest.mark.usefixtures("linux_folder")
def test_the_relay(mode, counts):
    done = subprocess.run([paths.ROOT / "tools" / "relay", mode,
                           "--firmware=ia32"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    rows = done.stdout.splitlines()[1:-1]
    assert "".join(row.split()[-1] for row in rows) == counts
    given_up = [bool(re.search("gives it up +nowhere", row)) for row in rows]
    assert given_up == [count == "-" for count in counts]
