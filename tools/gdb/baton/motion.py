"""Continuing, forwards and backwards.

Backwards is possible in a run that is played from a tape (travel.py). `backwards`
and `set exec-direction reverse` turn all commands that continue around.
"""

from contextlib import contextmanager, suppress

import gdb

from . import machine
from .commands import Command


@contextmanager
def direction(name: str):
    """"forward" or "reverse": GDB's direction in this context."""
    before = "reverse" if is_backwards() else "forward"
    if name != before:  # where no tape is played, GDB refuses the command
        gdb.execute(f"set exec-direction {name}")
    try:
        yield
    finally:
        if name != before:
            gdb.execute(f"set exec-direction {before}")


def is_backwards() -> bool:
    return "everse" in gdb.execute("show exec-direction", to_string=True)


@contextmanager
def silence():
    """No message from GDB about a stop: ours follows."""
    gdb.execute("set suppress-cli-notifications on")
    try:
        yield
    finally:
        gdb.execute("set suppress-cli-notifications off")


def quietly(command: str) -> None:
    with silence():
        gdb.execute(command, to_string=True)


def go_on(*places: int) -> None:
    """Continue, with a message only if it stops at none of these."""
    if is_backwards() and step_back(*places):
        return
    quietly("continue")


def step_back(*places: int) -> bool:
    """One instruction, and then: is there a breakpoint, or one of these places,
    or has something that is watched changed? QEMU (7.2) does not always look at
    the instruction before the one where reverse-continue begins, and GDB leaves
    a breakpoint by one instruction without looking."""
    before = watched()
    with direction("reverse"):
        quietly("stepi")
    changed = any(old != new for old, new in zip(before, watched())
                  if old and new)
    return changed or machine.pc() in {*places, *breakpoints()}


def watched() -> list[str]:
    """The values of all watchpoints; empty if there is no memory."""
    found = []
    for stop in gdb.breakpoints():
        if stop.enabled and stop.type == gdb.BP_HARDWARE_WATCHPOINT:
            with suppress(gdb.error):
                found.append(str(gdb.parse_and_eval(stop.expression)))
                continue
            found.append("")
    return found


def breakpoints() -> set[int]:
    """The addresses of all that are enabled, but for internal ones."""
    return {int(where.address) & machine.MASK for stop in gdb.breakpoints()
            if stop.enabled for where in stop.locations}


class ReverseContinueCommand(Command):
    """Continue backwards: to the last breakpoint, or write to what is watched.

    reverse-continue

    GDB's command, without a blind spot: a breakpoint at the previous
    instruction. It ends at the first instruction of the run, if nothing stops it."""

    name = "reverse-continue"

    def run(self) -> None:
        with direction("reverse"):
            if step_back():
                gdb.execute("frame")
            else:
                gdb.execute("continue")


class BackwardsCommand(Command):
    """Give a command that continues, in the other direction.

    backwards COMMAND

    `backwards step-firmware` goes to the previous call of the firmware,
    `backwards finish-firmware` to the call instruction of this one."""

    name = "backwards"

    def run(self, *words: str) -> None:
        with direction("reverse"):
            gdb.execute(" ".join(words))


COMMANDS = [ReverseContinueCommand, BackwardsCommand]
