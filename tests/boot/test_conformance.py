"""The same questions to the firmware in every mode and generation.

The answers are in docs/conformance.md, which is held against them. None may
depend on how the firmware is mapped, and none on who called it before.
"""

import pytest

from boot.test_gate import call_under_way
from harness import paths, vectors
from harness.chain import translate
from harness.rsp import symbol

MODES = ("physical", "identity", "fixed", "contiguous", "direct", "table")
DOCUMENT = paths.ROOT / "docs" / "conformance.md"
DIFFERENT = {"SetTime Year=1970", "SetTime Year=2099",
             "QueryVariableInfo reserved attribute"}


def ask(boot, cmdline: str, **machine) -> list[vectors.Point]:
    line = f'{cmdline} end=exit run="{vectors.COMMAND}"'
    with boot(line, **machine) as there:
        run = there.finish()
    run.one("monitor.command", status="ok")
    return vectors.points(run.lines)


def documented(firmware: str) -> dict[str, str]:
    """Vector -> answer, from its column of the document's table."""
    rows = [[cell.strip() for cell in line.replace(r"\|", "\0").split("|")[1:-1]]
            for line in DOCUMENT.read_text().splitlines()
            if line.startswith("| ")]
    at = rows[0].index(vectors.COLUMNS[firmware])
    return {row[0].replace("\0", "|"): row[at] for row in rows[2:]}


@pytest.mark.parametrize("generations", [
    pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("mode", MODES)
def test_the_same_answers_everywhere(boot, mode, generations):
    found = ask(boot, f"efi={mode} lives={generations}")
    assert {p.name: p.answer for p in found} == documented("pflash")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["physical", "fixed"])
@pytest.mark.parametrize("firmware", [*vectors.COLUMNS][1:])
def test_other_firmware(boot, firmware, mode):
    found = ask(boot, f"efi={mode} lives=1", firmware=firmware)
    assert {p.name: p.answer for p in found} == documented(firmware)


def test_naive_has_one_generation(boot):
    found = ask(boot, "efi=naive lives=1")
    assert {p.name: p.answer for p in found} == documented("pflash")
    with boot("efi=naive lives=2") as machine:
        answer = machine.ask(vectors.COMMAND)
    assert answer.status == "unsupported"
    assert "does not call the firmware: SVAM refused" in answer.text


def test_differences_are_known(boot):
    """And the faults of bad pointers are all that there are."""
    found = ask(boot, "lives=1", firmware="bios")
    assert {p.name for p in found if not p.ok} == DIFFERENT
    assert {p.name for p in found if p.status == "EFI_ABORTED"} == {
        p.name for p in found if p.note == "a fault, contained"}
    assert all(p.who == "nobody" for p in found if p.status == "EFI_ABORTED")
    assert sum(p.skipped for p in found) == 0


def test_nothing_is_left_in_the_store(boot):
    with boot("lives=1") as machine:
        before = machine.ask("efi vars").lines
        machine.ask(vectors.COMMAND)
        after = machine.ask("efi vars").lines
    assert after == before


def test_a_wrong_answer_is_seen(boot):
    """GetTime is changed: it says EFI_SUCCESS, whatever it is asked."""
    line = f'lives=1 end=exit run="{vectors.COMMAND}"'
    with boot(line, paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "efi_call"))
            _, function = call_under_way(debugger)
            machine.wait_for("end")
            at = translate(machine.run, function, "va", "pa")
            debugger.physical()
            debugger.write(at, bytes.fromhex("31c0 c3"))  # xor eax, eax; ret
            debugger.detach()
        run = machine.finish()
    wrong = {p.name for p in vectors.points(run.lines) if not p.ok}
    assert wrong - DIFFERENT == {"GetTime Time=NULL",
                                 "GetTime Time is no address"}
