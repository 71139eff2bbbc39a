"""The console output in the documents, to be compared with a run.

A block is a sequence of lines that are indented by four. Output is recognized
by its format: an event, a line of the log, the output of a command at the
prompt. Lines are compared without their numbers, which depend on firmware and
build; "…" alone stands for omitted lines, and at the end of a line for the rest
of it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import paths, qemu
from .saved import digest

# The firmware of the output in the documents: Debian 12's.
SHOWN_ON = "b157d97b1f69729514feb7f201d2cbe4957f23ab77920e361fe9f822ba49ca4c"
ANOTHER_FIRMWARE = f"the documents show another firmware than {qemu.CODE}"

PAGES = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").glob("*.md")),
         paths.ROOT / "labs/primer.md"]
MARGIN, CUT = "    ", "…"
PROMPT = re.compile(r"g(\d+)> (.*)")
LOG = re.compile(r"(@[a-z][a-z0-9_.]* gen=|g\d+ \[ *\d+\.\d+\] )")
NUMBER = re.compile(r"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b")
PICTURE = re.compile(r"[.rwx]{40,}")


def firmware_is_shown() -> bool:
    return digest(qemu.CODE) == SHOWN_ON


def keys(value):
    """Each key of a JSON document, at any depth."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else \
            value if isinstance(value, list) else []:
        yield from keys(part)


@dataclass
class Exchange:
    """A command at the prompt of a generation, and its output as shown."""

    gen: int
    command: str
    answer: list[str] = field(default_factory=list)


def blocks(page: Path) -> list[list[str]]:
    """The lines of each block, without their margin."""
    found, open_block = [], False
    for line in page.read_text().splitlines():
        inside = line.startswith(MARGIN)
        if inside and not open_block:
            found.append([])
        if inside:
            found[-1].append(line.removeprefix(MARGIN))
        open_block = inside
    return found


def exchanges(page: Path) -> list[Exchange]:
    """All commands at a prompt on this page, in order."""
    found = []
    for block in blocks(page):
        current = None
        for line in block:
            if typed := PROMPT.fullmatch(line.strip()):
                current = Exchange(int(typed[1]), typed[2])
                found.append(current)
            elif current:
                current.answer.append(line)
    return found


def logged(page: Path) -> list[str]:
    """Events and lines of the log, except those in the output of commands."""
    answers = {line for one in exchanges(page) for line in one.answer}
    return [line for block in blocks(page) for line in block
            if LOG.match(line) and line not in answers]


def shape(line: str) -> str:
    """A line without its numbers."""
    text = PICTURE.sub("~", line.expandtabs())
    return " ".join(NUMBER.sub("#", text).split())


def missing(shown: list[str], printed: list[str]) -> list[str]:
    """The lines that are shown, but were not printed."""
    shapes = {shape(line) for line in printed}
    return [line for line in shown if line.strip() != CUT and not any(
        one.startswith(shape(line.rstrip(CUT)))
        if line.endswith(CUT) else one == shape(line) for one in shapes)]


def differences(shown: list[str], printed: list[str]) -> list[str]:
    """The same in both directions, for output that is complete except "…"."""
    found = [f"shown, not printed: {line}" for line in missing(shown, printed)]
    if not any(line.endswith(CUT) for line in shown):
        found += [f"printed, not shown: {line}" for line in missing(printed, shown)]
    return found
