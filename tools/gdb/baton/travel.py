"""when, save-state, back-to: in a run that is played from a tape.

`make timetravel` plays one, and GDB's reverse-stepi and reverse-continue work in
it. back-to needs less of QEMU, and works where reverse-continue does not: it loads
a saved state, goes forward to count how often a place is reached, and again to
the last time. A moment is a number: of the instructions executed before it.
"""

import os
import re
from contextlib import contextmanager

import gdb

from . import machine
from .commands import Command
from .motion import quietly

STATE = re.compile(r"^\S+ +(\S+) .* (\d+)\s*$", re.M)  # name, moment


def monitor(line: str) -> str:
    return gdb.execute(f"monitor {line}", to_string=True)


def moment() -> int:
    found = re.search(r"Replaying .* = (\d+)", monitor("info replay"))
    if not found:
        raise gdb.GdbError("this machine plays no tape: make timetravel")
    return int(found[1])


def states() -> list[tuple[int, str]]:
    """All saved ones, the earliest first."""
    return sorted((int(when), name) for name, when in
                  STATE.findall(monitor("info snapshots")))


def load(name: str) -> None:
    if trouble := monitor(f"loadvm {name}").strip():
        raise gdb.GdbError(trouble)
    gdb.execute("maintenance flush register-cache", to_string=True)


@contextmanager
def only(address: int):
    """No other breakpoint than one at this address."""
    others = [one for one in gdb.breakpoints() if one.enabled]
    for one in others:
        one.enabled = False
    stop = machine.breakpoint_at(address, internal=True)
    try:
        with unseen():
            yield
    finally:
        stop.delete()
        for one in others:
            one.enabled = True


@contextmanager
def unseen():
    """Without a word, not even about the signal that replay_break is to GDB,
    for which GDB has no setting."""
    gdb.flush()
    output, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        gdb.flush()
        os.dup2(output, 1)
        os.close(output)
        os.close(nowhere)


def times_reached(address: int, end: int) -> int:
    """How often, from here to that moment, without it."""
    monitor(f"replay_break {end}")
    times = int(machine.pc() == address)
    while True:
        quietly("continue")
        if moment() >= end:
            return times
        times += 1


def reach(address: int, times: int) -> None:
    for _ in range(times - int(machine.pc() == address)):
        quietly("continue")


class WhenCommand(Command):
    """Show the present moment, and the saved states.

    when

    A moment is the number of instructions that the machine has executed."""

    name = "when"

    def run(self) -> None:
        now = moment()
        print(f"moment {now}")
        for at, name in states():
            print(f"  {name:12}{at:12}  {abs(now - at)} "
                  f"{'ago' if at <= now else 'ahead'}")


class SaveCommand(Command):
    """Save the machine's state here, so that going back to here is quick.

    save-state NAME

    Going back loads the last state before the place and goes forward from it."""

    name = "save-state"

    def run(self, name: str) -> None:
        moment()
        if trouble := monitor(f"savevm {name}").strip():
            raise gdb.GdbError(trouble)


class BackToCommand(Command):
    """Go back to the last time that a place was reached.

    back-to LOCATION

    LOCATION as for `break`: a function, file:line, *address. Breakpoints are
    ignored on the way. If it was never reached, nothing changes."""

    name = "back-to"

    def run(self, *words: str) -> None:
        location = " ".join(words)
        _, places = gdb.decode_line(location)
        address, now = places[0].pc, moment()
        with only(address):
            self._go(address, now)
        gdb.execute("frame")

    def _go(self, address: int, now: int) -> None:
        end = now
        before = [state for state in states() if state[0] < now]
        if not before:
            raise gdb.GdbError("nothing was reached before: this is the "
                               "beginning of the tape")
        for at, name in reversed(before):
            load(name)
            if times := times_reached(address, end):
                load(name)
                reach(address, times)
                return
            end = at
        load(before[-1][1])
        times_reached(address, now)
        raise gdb.GdbError("it was not reached before")


COMMANDS = [WhenCommand, SaveCommand, BackToCommand]
