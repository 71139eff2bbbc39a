"""efi.touch=on: the pages that each service used, by accessed and dirty bits.

The firmware does the same in each mode, so the bits are the same; and some
effects are known: reading a variable writes nothing, and a written one is in
flash.
"""

import pytest

FLASH = 0xffc00000


def touched(boot, mode: str, more: str = "", **options):
    with boot(f"efi={mode} generations=2 end=exit efi.touch=on {more}",
              **options) as machine:
        run = machine.finish()
    assert run.all("panic") == []
    return run


def notes(run, gen: int, but=("SetVirtualAddressMap",)) -> list[str]:
    """The report of one generation, as in the log."""
    return [str(event) for name in ("efi.touch", "efi.touch.stack")
            for event in run.all(name, gen=gen) if event["svc"] not in but]


def pages(run, gen: int) -> list[str]:
    return [note for note in notes(run, gen) if note.startswith("@efi.touch ")]


def sums(run, service: str) -> dict[str, int]:
    regions = run.all("efi.touch", gen=0, svc=service)
    return {kind: sum(region.number(kind) for region in regions)
            for kind in ("read", "executed", "written")}


@pytest.fixture
def fixed(boot):
    return touched(boot, "fixed")


def test_what_is_known_of_services(fixed):
    for service in ("GetTime", "GetVariable", "GetNextVariableName"):
        assert sums(fixed, service)["executed"] > 0
        assert sums(fixed, service)["written"] == 0
    assert sums(fixed, "GetVariable")["read"] > sums(fixed, "GetTime")["read"]
    flash = fixed.one("efi.touch", gen=0, svc="SetVariable", pa=f"{FLASH:#x}")
    assert flash["type"] == "MMIO" and flash.number("written") >= 1
    assert sums(fixed, "SetVirtualAddressMap")["written"] > 0  # relocation
    assert fixed.one("end")["verdict"] == "pass"


def test_the_stack_of_a_call_is_its_own(fixed):
    """What a deeper call before it has used does not count."""
    used = {event["svc"]: event.number("bytes")
            for event in fixed.all("efi.touch.stack", gen=1)}
    assert used["UpdateCapsule"] < used["GetTime"] < used["SetVariable"]


def test_regions_of_which_no_page_was_used_are_not_listed(fixed):
    used = [event.number("read") + event.number("executed")
            for event in fixed.all("efi.touch")]
    assert min(used) == 1


def test_a_drawing_has_as_many_letters_as_pages_were_used(fixed):
    lines = fixed.lines
    start = next(i for i, line in enumerate(lines)
                 if line.startswith("@efi.touch gen=0 svc=GetVariable "))
    event = fixed.all("efi.touch", gen=0, svc="GetVariable")[0]
    drawn = ""
    for line in lines[start + 1:]:
        if "efi:   " not in line:
            break
        drawn += line.split()[-1]
    assert drawn.count("r") == event.number("read")
    assert drawn.count("x") == event.number("executed")


def test_every_mode_touches_the_same_pages(boot, fixed):
    physical = touched(boot, "physical")
    assert notes(physical, 1) == notes(fixed, 1) != []


@pytest.mark.parametrize("by, mode", [
    ("table", "physical"), ("user", "fixed"),
    *[pytest.param(by, mode, marks=pytest.mark.slow) for by, mode in (
        ("table", "fixed"), ("user", "physical"), ("user", "direct"))]])
def test_a_cell_touches_the_same_pages(boot, fixed, by, mode):
    """Its page table is another one, with bits of its own. (The way back is on
    the stack as well, so that may be deeper.)"""
    isolated = touched(boot, mode, f"efi.isolate={by}")
    for gen in (0, 1):
        assert pages(isolated, gen) == pages(fixed, gen) != []


def test_a_page_that_is_not_its_own_is_named(boot):
    run = touched(boot, "physical", "efi.fault=retry",
                  sin="write-boot-services")
    outside = run.all("efi.touch.outside", gen=0, svc="GetTime")
    fault = run.one("efi.fault", gen=0, svc="GetTime", action="mapped")
    assert [e["pa"] for e in outside] == [f"{fault.number('va') & ~0xfff:#x}"]
    assert {e["access"] for e in outside} == {"write"}


def test_nothing_is_recorded_by_default(the_chain_without_notes):
    assert the_chain_without_notes.run.all("efi.touch") == []


@pytest.fixture
def the_chain_without_notes(chain_of):
    return chain_of("fixed")


def test_nothing_was_recorded_to_be_shown(boot):
    with boot("efi=fixed generations=1") as machine:
        answer = machine.ask("efi touch")
    assert answer.status == "unsupported"
    assert "efi.touch=on" in answer.text
