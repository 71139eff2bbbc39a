"""The checks of challenge C5: the firmware wins if the kernel is gone."""

import subprocess

from harness import paths
from harness.dossier import death
from kit.outside import Lost, Wrong, check

ALIVE = "none", "no-boot", "running"


@check(10)
def builds(w):
    """The driver compiles, and has a sin that is called `mine`."""
    done = subprocess.run(["make", "-s", "build/sins.efi"], cwd=paths.ROOT,
                          text=True, capture_output=True)
    if done.returncode:
        raise Wrong("build/sins.efi", "it does not compile",
                    done.stderr.splitlines()[-20:])
    if b"mine\0" not in paths.SINS.read_bytes():
        raise Wrong("a row of sins[] with the name \"mine\"", "there is none")


@check(20, needs="builds")
def good(w):
    """Without a sin it is good firmware still."""
    w.counts(w.run("efi=physical generations=2 end=exit", sin="none"), 2)


@check(50, needs="good")
def mine(w):
    """The kernel opens the firmware, calls it, and does not survive it."""
    run = w.run("efi=physical efi.timeout=1 generations=2 end=exit",
                sin="mine")
    opened = run.all("efi.mode", gen=0)
    kind, words = death(run)
    if not opened:
        raise Wrong("the kernel opens the firmware in generation 0",
                    f"it does not: {kind}: {words}")
    if kind in ALIVE:
        raise Wrong("the kernel panics, hangs, or is reset",
                    f"{words}; it said {run.all('efi.fault')[:1]}",
                    read="docs/sins.md, what cannot be tested")
