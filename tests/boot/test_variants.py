"""Annexes can be left out: the kernel is linked and booted without each one.

The objects are the same in all of them, so a variant costs a link.
"""

import subprocess

import pytest

from harness import objects, paths
from harness.chain import EXPECTED, GENERATIONS, POWERED_OFF, Chain, cmdline
from harness.machine import EXIT, End

ANNEXES = objects.files("ALL_ANNEXES")

# Each runs make, and two that build at once would disturb each other.
pytestmark = pytest.mark.xdist_group("variants")


def make(folder, annexes: list[str]):
    words = ["make", "-s", "image", f"ANNEXES={' '.join(annexes)}",
             f"TO={folder.relative_to(paths.ROOT)}"]
    return subprocess.run(words, cwd=paths.ROOT, text=True,
                          capture_output=True)


def chain(boot, name: str, annexes: list[str], mode: str = "fixed"):
    """Three generations of a kernel with these annexes."""
    folder = paths.BUILD / "variants" / name.replace("/", "-")
    done = make(folder, annexes)
    assert done.returncode == 0, done.stderr[-2000:]
    with boot(f"{cmdline(mode)} prove=write", kernel=folder / "baton",
              bundle=folder / "bundle.cpio") as machine:
        run = machine.finish()
    want = EXPECTED[mode]
    linked = (folder / "linked-of").read_text().split()
    run.one("end", gen=GENERATIONS - 1, verdict=want.verdict)
    if want.end == POWERED_OFF and "kernel/shutdown/shutdown.c" not in linked:
        assert run.end == End("debug-exit", EXIT["pass"])
    else:
        assert run.end == want.end
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert Chain(run).counted() == want.counted
    return linked


def without(annex: str) -> list[str]:
    """All annexes except that one, and those that use it, recursively."""
    uses, gone = objects.uses(), {annex}
    while more := {other for other in ANNEXES
                   if gone & set(uses.get(other, []))} - gone:
        gone |= more
    return [other for other in ANNEXES if other not in gone]


@pytest.mark.parametrize("mode", ["physical", "identity", "fixed", "naive"])
def test_core_alone(boot, mode):
    """It has these modes, and refuses what the last one leaves behind."""
    linked = chain(boot, f"core-{mode}", [], mode)
    assert linked == objects.files("CORE")


@pytest.mark.parametrize("annex", ANNEXES)
def test_everything_but_one(boot, annex):
    linked = chain(boot, f"without-{annex}", without(annex))
    assert not [name for name in linked if name.startswith(f"{annex}/")]


@pytest.mark.slow
@pytest.mark.parametrize("annex", ANNEXES)
def test_nothing_but_one(boot, annex):
    """And what it uses."""
    assert set(chain(boot, f"only-{annex}", [annex])) > set(
        objects.files("CORE"))


def test_an_unknown_annex():
    done = make(paths.BUILD / "variants" / "none", ["efi/nonsense"])
    assert done.returncode
    assert "efi/nonsense" in done.stderr and "efi/guard" in done.stderr
