"""A QEMU process and its sockets.

It never outlives the Python that started it, even if that is killed.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from .patience import patiently


def spawn(home: Path, words: list[str],
          serial=subprocess.PIPE) -> subprocess.Popen:
    """Start a command in the directory of its run."""
    return subprocess.Popen(
        words,
        cwd=home,
        stdin=subprocess.PIPE,  # the input of the serial line
        stdout=serial,
        stderr=open(home / "qemu.err", "wb"),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def die_with_parent() -> None:
    """In the child: SIGKILL when the parent ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def open_socket(path: Path, process: subprocess.Popen) -> socket.socket | None:
    """Connect to QEMU, which makes its sockets some milliseconds after its
    start. None if it exited instead."""
    exits = os.pidfd_open(process.pid)
    folder = os.open(path.parent, os.O_PATH)
    short = f"/proc/self/fd/{folder}/{path.name}"  # a socket's limit is 107
    try:
        while not select.select([exits], [], [], 0.005)[0]:
            link = socket.socket(socket.AF_UNIX)
            with suppress(FileNotFoundError, ConnectionRefusedError):
                link.connect(short)
                return link
            link.close()
        return None
    finally:
        os.close(exits)
        os.close(folder)


def receive(link: socket.socket, limit: float) -> bytes:
    """The next bytes from a socket; TimeoutError after `limit` seconds."""
    def wait(seconds: float) -> bytes:
        link.settimeout(seconds)
        return link.recv(65536)

    return patiently(limit, wait)
