"""A direct map with another base than in the previous kernel.

Linux has randomized its own since 2016. Only `direct` is affected: its addresses
are those of the direct map. That is why option 3 of 2013 was rejected.
"""

import pytest

from harness.chain import PROVING

BASE = 0xffff800000000000
LAST = 0xffffa00000000000
OTHER = 0xffff807fc0000000  # the next top-level entry begins 1 GiB above


def boot_with(boot, mode: str, words: str, **machine_options):
    with boot(f"efi={mode} generations=2 {words} end=exit",
              **machine_options) as machine:
        run = machine.finish()
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    return run


def bases(run) -> list[int]:
    return [event.number("direct") for event in run.all("space")]


@pytest.mark.parametrize("mode", PROVING)
def test_modes_that_survive_a_moved_direct_map(boot, mode):
    run = boot_with(boot, mode, f"direct_base={BASE:#x},{OTHER:#x}")
    assert bases(run) == [BASE, OTHER]
    assert run.all("refused", what="cmdline") == []
    if mode != "direct":
        run.one("end", gen=1, verdict="pass")
        return
    first = run.all("efi.region", gen=0)[0]
    why = run.one("refused", gen=1, what="efi")["why"]
    assert first["pa"] in why and first["va"] in why
    assert f"{OTHER + first.number('pa'):#x}" in why
    assert run.all("efi.call", gen=1) == []
    run.one("end", gen=1, verdict="refused")


def test_direct_survives_where_the_map_stays(boot):
    """Also if it extends into a second top-level entry: OVMF's flash is 3
    GiB above its memory."""
    run = boot_with(boot, "direct", f"direct_base={OTHER:#x} selftest=on")
    assert bases(run) == [OTHER, OTHER]
    va = {region.number("va") - region.number("pa")
          for region in run.all("efi.region")}
    assert va == {OTHER}
    run.one("end", gen=1, verdict="pass")


def test_inherited_addresses_that_are_in_the_way(boot):
    """The firmware's old addresses are now the direct map of other memory."""
    run = boot_with(boot, "direct",
                    f"direct_base={BASE + (2 << 30):#x},{BASE:#x}",
                    ram_mib=6144)
    region = run.all("efi.region", gen=0)[0]
    why = run.one("refused", gen=1, what="efi")["why"]
    assert f"was handed over at va {region['va']}" in why
    assert f"puts it at {region.number('pa') + BASE:#x}" in why
    run.one("end", gen=1, verdict="refused")


def test_random_differs_each_time_and_can_be_repeated(boot):
    runs = [boot_with(boot, "table", f"direct_base=random seed={seed}")
            for seed in (7, 7, 8)]
    first, again, other = map(bases, runs)
    assert first == again
    assert len({*first, *other}) >= 3
    assert all(base % (1 << 30) == 0 and base >= BASE
               for base in first + other)
    assert any("(seed=7)" in line for line in runs[0].lines)


@pytest.mark.parametrize("base", [BASE, BASE + (1 << 30), LAST - (1 << 30), LAST])
def test_a_possible_base(boot, base):
    with boot(f"efi=off generations=1 direct_base={base:#x} end=exit") as machine:
        run = machine.finish()
    assert run.all("refused") == []
    assert bases(run) == [base]


@pytest.mark.parametrize("word", [
    "0xffff7fffc0000000", "0xffffa00040000000", "0xffff800000001000",
    "anywhere",
])
def test_an_impossible_base(boot, word):
    with boot(f"generations=1 direct_base={word} end=exit") as machine:
        run = machine.finish()
    why = run.one("refused", gen=0, what="cmdline")["why"]
    assert f"direct_base={word}:" in why and f"{BASE:#x}" in why
    assert bases(run) == [BASE]
    run.one("end", gen=0, verdict="pass")
