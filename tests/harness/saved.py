"""Machines that have booted already: saved once, restored many times.

Firmware and GRUB take three seconds to reach the kernel, which are the same
for every test. So a machine is stopped there once, and its
memory and devices are written to a file; a test's machine reads that file in
a tenth of a second and continues as if it had booted itself.

What differs from test to test (command line, kernel, bundle) is on a second
disk, the cargo, which has not been read yet at that point. The machine stops
itself, always at the same instruction: GRUB's script writes to
the port of a pvpanic device, which makes QEMU pause.

The name of the file contains a digest of all its inputs; a change of any of
these results in another file.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from . import media, paths, process, qemu
from .qmp import TIMEOUT, Qmp

STATE, FLASH = "state", "vars.fd"

# QEMU records in the file that the machine was paused by pvpanic, and would
# restore that state. We want it to run, or to wait if the command line has -S.
# The record is at the head of a section, which begins with its name.
SECTION, SECTION_HEAD_BYTES = b"\x0bglobalstate", 256
PAUSED, RUNNING = b"guest-panicked", b"running"

# A state that was not used for so long is removed. Another checkout or session
# may use the same folder, so a newer one is kept.
UNUSED_SECONDS = 24 * 3600


class NotReached(RuntimeError):
    """The firmware and GRUB did not reach the kernel."""

    def __init__(self, draft: Path):
        super().__init__("the firmware and GRUB did not reach the kernel; see "
                         f"serial.log and qemu.err in {draft}")
        log = draft / "serial.log"
        self.serial = log.read_bytes() if log.exists() else b""


def ready(config: qemu.Config, patience: float = TIMEOUT) -> Path:
    """The directory with this machine's saved state; made if necessary.
    NotReached: not within `patience` seconds, or never."""
    config = replace(config, cmdline="", paused=False, sin="")
    recipe = ingredients(config)
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    name = "-".join([config.firmware, str(config.ram_mib), *filter(None, [
        config.cpu, config.cpus > 1 and f"{config.cpus}-cpus", config.machine,
        config.screen and "screen", config.without.replace(" ", "-"),
        config.accel != "tcg" and config.accel])])
    home = paths.SAVED / f"{name}-{key}"
    with paths.hold(paths.SAVED / name):
        if not home.exists():
            remove_unused(paths.SAVED, f"{name}-{'?' * 12}")
            _make(home, config, recipe, patience)
        os.utime(home)  # it is in use
    return home


def remove_unused(folder: Path, pattern: str) -> None:
    for old in folder.glob(pattern):
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(old) if old.is_dir() else old.unlink()


def ingredients(config: qemu.Config) -> str:
    """All inputs of a saved state, one per line."""
    words = qemu.command(config, saving=True)
    names = [word.rpartition("file=")[2] for word in words[1:]]
    files = [name for name in names if name.startswith("/")]
    if config.has_flash:
        files.append(config.vars)
    files += [str(media.loader()), __file__]
    lines = [" ".join(words[1:]), qemu_version(words[0])]
    return "\n".join(lines + [f"{digest(name)} {local(name)}"
                              for name in files])


def local(name: str) -> str:
    """The same in every checkout."""
    path = Path(name)
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT)
               else path)


@functools.cache
def qemu_version(program: str) -> str:
    return subprocess.check_output([program, "-version"], text=True)


@functools.cache
def digest(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()


def _make(home: Path, config: qemu.Config, recipe: str,
          patience: float) -> None:
    draft = home.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    (draft / "recipe").write_text(recipe)
    (draft / "loader.img").symlink_to(media.loader())
    media.cargo(draft / "cargo.img", {})
    if config.has_flash:
        shutil.copyfile(config.vars, draft / FLASH)
    machine = process.spawn(draft, qemu.command(config, saving=True),
                            subprocess.DEVNULL)
    try:
        _save(Qmp.of(draft, machine, patience))
    except Exception as problem:
        raise NotReached(draft) from problem
    finally:
        machine.kill()
        machine.wait()
    let_it_run(draft / STATE)
    draft.rename(home)


def _save(qmp: Qmp) -> None:
    qmp.wait("GUEST_PANICKED")
    save(qmp)
    qmp.close()


def save(qmp: Qmp) -> None:
    """The machine's state, to STATE in its directory. When QEMU has completed
    its part, cat may have some of it to write yet: it holds a lock."""
    qmp.execute("migrate", uri=f"exec:flock {STATE}.lock cat >{STATE}")
    qmp.wait("MIGRATION", status="completed")


def let_it_run(state: Path, paused: bytes = PAUSED) -> None:
    """Change QEMU's record that the machine is `paused`, and nothing else: the
    memory in the file may contain any bytes."""
    with paths.hold(state):  # it is all written
        data = bytearray(state.read_bytes())
    section = data.rfind(SECTION)  # devices come after memory
    at = data.find(paused, section, section + SECTION_HEAD_BYTES)
    if section < 0 or at < 0:
        raise RuntimeError("this QEMU does not record in its migration stream "
                           f"that a machine is {paused.decode()}: saved.py "
                           "has to be adapted")
    data[at : at + len(paused)] = RUNNING.ljust(len(paused), b"\0")
    state.write_bytes(data)


def restore(home: Path, config: qemu.Config) -> None:
    """Put the state from which its machine continues into a run's directory.

    QEMU keeps the flash in memory, so its content is part of the state; the
    file is the one from the same moment.
    """
    source = ready(config)
    (home / "loader.img").symlink_to(media.loader())
    (home / STATE).symlink_to(source / STATE)
    if config.has_flash:
        shutil.copy(source / FLASH, home / FLASH)
