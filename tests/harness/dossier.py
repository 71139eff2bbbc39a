"""The report about a failed run: one page, in the same format for all failures.

The kind of failure is determined from outside. The state of a paused machine
is read by autopsy.py at the time of the failure.
"""

import re

from . import autopsy, paths
from .machine import EXIT, Run

FRAME = re.compile(r"panic: +#\d+ +([0-9a-f]{16})")
TAIL = 40


def death(run: Run) -> tuple[str, str]:
    """The kind of failure, and a description; "none" if it ended normally."""
    end, last = run.end, run.all("boot")
    who = f"generation {last[-1]['gen']}" if last else "the firmware or GRUB"
    if panics := run.all("panic"):
        panic = panics[-1]  # perhaps before the kernel has logged @boot
        return "panic", f"generation {panic['gen']} panicked: {panic['why']}"
    if end is None:
        return "running", f"the report was made while {who} was running"
    if end.how == "triple-fault":
        return end.how, (f"{who} faulted while it handled a fault, so the "
                         "processor reset itself")
    if end.how == "stopped":
        return end.how, f"the test ended while {who} was running"
    if not last:
        return "no-boot", f"no kernel started: {ended(run)}"
    if end.how == "stalled":
        return "hang", f"{who} printed nothing more, and did not end"
    if not run.all("end"):
        return "early-exit", f"ended during {who}: {ended(run)}"
    return "none", f"it ended normally: {ended(run)}"


def ended(run: Run) -> str:
    how, code = run.end.how, run.end.code
    if how == "died":
        errors = (run.home / "qemu.err").read_text(errors="replace").strip()
        how = f"QEMU was ended by signal {-code}" if code < 0 else \
            f"QEMU failed with exit code {code}"
        return f"{how}; {errors or 'without a message'}"
    verdicts = {number: name for name, number in EXIT.items()}
    return {
        "debug-exit": f"the kernel left through isa-debug-exit, with {code} "
        f"({verdicts.get(code)})",
        "guest-shutdown": "switched off from inside",
        "guest-reset": "reset from inside",
        "triple-fault": "reset by a triple fault",
        "stalled": "it was stopped, because it printed nothing more",
    }.get(how, str(run.end))


def dossier(run: Run, script: bool = True) -> str:
    """Everything needed to investigate it. script: that starts it again."""
    kind, words = death(run)
    parts = [f"what happened:  {kind}: {words}", where(run), last_call(run)]
    parts.append(f"the end of {shown(run.home)}/serial.log:\n"
                 + indented(run.lines[-TAIL:]))
    file = run.home / "qemu.cmd"
    parts.append(f"the machine (a script: {shown(file)}):\n"
                 + indented(file.read_text().splitlines()) if script else "")
    parts.append(f"in GDB:         make debug TEST={run.home.name}")
    return "\n\n".join(part for part in parts if part)


def where(run: Run) -> str:
    """Where it was: from the paused machine, or from the kernel's own report."""
    if run.autopsy:
        return run.autopsy
    frames = [FRAME.search(line) for line in run.lines]
    addresses = [int(frame[1], 16) for frame in frames if frame]
    if not addresses:
        return ""
    names = autopsy.locate(addresses, run.events, run.symbols)
    return "the panic's backtrace in the source:\n" + indented(names)


def last_call(run: Run) -> str:
    calls = [e for e in run.events if e.name in ("efi.call", "efi.fault")]
    return f"last firmware call with a new status: {calls[-1]}" if calls else \
        "no firmware call is in the log"


def shown(path) -> str:
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT)
               else path)


def indented(lines: list[str]) -> str:
    return "\n".join(f"  | {line}" for line in lines)
