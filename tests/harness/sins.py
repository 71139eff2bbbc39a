"""Runs with a misbehaving firmware, as rows of docs/sins.md.

The faults are in tests/firmware, the expected results in
tests/boot/test_sins.py.
"""

import re

from . import paths
from .machine import Run

DOCUMENT = paths.ROOT / "docs" / "sins.md"
# A table for 64-bit firmware; one of the rows that differ in 32-bit firmware.
HEADS = {"pflash": "| sin", "ia32": "| sin, 32-bit"}
HEAD = " | mode | generation 0 logs | proofs that fail | firmware |"
RULE = "| --- | --- | --- | --- | --- |"
TELLING = {"efi.fault", "efi.violation", "efi.reject", "efi.quirk", "refused"}
# A number that differs in each build, and keys that are the same in all rows.
HIDDEN = {"gen", "rip", "va", "action", "what"}
PLACE = re.compile(r"(?<=\b0x)[0-9a-f]{7,8}\b|(?<=EFI memory map: )\d+")


def _words(event) -> str:
    fields = [f"{key}={value}" if " " not in value else f'{key}="{value}"'
              for key, value in event.fields.items()
              if key not in HIDDEN and value != "none"]
    return f"`{PLACE.sub('…', ' '.join([f'@{event.name}', *fields]))}`"


def outcome(run: Run) -> str:
    """Events, failed proofs, and the state in which generation 1 found the
    firmware: the last columns of a row."""
    said = [_words(event) for event in run.events
            if event.name in TELLING and event.get("gen") == "0"]
    failed = [p["check"] for p in run.all("proof", gen=0, verdict="fail")]
    state = run.one("efi.mode", gen=1)["state"]
    if run.all("refused", gen=1, what="efi"):
        state = "refused"
    return " | ".join(["<br>".join(dict.fromkeys(said)) or "nothing",
                       ", ".join(failed) or "–", state])


def table(firmware: str, outcomes: dict[tuple[str, str], str]) -> list[str]:
    """Rows of Markdown, from {(sin, mode): outcome}: one for modes that do
    not differ."""
    rows = {}
    for (sin, mode), text in outcomes.items():
        rows.setdefault((sin, text), []).append(mode)
    return [HEADS[firmware] + HEAD, RULE, *(f"| {sin} | {', '.join(modes)} | {text} |"
                          for (sin, text), modes in rows.items())]


def documented(firmware: str) -> dict[tuple[str, str], str]:
    """The same, read from the document."""
    head = f"\n{HEADS[firmware]}{HEAD}\n"
    text = DOCUMENT.read_text().partition(head)[2].partition("\n\n")[0]
    rows = [line[2:-2].split(" | ", 2) for line in text.splitlines()[1:]]
    return {(sin, mode): rest for sin, modes, rest in rows
            for mode in modes.split(", ")}


def expected(firmware: str) -> dict[tuple[str, str], str]:
    """What each case of the document says about this firmware."""
    return documented("pflash") | documented(firmware)
