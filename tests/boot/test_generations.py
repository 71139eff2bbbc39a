"""Many generations in one boot: nothing grows, nothing is lost.

The state after each is compared with that after the first: the free frames,
the handoff, the space in the firmware's store, which only a reset
recovers. So the kernel writes in ten generations of a long chain, not in all.
"""

import re
import sys

import pytest

from harness import flash, paths
from harness.chain import CHECKS, Chain

WRITES = 10
LINEAGE = 8  # kernel/chain/lineage.h
LONG = 45 * 60  # seconds, for a machine without a debugger


def live(machine, generations: int, terminal):
    """Continue to the end, and report the progress."""
    for event in machine.events():
        if (event.name != "boot" or event.number("gen") % 100
                or generations < 100):
            continue
        with terminal.global_and_fixture_disabled():
            print(f"\n{machine.run.home.name}: generation {event['gen']}",
                  file=sys.stderr, flush=True)
    return machine.run


def same_in_all(run, name: str, key: str, first: int, **fields) -> None:
    """That value, from generation `first` on."""
    values = {e[key] for e in run.all(name, **fields)[first:]}
    assert len(values) == 1, f"@{name} {key} {fields}: {sorted(values)}"


def nothing_grows(run, generations: int) -> None:
    assert run.end.how == "guest-shutdown"
    run.one("end", gen=generations - 1, verdict="pass")
    assert run.all("proof", verdict="fail") == run.all("panic") == []
    writing = {"variable", "space", "services"}  # but in the ten that write
    for check in CHECKS:
        due = WRITES if check in writing else generations
        passed = len(run.all("proof", check=check, verdict="pass"))
        assert passed == due or (check == "again" and passed == 0)
    # Generation 0 has GRUB's memory map; and the lineage is full at the end.
    for at in ("start", "ready", "jump"):
        same_in_all(run, "mm", "free", 1, at=at)
    same_in_all(run, "boot", "handoff", LINEAGE)


def store_is_not_filled(run, generations: int) -> None:
    """As many writes as planned; only they use space, each the same."""
    assert Chain(run).counted() == WRITES
    history = [r for r in flash.records(run.flash)
               if (r.name, r.vendor) == (flash.GENERATION, flash.BATON)]
    assert len(history) == WRITES
    room = [int(re.search(r"(\d+) of \d+ bytes free", e["detail"])[1])
            for e in run.all("proof", check="space")]
    step = generations // WRITES
    taken = {room[at] - room[at + step]
             for at in range(1, generations - step, step)}
    assert len(set(room)) == 2 * WRITES and len(taken) == 1


@pytest.mark.parametrize("mode, generations", [
    pytest.param("fixed", 50),
    *(pytest.param(mode, 1000, marks=[pytest.mark.slow,
                                      pytest.mark.timeout(LONG)])
      for mode in ("physical", "fixed", "table")),
])
def test_generations(boot, request, mode, generations):
    terminal = request.config.pluginmanager.getplugin("capturemanager")
    with boot(f"generations={generations} efi={mode} end=shutdown",
              limit=LONG) as machine:
        run = live(machine, generations, terminal)
    nothing_grows(run, generations)
    store_is_not_filled(run, generations)


def test_a_full_lineage_is_logged(boot):
    """Eight generations are handed on: the tenth has 1 to 8."""
    run = boot("efi=off generations=10 end=exit").finish()
    said = [line for line in run.lines if "none before generation" in line]
    assert len(said) == 1 and said[0].startswith("g9 ")
    assert said[0].endswith("none before generation 1")
