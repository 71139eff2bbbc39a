"""Annexes can be left out: the kernel is linked and booted without each one.

The objects are the same in all of them, so a variant costs a link.
"""

import subprocess

import pytest

from harness import objects, paths
from harness.chain import Chain

ANNEXES = objects.files("ALL_ANNEXES")
# What core still needs: this list only ever shrinks.
NEEDED = {"efi/protect", "efi/services", "efi/trace"}
GENERATIONS = 3


def make(folder, annexes: list[str]):
    words = ["make", "-s", "image", f"ANNEXES={' '.join(annexes)}",
             f"TO={folder.relative_to(paths.ROOT)}"]
    return subprocess.run(words, cwd=paths.ROOT, text=True,
                          capture_output=True)


def chain(boot, name: str, annexes: list[str]):
    """Three generations of a kernel with these annexes."""
    folder = paths.BUILD / "variants" / name.replace("/", "-")
    done = make(folder, annexes)
    assert done.returncode == 0, done.stderr[-2000:]
    with boot("efi=fixed prove=write end=shutdown", kernel=folder / "baton",
              bundle=folder / "bundle.cpio") as machine:
        run = machine.finish()
    run.one("end", gen=GENERATIONS - 1, verdict="pass")
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert Chain(run).counted() == GENERATIONS
    return (folder / "linked-of").read_text().split()


def without(annex: str) -> list[str]:
    """All annexes except that one, and those that use it, recursively."""
    uses, gone = objects.uses(), {annex}
    while more := {other for other in ANNEXES
                   if gone & set(uses.get(other, []))} - gone:
        gone |= more
    return [other for other in ANNEXES if other not in gone]


@pytest.mark.parametrize("annex", sorted(set(ANNEXES) - NEEDED))
def test_everything_but_one(boot, annex):
    linked = chain(boot, f"without-{annex}", without(annex))
    assert not [name for name in linked if name.startswith(f"{annex}/")]


def test_no_more_than_core_needs(boot):
    linked = chain(boot, "needed", sorted(NEEDED))
    assert {name.rpartition("/")[0] for name in linked
            if name.count("/") > 1} <= NEEDED


def test_an_unknown_annex():
    done = make(paths.BUILD / "variants" / "none", ["efi/nonsense"])
    assert done.returncode
    assert "efi/nonsense" in done.stderr and "efi/guard" in done.stderr
