"""GDB in front of a machine: as a person gets it, and as a script.

A script is a list of commands, each answered by what GDB printed. It sees
what a person sees: `make debug` starts the same GDB with the same commands.
"""

import subprocess
from pathlib import Path

from . import paths, qemu
from .machine import background
from .patience import patiently

START = "tools/gdb/start.py"  # Baton's own commands
TIMEOUT = 60  # seconds: a hang detector
MARK = "\N{INFORMATION SEPARATOR TWO}"  # between answers: nobody prints it


def command(home: Path, *steps: str) -> list[str]:
    """GDB with Baton's symbols and commands, attached to a run's machine."""
    stub = (home / "gdb.sock").relative_to(paths.ROOT)
    first = ["set confirm off", f"source {START}", f"target remote {stub}"]
    words = [word for step in [*first, *steps] for word in ("-ex", step)]
    return ["gdb", "-q", str(paths.SYMBOLS), *words]


def session(home: Path, config: qemu.Config, *commands: str) -> list[str]:
    """Start a machine halted, give GDB the commands, return the answers."""
    steps = [step for line in commands for step in (f"echo {MARK}", line)]
    steps.append(f"echo {MARK}")  # what follows is of GDB's own end
    words = command(home, "set width 0", "set height 0", *steps)
    with background(home, config):
        text = _output([*words, "-nx", "-batch"])
    return [answer.strip("\n") for answer in text.split(MARK)[1:-1]]


def post_mortem(core: Path, *steps: str) -> str:
    """What GDB says of a core file that Baton has left."""
    words = [word for step in steps for word in ("-ex", step)]
    return _output(["gdb", "-q", "-nx", "-batch", *words, str(paths.SYMBOLS),
                    str(core)])


def _output(words: list[str]) -> str:
    """What a program prints; a program that hangs fails with it."""
    child = subprocess.Popen(
        words, cwd=paths.ROOT, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return patiently(
            TIMEOUT, lambda seconds: child.communicate(timeout=seconds)[0],
            subprocess.TimeoutExpired)
    except subprocess.TimeoutExpired:
        child.kill()
        raise AssertionError(f"GDB hangs after:\n{child.communicate()[0]}")
    finally:
        child.kill()
