"""The gate's budget in instructions, which are the same on every host.

No test measures seconds. The method is in tests/harness/stopwatch.py.
"""

import re
import runpy
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from harness import paths, qemu, saved
from harness.stopwatch import SERVICES, Stopwatch, budget, symbols
from harness.tables import renew_tables

TOOLS = paths.ROOT / "tools"


def measured(boot, mode: str, firmware: str = "pflash") -> dict:
    with boot(f"efi={mode} generations=2 end=exit", paused=True,
              firmware=firmware) as machine:
        with machine.debugger() as debugger:
            calls = dict(Stopwatch(debugger).services())
            debugger.detach()
        run = machine.finish()
    assert run.one("end", gen=1)["verdict"] == "pass"  # without side effects
    return calls


@pytest.mark.parametrize("firmware", ["pflash", "ia32"])
@pytest.mark.parametrize("mode", ["fixed", "physical"])
def test_the_gate_is_cheap(boot, mode, firmware):
    calls, limit = measured(boot, mode, firmware), budget(mode, firmware)
    assert set(calls) == set(SERVICES)
    dear = {name: call.gate for name, call in calls.items()
            if call.gate > limit}
    code = saved.digest(qemu.code_of(firmware))
    assert not dear, (f"more than {limit} instructions: {dear}; kernel by "
                      f"{compiler()}, firmware {code}")


# What a cell may add to a call, an interrupt, and an emulated instruction.
CELL = {"table": 40, "user": 420}
INTERRUPT, EMULATED = 60, 1500


def test_a_cell_is_cheap():
    tool = runpy.run_path(str(TOOLS / "bench"))
    calls = {by: tool["wholes"]("fixed", by) for by in ("off", *CELL)}
    for by, limit in CELL.items():
        added = {name: calls[by][name] - calls["off"][name]
                 for name in ("ConvertPointer", "GetVariable")}
        assert len(set(added.values())) == 1, "it depends on the service"
        assert 0 < max(added.values()) <= limit, f"{added}; {compiler()}"
    off, user = tool["interrupt"]("off"), tool["interrupt"]("user")
    assert 0 < user - off <= INTERRUPT
    assert 1 < tool["instruction"](b"", b"\xfa") <= EMULATED


# The budget of a kexec. For each 64 bytes of the image: the minimum for any
# compiler (kexec/digest/sha256.c), and a quarter more for the difference between
# compilers (GCC 11 to 16: 2,790 to 2,910; clang 14 to 21: 3,050 to 3,090), which
# is exceeded if the digest is computed twice. And the budget of the rest.
DIGEST, REST = 2_576 * 5 // 4, 900_000


def test_a_kexec_is_cheap():
    """The digest is computed once, and everything else is cheap. The path to
    the next kernel's first line is counted too."""
    tool = runpy.run_path(str(TOOLS / "bench"))
    parts = dict(tool["parts"](256, "")["kexec"])
    digest, size = parts.pop("digest"), paths.KERNEL.stat().st_size
    block = digest / (size / 64)
    assert block < DIGEST, f"{block:.0f} a block; kernel by {compiler()}"
    assert sum(parts.values()) < REST, f"{parts}; kernel by {compiler()}"


def compiler() -> str:
    """The compiler of the kernel."""
    with open(paths.SYMBOLS, "rb") as file:
        units = ELFFile(file).get_dwarf_info().iter_CUs()
        makers = [unit.get_top_DIE().attributes["DW_AT_producer"].value
                  for unit in units]
    return next(maker.decode().partition(" -")[0] for maker in makers
                if b"NASM" not in maker)


def test_the_compiler_is_known():
    assert re.match(r"(GNU C|.*clang).* \d+\.\d+", compiler())


def test_the_stopwatch_is_exact(boot):
    """Another machine gives the same numbers."""
    calls = [measured(boot, "fixed")["GetTime"] for _ in range(2)]
    assert calls[0] == calls[1]


def test_coverage_knows_lines():
    tool = runpy.run_path(str(TOOLS / "coverage"))
    kernel = tool["Kernel"](paths.SYMBOLS)
    begin = symbols()["gate_enter"]
    lines = kernel.lines({begin})
    ran = {(name, line) for name, counts in lines.items()
           for line, count in counts.items() if count}
    (name, line), = ran
    text = (paths.ROOT / name).read_text().splitlines()
    assert name == "efi/gate.asm" and "gate_current" in text[line - 1]


def test_coverage_knows_the_lines_of_inlined_calls():
    """They have no instruction of their own."""
    tool = runpy.run_path(str(TOOLS / "coverage"))
    known = tool["Kernel"](paths.SYMBOLS).lines(set())["kernel/serial.c"]
    text = (paths.ROOT / "kernel/serial.c").read_text().splitlines()
    calls = {number for number, line in enumerate(text, 1)
             if "out8(SERIAL_PORT" in line}
    assert len(calls) > 5 and calls <= set(known)


def test_a_report_updates_the_tables_of_a_document():
    tool = runpy.run_path(str(TOOLS / "bench_report.py"))
    old, other, new = ([["GetTime", n]] for n in (1, 2, 3))
    mine, yours = ["service", "fixed"], ["service", "naive"]
    table, text = tool["table"], "{}\n\ntext\n\n{}\n"
    document = text.format(table(mine, old), table(yours, other))
    report = table(mine, new) + "\n"
    assert (renew_tables(document, report)
            == text.format(table(mine, new), table(yours, other)))
    with pytest.raises(LookupError, match="direct"):
        renew_tables(document, table(["service", "direct"], new) + "\n")


@pytest.mark.parametrize("tool", ["bench", "coverage"])
def test_the_tools_explain_themselves(tool):
    assert subprocess.check_output([TOOLS / tool, "--help"], text=True)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("ram_mib, cpu", [
    pytest.param(64 << 10, "", id="64G-in-2-MiB-pages"),
    pytest.param(4 << 20, "max,phys-bits=46", id="4T-in-1-GiB-pages"),
])
def test_a_boot_costs_the_same_with_much_memory(ram_mib, cpu):
    """Within 5 %, from the first line in C to the proofs."""
    tool = runpy.run_path(str(TOOLS / "bench"))
    little, much = (tool["parts"](*machine)["boot"] for machine in
                    [(256, cpu.partition(",")[0]), (ram_mib, cpu)])
    ratio = sum(n for _, n in much) / sum(n for _, n in little)
    assert 0.95 < ratio < 1.05
