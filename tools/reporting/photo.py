"""A report about a PC, from the lines of its log that are in a QR code.

It has what a chain in one mode has: verdicts, regions, what the firmware did
wrong. There are no vectors, pages or instructions in it.
"""

import dataclasses
from pathlib import Path

from harness import qemu
from harness.machine import Run

from . import document, facts, rules
from .experiments import Experiment, Result


# Proofs that need to write. The code has no details of what was skipped, but it
# has the command line.
WRITING = ("variable", "space", "services")
COMMAND_LINE = ", command line: "


def run_of(lines: list[str]) -> Run:
    run = Run(Path(), qemu.Config())
    for line in lines:
        run.add(line)
    if any(COMMAND_LINE in line and "prove=write" not in line
           for line in lines):
        for check in WRITING:
            for event in run.all("proof", check=check, verdict="skip"):
                event.fields.setdefault("detail", facts.ONLY_LOOKED)
    return run


def generations(run: Run) -> list[int]:
    """Those that are in the lines, the oldest first."""
    return sorted({event.number("gen") for event in run.events})


def report(lines: list[str]) -> dict:
    """The object that page.py shows. ValueError: these are no lines of a log."""
    run = run_of(lines)
    gens = generations(run)
    if not gens:
        raise ValueError("there is no event in it")
    mode = next((event["mode"] for event in run.all("efi.mode")), "off")
    result = Result(Experiment("pc", "a PC", ""), run)
    checks = [*(facts.adopted(mode, gen, run) for gen in gens),
              *facts.proofs(mode, run, gens), *facts.serious(mode, run),
              *_end(mode, run), *facts.quirks({"pc": result})]
    findings = rules.findings(checks)
    return {
        "format": document.FORMAT,
        "verdict": document.verdict(checks, findings),
        "firmware": document.identity({"pc": result}, qemu.Config(
            firmware="none")),
        "machine": {"qemu": "", "machine": "", "args": "", "fault": "",
                    "ram_mib": run.events[0].get("ram_mib", "")},
        "made": {"by": document.commit(), "at": document.now()},
        "findings": findings,
        "checks": [dataclasses.asdict(check) for check in checks],
        "modes": [_row(mode, run, gens)],
        "regions": [{key: event[key] for key in ("type", "pa", "pages", "attr")}
                    for event in run.all("efi.region", gen=gens[-1])],
        "answers": {"the lines in the code": lines},
        "vectors": [], "diff": [], "touch": [], "stacks": {},
        "instructions": {}, "runs": [],
    }


def _end(mode: str, run: Run):
    panics = [event["why"] for event in run.all("panic")]
    yield facts.Check(f"{mode}.end", "end",
                      facts.FAIL if panics else facts.PASS, "; ".join(panics))


def _row(mode: str, run: Run, gens: list[int]) -> dict:
    return {
        "mode": mode, "first": gens[0], "run": "",
        "proofs": [{event["check"]: facts.verdict(event)
                    for event in run.all("proof", gen=gen)} for gen in gens],
        "svam": [facts.svam(run, gen) for gen in gens],
        "end": next((f"verdict {event['verdict']}"
                     for event in run.all("end")), "not in the lines")}
