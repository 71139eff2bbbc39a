"""The power is cut at any instant, and the machine is booted again
(docs/powercut.md)."""

from dataclasses import replace

import pytest

from harness import aftermath, flash, paths, powercut
from harness.events import wanted

ALL = 500
QUICK = {"write": 10, "crash": 8, "kexec": 7}
BOOTS = 2  # of a quick scenario: each takes seconds


def wrong(stage: powercut.Stage, cuts: list[powercut.Cut]) -> list[str]:
    return [f"tools/powercut {stage.name} {stage.firmware} {cut.at}: {problem}"
            for cut in cuts for problem in aftermath.problems(stage, cut)]


@pytest.mark.xdist_group("powercut")
@pytest.mark.parametrize("name, number", QUICK.items())
def test_a_few_instants(name, number):
    """All are cut; of those that differ some are booted."""
    stage = powercut.Stage(name, "pflash")
    cuts = stage.cut(stage.instants(number, powercut.SEED))
    assert len(cuts) == number
    different = list({cut.flash: cut for cut in cuts}.values())
    step = -(-len(different) // BOOTS)
    assert wrong(stage, different[step - 1 :: step]) == []


@pytest.mark.xdist_group("powercut")
def test_an_incomplete_crash_record_is_named():
    stage = powercut.Stage("crash", "pflash")
    whole = aftermath.parts_of(flash.alive(stage.reference.flash))
    cut, kept = next(
        (cut, kept) for cut in stage.cut(stage.instants(8, powercut.SEED))
        if 0 < len(kept := aftermath.parts_of(flash.alive(cut.flash)))
        < len(whole))
    lost = sorted(name.split("-")[2] for name in whole.keys() - kept.keys())
    run = stage.again(cut.flash)
    run.one("crash.incomplete", of=len(whole), missing=" ".join(lost))
    assert any(f"this record is incomplete: of its {len(whole)} parts, "
               f"{' '.join(lost)} cannot be read" in line for line in run.lines)


@pytest.mark.slow
@pytest.mark.parametrize("name, firmware", powercut.plan(
    ALL, list(powercut.SCENARIOS), list(powercut.FIRMWARES)))
@pytest.mark.timeout(3600)
def test_many_instants(name, firmware):
    number = powercut.plan(ALL, list(powercut.SCENARIOS),
                           list(powercut.FIRMWARES))[name, firmware]
    stage = powercut.Stage(name, firmware)
    cuts = stage.cut(stage.instants(number, powercut.SEED))
    assert len(cuts) == number
    assert wrong(stage, cuts) == []


@pytest.mark.slow
@pytest.mark.parametrize("name, firmware", [
    ("crash", "pflash"), ("write", "smm"), ("compact", "pflash")])
def test_linux_lists_the_same_variables(boot, name, firmware):
    """Debian's, of the first flash in which the cut left something unfinished."""
    stage = powercut.Stage(name, firmware)
    cut = next(cut for cut in stage.cut(stage.instants(8, powercut.SEED))
               if aftermath.condition(cut.flash) != "complete")
    with boot("console=ttyS0 nowatchdog tsc=reliable", medium="stub",
              firmware=firmware, bundle=paths.LINUX_BUNDLE,
              flash=cut.flash) as machine:
        run = machine.finish()
    run.expect(wanted("linux.boot", runtime="on"), wanted("linux.end"))
    assert aftermath.listed_by_linux(run) == \
        aftermath.listed(stage.again(cut.flash)) != set()


def test_the_number_of_instants():
    shares = powercut.plan(ALL, list(powercut.SCENARIOS),
                           list(powercut.FIRMWARES))
    assert len(shares) == 12 and sum(shares.values()) == ALL


@pytest.mark.xdist_group("powercut")
def test_a_copy_is_what_a_kill_leaves():
    """The plugin copies the files at each instant but the last."""
    stage = powercut.Stage("write", "pflash")
    instants = stage.instants(10, powercut.SEED)
    for copied in stage.cut(instants)[1::4]:
        killed, = stage.cut([copied.at])
        assert killed == copied


@pytest.mark.xdist_group("powercut")
def test_a_cut_between_any_two_commands():
    """Before and after a command to the flash, it is another flash file."""
    stage = powercut.Stage("write", "pflash")
    assert len(stage.notes.writes) > 1000
    at = [number for number in stage.notes.writes if number > 1][200:240]
    cuts = stage.cut(sorted({near for n in at for near in (n, n + 1)}))
    assert len({cut.flash for cut in cuts}) > 10


@pytest.mark.xdist_group("powercut")
def test_what_is_lost_is_found():
    """The flash of the start, after all that the machine had reported; and with
    a value that nothing wrote."""
    stage = powercut.Stage("write", "pflash")
    late = replace(stage.reference, flash=stage.start)
    assert [text.split()[0] for text in aftermath.problems(stage, late)] == [
        "Hello", "World", "BatonGeneration"]
    other = replace(stage.reference, flash=stage.reference.flash.replace(
        b"World-3", b"World-9"))
    assert other.flash != stage.reference.flash
    problem, = aftermath.problems(stage, other)
    assert problem.startswith("World is b'World-9', not in")
