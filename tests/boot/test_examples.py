"""A mode, an observer, a node and a command are added by new files only.

tests/examples has one of each. They are put into a copy of the source, in which
nothing else changes: docs/map.md, "How to add".
"""

import shutil
import subprocess

from harness import objects, paths
from harness.chain import Chain

EXAMPLES = paths.ROOT / "tests/examples"
LAYERS = ["lib", "boot", "mm", "efi", "kexec", "kernel"]
BUILT = shutil.ignore_patterns("*.d", "core")


def copy_of_the_source(folder):
    """With its objects, so that only new files are compiled."""
    shutil.rmtree(folder, ignore_errors=True)
    for layer in LAYERS:
        shutil.copytree(paths.ROOT / layer, folder / layer)
        shutil.copytree(paths.BUILD / layer, folder / "build" / layer)
    shutil.copytree(paths.ROOT / "tools", folder / "tools")
    for name in ["Makefile", "linker.ld", *(
            f"tests/{part}/{part}.mk" for part in ("unit", "fuzz", "firmware"))]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.ROOT / name, folder / name)
    for file in paths.BUILD.iterdir():
        if file.is_file():
            shutil.copy2(file, folder / "build" / file.name)


def test_each_is_added_by_files_of_its_own(boot):
    folder = paths.BUILD / "examples"
    copy_of_the_source(folder)
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    done = subprocess.run(["make", "-s", "image"], cwd=folder, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    built = folder / "build"
    linked = (built / "linked-of").read_text().split()
    assert set(linked) - set(objects.files("FILES")) == {
        "efi/mirror/mirror.c", "kernel/census/census.c",
        "kernel/census/commands.c"}
    with boot('efi=mirror generations=2 prove=write run=census',
              kernel=built / "baton", bundle=built / "bundle.cpio") as machine:
        machine.wait_for("monitor.command", line="census", status="ok")
        run = machine.run
    assert [e["svam"] for e in run.all("efi.mode", mode="mirror")] == [
        "called", "inherited"]
    run.one("end", gen=1, verdict="pass")
    assert Chain(run).regions(0) == Chain(run).regions(1)
    line = next(line for line in run.lines if line.startswith("here "))
    here, before = line.removeprefix("here ").split(", before ")
    assert int(here) > 0 and int(before) > 0
