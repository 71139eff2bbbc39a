"""All paths. Every other file takes its paths from here."""

import fcntl
import os
from pathlib import Path

# BATON_ROOT in the environment: another tree than the one this file is in.
ROOT = Path(os.environ.get("BATON_ROOT")
            or Path(__file__).resolve().parents[2]).resolve()
BUILD = ROOT / "build"

KERNEL = BUILD / "baton"  # GRUB loads this
SYMBOLS = BUILD / "baton.elf"  # the same, for GDB
FONT = BUILD / "font.psf"  # the kernel's font
BUNDLE = BUILD / "bundle.cpio"  # the kernels that generation 0 can start
ISO = BUILD / "baton.iso"
SINS = BUILD / "sins.efi"  # a driver that misbehaves
SINS32 = BUILD / "sins32.efi"  # the same for 32-bit firmware
FIRMWARE = ROOT / "tests/firmware"  # and its sources
LINUX = BUILD / "linux"  # the folder with Debian's kernel
LINUX_MISSING = BUILD / "linux.missing"  # the reason if there is none
LINUX_BUNDLE = BUILD / "linux.cpio"  # a bundle with it, and its initramfs

MEDIA = BUILD / "media"  # made once, shared by all runs
# Saved machines, before the kernel starts. They do not contain a kernel, so all
# checkouts share them.
SAVED = Path(os.environ.get("BATON_SAVED") or Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton/saved")
# One directory per machine; another folder lets two commands, also on two
# machines that share this one, run the same machine at the same time.
RUNS = Path(os.environ.get("BATON_RUNS") or BUILD / "runs").resolve()


def hold(path: Path, wait: bool = True):
    """Take `path`.lock; it is released when the returned file is closed.

    BlockingIOError if another process has it and we must not wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = open(f"{path}.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    return lock


def replace(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
    return path
