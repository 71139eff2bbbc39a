"""Core alone, core with each annex, and everything: linked and booted.

The objects are the same in all of them, so a variant costs a link.
"""

import subprocess

import pytest

from harness import objects, paths
from harness.chain import Chain
from harness.events import wanted

ANNEXES = objects.files("ALL_ANNEXES")
GENERATIONS = 3


def built(name: str, annexes: str):
    """build/variants/NAME: a kernel with these annexes, and its bundle."""
    folder = paths.BUILD / "variants" / name.replace("/", "-")
    words = ["make", "-s", "image", f"ANNEXES={annexes}",
             f"TO={folder.relative_to(paths.ROOT)}"]
    done = subprocess.run(words, cwd=paths.ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def chain(boot, folder, mode: str):
    with boot(f"efi={mode} prove=write end=shutdown", kernel=folder / "baton",
              bundle=folder / "bundle.cpio") as machine:
        return machine.finish()


@pytest.fixture(scope="module")
def core():
    return built("core", "")


@pytest.mark.parametrize("mode", ["physical", "identity", "fixed"])
def test_core_passes_the_baton(boot, core, mode):
    run = chain(boot, core, mode)
    run.expect(*(wanted("boot", gen=gen) for gen in range(GENERATIONS)),
               wanted("end", gen=GENERATIONS - 1, verdict="pass"))
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert run.end.how == "guest-shutdown"
    assert Chain(run).counted() == GENERATIONS


def test_core_refuses_what_nobody_handed_on(boot, core):
    run = chain(boot, core, "naive")
    assert "handed over" in run.one("refused", gen=1, what="efi")["why"]
    run.one("end", gen=GENERATIONS - 1, verdict="refused")


@pytest.mark.parametrize("annex", ANNEXES)
def test_core_with_one_annex(boot, annex):
    run = chain(boot, built(annex, annex), "fixed")
    run.one("end", gen=GENERATIONS - 1, verdict="pass")
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert Chain(run).counted() == GENERATIONS


def test_an_annex_that_there_is_not():
    words = ["make", "-s", "image", "ANNEXES=efi/nonsense"]
    done = subprocess.run(words, cwd=paths.ROOT, text=True,
                          capture_output=True)
    assert done.returncode
    assert "efi/nonsense" in done.stderr and "efi/guard" in done.stderr
