"""A run that GDB can follow backwards: recorded, and played once, to save a
state where each generation begins.

To go back by an instruction, QEMU's stub loads the last state before it and goes
forward to it; for reverse-continue it goes forward from that state and notes the
last breakpoint that it meets, or tries the state before. So what it costs to go
back is the distance to a state.
"""

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from . import chain, cli, paths, process, qemu, rsp, sins
from .machine import CONFIG, Machine, Run, medium_of
from .qmp import Qmp
from .tape import BEGIN, RECORD

MEDIA = ("saved", "disk", "esp", "core")  # that can be recorded
ARRIVAL, END = "kernel_main", "power_off_after"
BREAKPOINTS = ARRIVAL, "panic", END  # with which GDB begins

# Hang detectors: on an idle host the machine plays to its end in 10 seconds, and
# goes back by a generation in one.
PLAY_SECONDS, BACK_SECONDS = 200, 30
TRIES = 3


NO_WAY_BACK = """\
  This QEMU hangs in GDB's reverse-continue (it was tried just now), so do not use
  that, nor `backwards`. What works: `back-to LOCATION`, which loads a saved state
  and goes forward from there; reverse-stepi; save-state, to make both quicker."""

CRASHES = ("null", "code", "constant", "data", "stack", "divide", "opcode",
           "address", "panic")  # of kernel/monitor/crash.c


def runs() -> dict[str, qemu.Config]:
    """Runs that the tests have as well, by a name for the command line."""
    lines = {
        "handoff": "efi=fixed generations=3 end=exit crash=handoff",
        **{f"chain-{mode}": chain.cmdline(mode) for mode in chain.EXPECTED},
        **{f"crash-{kind}": f"efi=off end=exit crash={kind}"
           for kind in CRASHES},
    }
    faults = {sin: f"efi={mode} generations=2 end=exit efi.timeout=2"
              for sin, mode in reversed(sins.documented("pflash"))}
    return {
        **{name: qemu.Config(line, medium="saved")
           for name, line in lines.items()},
        **{f"sin-{sin}": qemu.Config(line, medium="saved", sin=sin)
           for sin, line in reversed(faults.items())},
    }


@dataclass
class Trip:
    """A recorded run, ready to be played."""

    run: Run
    states: list[str]  # where each generation begins; the first is gen-0
    goes_back: bool  # does this QEMU's reverse-continue work?

    @property
    def config(self) -> qemu.Config:
        """Its machine, halted where generation 0 begins."""
        return player(self.run.config, self.states[0] if self.states else BEGIN)


def player(config: qemu.Config, state: str) -> qemu.Config:
    return replace(config, tape=state, paused=True)


def record(home: Path, config: qemu.Config, **contents) -> Run:
    """Run a machine to its end, on tape."""
    if config.medium not in MEDIA:
        raise cli.Trouble(f"a machine that boots from {config.medium!r} cannot "
                          f"be recorded, only {', '.join(MEDIA)}")
    config = replace(config, tape=RECORD, accel="tcg", paused=False)
    with Machine(home, config, **contents) as machine:
        if not machine.qmp:
            said = (home / "qemu.err").read_text(errors="replace").strip()
            raise cli.Trouble(f"this QEMU cannot record: {said}")
        return machine.finish()


def record_again(home: Path, former: Path) -> Run:
    """The same for a machine that has run, with its own disk."""
    config = qemu.Config(**json.loads((former / CONFIG).read_text()))
    return record(home, config, medium=medium_of(former))


def index(run: Run) -> Trip:
    """Play a tape, and save the states in it."""
    home = run.home
    words = qemu.command(player(run.config, BEGIN))
    machine = process.spawn(home, words, subprocess.DEVNULL)
    try:
        qmp = Qmp.of(home, machine)
        stub = process.open_socket(home / "gdb.sock", machine)
        debugger = rsp.Debugger(stub, PLAY_SECONDS)
        states = []
        while reaches(debugger, ARRIVAL, END) == ARRIVAL:
            states.append(f"gen-{len(states)}")
            if refusal := qmp.human(f"savevm {states[-1]}").strip():
                raise cli.Trouble(f"QEMU cannot save a state: {refusal}")
        return Trip(run, states, bool(states) and goes_back(debugger))
    finally:
        machine.kill()
        machine.wait()


def reaches(debugger: rsp.Debugger, *names: str) -> str:
    """Which of these symbols the machine reaches first; "" at its end."""
    places = {rsp.symbol(paths.SYMBOLS, name): name for name in names}
    with suppress(rsp.Elsewhere, rsp.Gone):
        return places[debugger.run_to(*places)]
    return ""


def goes_back(debugger: rsp.Debugger) -> bool:
    """Does it come back to the last ARRIVAL, each time? If not, this QEMU hangs,
    and is of no more use. Whether it does is a race between its threads."""
    debugger.patience = BACK_SECONDS
    arrival = rsp.symbol(paths.SYMBOLS, ARRIVAL)
    with suppress(TimeoutError, rsp.Gone):
        for _ in range(TRIES):
            debugger.must(f"Z1,{arrival:x},1")
            debugger.command("bc")
            if debugger.register("rip") != arrival:
                return False
            debugger.must(f"z1,{arrival:x},1")
            for _ in range(50):
                debugger.command("s")
        return True
    return False
