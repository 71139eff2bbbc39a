"""Firmware with 32-bit words, called by the 64-bit kernel.

Each mode over three generations is a row of test_firmwares.py, the cost of a
call one of test_bench.py. Here is what else must hold of this width.
"""

import struct

import pytest

from harness import paths, vectors
from harness.chain import CHECKS, Chain, expected_proof
from harness.events import wanted
from harness.rsp import symbol

IA32 = {"firmware": "ia32"}
DESCRIPTOR = 48, 1  # bytes and version, behind word_bytes in struct boot_efi

slow = pytest.mark.slow


def passes(run, mode: str, generations: int) -> None:
    assert run.all("panic") == run.all("efi.violation") == []
    for gen in range(generations):
        proofs = {e["check"]: e["verdict"] for e in run.all("proof", gen=gen)}
        assert proofs == {check: expected_proof(mode, gen, check, "ia32")
                          for check in CHECKS}


@pytest.mark.parametrize("firmware, said, reason", [
    ("ia32", 8, "header of 72 bytes; must be 120"),
    ("smm", 4, "RuntimeServices is 0, which is not in any runtime region")])
def test_the_other_signature_is_refused(boot, firmware, said, reason):
    """A handoff that is whole, by a kernel that is wrong about the width."""
    with boot("efi=identity generations=2 end=exit", firmware=firmware,
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "efi_open"))
            boot_va = debugger.register("rdi")
            found = struct.pack("<III", 12 - said, *DESCRIPTOR)
            at = debugger.read(boot_va, 0x10000).index(found)
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_load"))
            debugger.write(boot_va + at, struct.pack("<I", said))
            debugger.detach()
        run = machine.finish()
    assert reason in run.one("refused", gen=1, what="efi")["why"]
    assert run.all("efi.call", gen=1) == run.all("panic") == []
    run.one("end", gen=1, verdict="refused")


@pytest.mark.parametrize("mode, options", [
    pytest.param("table", {"ram_mib": 128}, marks=slow),
    pytest.param("fixed", {"ram_mib": 8192}, marks=slow),
    pytest.param("physical", {"ram_mib": 8192}, marks=slow)])
def test_memory(boot, mode, options):
    """The kernels stay where the firmware can reach them."""
    with boot(f"efi={mode} generations=3 end=exit", **options, **IA32,
              ) as machine:
        run = machine.finish()
    passes(run, mode, 3)
    assert all(Chain(run).base(gen) < 1 << 32 for gen in range(3))


@pytest.mark.parametrize("mode, levels", [
    ("fixed", "on,off"), pytest.param("physical", "off,on,off", marks=slow),
    pytest.param("table", "on,off,on", marks=slow)])
def test_five_levels(boot, mode, levels):
    count = levels.count(",") + 1
    with boot(f"efi={mode} la57={levels} generations={count} end=exit",
              cpu="max", **IA32) as machine:
        run = machine.finish()
    passes(run, mode, count)
    assert [e["paging"] for e in run.all("space")] == [
        {"on": "5", "off": "4"}[word] for word in levels.split(",")]


@slow
def test_a_thousand_generations(boot):
    with boot("efi=fixed generations=1000 proofs=few end=exit", **IA32,
              ) as machine:
        run = machine.finish()
    run.one("end", gen=999, verdict="pass")
    assert run.all("efi.violation") == run.all("panic") == []


def points(boot, firmware: str) -> dict[str, str]:
    with boot(f'efi=fixed generations=1 end=exit run="{vectors.COMMAND}"',
              firmware=firmware) as machine:
        run = machine.finish()
    run.one("monitor.command", line=vectors.COMMAND, status="ok")
    return {p.name: p.answer for p in vectors.points(run.lines)}


# What a build without signed variables answers otherwise, as Ubuntu's 32-bit
# one without SMM does.
SIGNED = {"QueryVariableInfo TIME_BASED", "SetVariable AUTHENTICATED_WRITE",
          "SetVariable TIME_BASED, not signed"}


def test_the_vectors_are_those_of_64_bits(boot):
    wide, narrow = points(boot, "smm"), points(boot, "ia32")
    different = {name for name in wide if wide[name] != narrow[name]}
    unsigned = narrow["QueryVariableInfo TIME_BASED"] == "UNSUPPORTED"
    assert set(wide) == set(narrow)
    assert different == (SIGNED if unsigned else set())


def test_which_pages_a_service_touches(boot):
    with boot("efi=fixed efi.touch=on generations=1 end=exit", **IA32,
              ) as machine:
        run = machine.finish()
    run.expect(wanted("efi.touch", gen=0, svc="GetTime"))
    assert run.all("efi.touch.outside") == run.all("efi.fault") == []
    passes(run, "fixed", 1)
