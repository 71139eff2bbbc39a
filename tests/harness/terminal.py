"""A tool in a terminal, for a test to type at.
"""

import os
from pathlib import Path

import pexpect

from .patience import patiently

TIMEOUT = 60  # seconds of silence


class Terminal(pexpect.spawn):
    """pexpect, with the limits of patience.py."""

    def __init__(self, program: Path, *words: str, size=(24, 80), **variables):
        # By env: pexpect splits the name of a program without arguments at
        # its blanks.
        super().__init__("env", [str(program), *words], timeout=None,
                         dimensions=size,
                         env={**os.environ, "TERM": "dumb", **variables})

    def read_nonblocking(self, size: int = 1, timeout: float | None = None):
        """All waiting of pexpect goes through here."""
        read = super().read_nonblocking
        return patiently(TIMEOUT, lambda seconds: read(size, seconds),
                         pexpect.TIMEOUT)
