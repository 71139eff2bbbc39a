"""GDB attached to a machine: interactive, or with a script.

A script is a list of commands; the result is the output of each. It uses the
same GDB with the same commands as `make debug`.
"""

import signal
import subprocess
from pathlib import Path

from . import paths, process, qemu
from .machine import background
from .patience import patiently

START = "tools/gdb/start.py"  # Baton's own commands
TIMEOUT = 60  # seconds: a hang detector
MARK = "\N{INFORMATION SEPARATOR TWO}"  # between outputs: never printed otherwise


def command(home: Path, *steps: str) -> list[str]:
    """GDB with Baton's symbols and commands, attached to a run's machine."""
    stub = (home / "gdb.sock").relative_to(paths.ROOT)
    first = ["set confirm off", f"source {START}", f"target remote {stub}"]
    words = [word for step in [*first, *steps] for word in ("-ex", step)]
    return ["gdb", "-q", str(paths.SYMBOLS), *words]


def take_signals() -> None:
    """In an interactive GDB: Ctrl-C interrupts the machine, although its parent
    ignores it; and GDB ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    process.die_with_parent()


def session(home: Path, config: qemu.Config, *commands: str,
            prepared: bool = False) -> list[str]:
    """Start a machine halted, give GDB the commands, return their output.
    `prepared`: its files are there already."""
    steps = [step for line in commands for step in (f"echo {MARK}", line)]
    steps.append(f"echo {MARK}")  # the rest is printed at GDB's end
    words = command(home, "set width 0", "set height 0", *steps)
    with background(home, config, prepared):
        text = _output([*words, "-nx", "-batch"])
    return [answer.strip("\n") for answer in text.split(MARK)[1:-1]]


def post_mortem(core: Path, *steps: str) -> str:
    """The output of GDB about a core file of Baton."""
    words = [word for step in steps for word in ("-ex", step)]
    return _output(["gdb", "-q", "-nx", "-batch", *words, str(paths.SYMBOLS),
                    str(core)])


def _output(words: list[str]) -> str:
    """The output of a program; if it hangs, the error includes it."""
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
