"""Continuing, forwards and backwards.

Backwards is possible in a run that is played from a tape (travel.py). `backwards`
and `set exec-direction reverse` turn all commands that continue around.
"""

from contextlib import contextmanager

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
    """At a breakpoint, or one of these places: one instruction, and then, is
    there another one? GDB itself would not look: it leaves the breakpoint where
    it is by one instruction, and goes on from there."""
    stops = {*places, *breakpoints()}
    if machine.pc() not in stops:
        return False
    with direction("reverse"):
        quietly("stepi")
    return machine.pc() in stops


def breakpoints() -> set[int]:
    """The addresses of all that are enabled, but for internal ones."""
    return {int(where.address) & machine.MASK for stop in gdb.breakpoints()
            if stop.enabled for where in stop.locations}


class ReverseContinueCommand(Command):
    """Continue backwards: to the last breakpoint, or write to what is watched.

    reverse-continue

    GDB's command, without its blind spot: a breakpoint at the previous
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
