"""Every change of mode from one generation to the next.

SetVirtualAddressMap works once, so there are three kinds of changes: from
`physical` to any mode, because it was not called yet; to the same mode; and
all others, which are refused with a reason, by a kernel that continues.
"""

import itertools

import pytest

from harness.chain import EXPECTED, FIRMWARES, PROVING, wrongs

STEPS = list(itertools.product(EXPECTED, EXPECTED))


def is_free(first: str, firmware: str) -> bool:
    """Is the choice left to generation 1? SetVirtualAddressMap was not called."""
    return first == "physical" or first in FIRMWARES[firmware].beyond


def verdict(first: str, second: str, firmware: str) -> str:
    """The result of generation 1 with the inherited firmware."""
    has = FIRMWARES[firmware]
    if is_free(first, firmware) and second == "physical":
        return "never"
    if is_free(first, firmware):
        return ("called" if has.svam_stays and second not in has.beyond
                else "refused")
    return "inherited" if first == second in PROVING else "refused"


def reason(first: str, second: str, firmware: str) -> str:
    """A part of what a refusal says."""
    if not is_free(first, firmware):
        return "virtual address" if first == "naive" else "once"
    return ("no addresses from" if second in FIRMWARES[firmware].beyond
            else "in generation 0 alone")


def cases():
    """All of them; of those that are refused, one for each first
    mode is fast: from it to the next in the list."""
    modes = list(EXPECTED)
    for firmware, (first, second) in itertools.product(FIRMWARES, STEPS):
        quick = firmware == "pflash" and (
            verdict(first, second, firmware) != "refused"
            or second == modes[(modes.index(first) + 1) % len(modes)])
        yield pytest.param(firmware, first, second,
                           marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize("firmware, first, second", cases())
def test_step(boot, firmware, first, second):
    with boot(f"generations=2 efi={first},{second} end=exit",
              firmware=firmware) as machine:
        run = machine.finish()
    expected = verdict(first, second, firmware)
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert wrongs(run) == []
    run.one("end", gen=1,
            verdict="refused" if expected == "refused" else "pass")
    run.one("efi.mode", gen=1, mode=second, svam=expected)
    if expected == "refused":
        assert reason(first, second, firmware) in run.one(
            "refused", gen=1, what="efi")["why"]
        assert run.all("efi.call", gen=1) == []


def test_a_longer_chain(boot):
    """Physical for any number of generations, then one mode for the rest."""
    with boot("generations=5 efi=physical*2,table end=shutdown") as machine:
        run = machine.finish()
    assert [(e["mode"], e["svam"]) for e in run.all("efi.mode")] == [
        ("physical", "never"), ("physical", "never"), ("table", "called"),
        ("table", "inherited"), ("table", "inherited")]
    run.one("end", gen=4, verdict="pass")
    assert run.end.how == "guest-shutdown"


def test_an_unknown_kernel(boot):
    """The next one is not in the bundle."""
    with boot("generations=2 efi=fixed next=wishful end=exit") as machine:
        run = machine.finish()
    assert "wishful" in run.one("refused", gen=0, what="image")["why"]
    run.one("end", gen=0, verdict="refused")


@pytest.mark.parametrize("mode", PROVING)
def test_inherit_is_the_mode_that_is_there(boot, mode):
    with boot(f"generations=2 efi={mode},inherit end=exit") as machine:
        run = machine.finish()
    assert run.one("efi.mode", gen=1)["mode"] == mode
    run.one("end", gen=1, verdict="pass")


def test_inherit_where_there_is_none_is_fixed(boot):
    with boot("generations=2 efi=off,inherit end=exit") as machine:
        run = machine.finish()
    run.one("efi.mode", gen=1, mode="fixed", svam="called")
    run.one("end", gen=1, verdict="pass")


def test_an_invalid_generation_number(boot):
    with boot("generations=4 efi=fixed*2,physical*two end=exit") as machine:
        run = machine.finish()
    assert "physical*two" in run.one("refused", gen=0, what="cmdline")["why"]
