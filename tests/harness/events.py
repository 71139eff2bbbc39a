"""The kernel's events: the `@` lines of the serial log, as objects.

    @efi.call gen=0 svc=GetTime status=EFI_SUCCESS

is an event with a name (`efi.call`) and fields; docs/serial-log.md lists them
all. A test lists the events it expects, in order; others may come in
between. If they do not come, the message must show why.
"""

import re
from dataclasses import dataclass

NAME = re.compile(r"@([a-z][a-z0-9_.]*)")
FIELD = re.compile(r' ([a-z][a-z0-9_]*)=("[^"]*"|[^\s"]*)')
ESCAPE = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>])")


class Malformed(Exception):
    """A line that starts like an event but is not one: a bug in the kernel."""


@dataclass(frozen=True)
class Event:
    """One `@` line: `event["svc"]`, `event.number("pages")`."""

    name: str
    fields: dict

    def __getitem__(self, key: str) -> str:
        return self.fields[key]

    def get(self, key: str, default=None):
        return self.fields.get(key, default)

    def number(self, key: str) -> int:
        """A field as a number, decimal or 0x."""
        return int(self.fields[key], 0)

    def matches(self, name: str, **fields) -> bool:
        """Is this a `name` whose fields have these values? Others may exist.

        An expected value may be a compiled pattern, which is searched for.
        """
        return self.name == name and all(
            key in self.fields and _agrees(self.fields[key], value)
            for key, value in fields.items()
        )

    def __str__(self) -> str:
        return _spell(self.name, self.fields)


def clean(raw: bytes) -> str:
    """A serial line as text: no terminal escapes, no carriage returns."""
    text = ESCAPE.sub("", raw.decode("utf-8", "replace"))
    return text.rstrip("\r\n").rsplit("\r", 1)[-1]


def parse(line: str) -> Event | None:
    """The event on a line; None where the line is for people."""
    head = NAME.match(line)
    if not head:
        return None
    fields, at = {}, head.end()
    while field := FIELD.match(line, at):
        fields[field[1]] = field[2].strip('"')
        at = field.end()
    if line[at:].strip():
        raise Malformed(f"not an event from column {at}: {line!r}")
    return Event(head[1], fields)


def wanted(name: str, **fields) -> tuple[str, dict]:
    """An event to expect: its name, and the fields that matter."""
    return name, fields


def missing(events: list[Event], expected: list) -> str | None:
    """None when `expected` (of wanted()) happened in this order, else a report.

    The report shows what was found, where the search stopped, and every later
    event of that name: the one that was nearly right is usually among them.
    """
    rest = iter(enumerate(events))
    found, last = [], -1
    for name, fields in expected:
        hit = next((i for i, e in rest if e.matches(name, **fields)), None)
        if hit is None:
            return _report(events, found, last, name, fields)
        found.append(events[hit])
        last = hit
    return None


def _report(events, found, last, name, fields) -> str:
    rows = [f"  found    {event}" for event in found]
    rows.append(f"  MISSING  {_spell(name, fields)}")
    near = [event for event in events[last + 1 :] if event.name == name]
    rows += [f"  instead  {event}" for event in near[:12]]
    if not near:
        rows.append(f"  (no @{name} at all after that point)")
    return "the events did not come as expected:\n" + "\n".join(rows)


def _agrees(value: str, expected) -> bool:
    if isinstance(expected, re.Pattern):
        return expected.search(value) is not None
    return value == str(expected)


def _spell(name: str, fields: dict) -> str:
    return f"@{name}" + "".join(
        f" {key}={_quote(value)}" for key, value in fields.items()
    )


def _quote(value) -> str:
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    text = str(value)
    return f'"{text}"' if " " in text or not text else text
