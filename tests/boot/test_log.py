"""The serial log is an interface: all events are documented.

An event's name and keys are in one place, the call of event() that writes it.
docs/serial-log.md is compared with these calls, in both directions: its table
has a row for each event with the same keys in the same order, and each word
that a format has as a value. Real logs have no other events.
"""

import re

import pytest

from harness import paths
from harness.chain import EXPECTED
from harness.events import parse

DOCUMENT = paths.ROOT / "docs" / "serial-log.md"
LINUX = paths.ROOT / "docs" / "linux.md"
FOLDERS = ("lib", "boot", "mm", "efi", "kexec", "kernel")
ROW = re.compile(r"^\| `@([a-z0-9._]+)` \| (.*?) \|(.*)\|$", re.M)
VALUES = re.compile(r"^\| `([a-z0-9_]+)`(?: of `@([a-z0-9._]+)`)? \| (.*) \|$",
                    re.M)
# A call: the name, and the pairs, which may be several literals in a row.
CALL = re.compile(r'\bevent\(\s*"([a-z0-9._]+)",\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
KEY = re.compile(r"(?:^|[ \"])([a-z][a-z0-9_]*)=")
WORD = re.compile(r"\b([a-z0-9_]+)=([a-z-]+)")


def documented(page=DOCUMENT) -> dict[str, list]:
    """Event -> its keys in order, from a page's table. All have `gen`."""
    return {
        name: ["gen", *re.findall(r"`([a-z0-9_]+)`", keys)]
        for name, keys, _ in ROW.findall(page.read_text())
    }


def calls() -> list[tuple[str, str]]:
    """The name and the pairs of each call of event() in the kernel."""
    found = []
    for folder in FOLDERS:
        for source in (paths.ROOT / folder).rglob("*.c"):
            text = source.read_text()
            here = CALL.findall(text)
            if source.name == "log.c" and folder == "lib":
                text = text.replace("void event(const char *name", "")
            assert len(here) == len(re.findall(r"\bevent\(", text)), \
                f"{source}: a call of event() without a literal name and pairs"
            found += here
    return found


def test_every_event_has_the_keys_that_are_documented():
    rows, said = documented(), {}
    for name, pairs in calls():
        keys = ["gen", *KEY.findall(re.sub(r'"\s*"', "", pairs.strip()[1:]))]
        assert said.setdefault(name, keys) == keys, f"@{name} has two forms"
    assert said == rows


def test_every_word_of_a_format_is_documented():
    """at=jump: a value that stands in the source."""
    values = {(key, event): text
              for key, event, text in VALUES.findall(DOCUMENT.read_text())}
    for name, pairs in calls():
        for key, word in WORD.findall(pairs):
            text = values.get((key, name)) or values[key, ""]
            assert f"`{word}`" in text, f"@{name} {key}={word}"


def test_every_example_is_such_an_event():
    rows = documented()
    for name, _, rest in ROW.findall(DOCUMENT.read_text()):
        example = parse(re.search(r"\| `(@.*)` $", rest)[1])
        assert (example.name, list(example.fields)) == (name, rows[name])


def test_every_event_of_a_linux_is_documented():
    """The events of its first process, which is a script."""
    script = (paths.ROOT / "tools/linux_init").read_text().replace("\\\n", "")
    said = {f"linux.{name}": ["gen", *re.findall(r"\b([a-z]+)=", pairs)]
            for name, pairs in re.findall(r"\bevent ([a-z]+) (.*)", script)}
    assert said == documented(LINUX)


STAGE = re.compile(r'^STAGE\(\w+, \w+, "([a-z0-9-]+)"\) {\n(.*?)^}', re.M | re.S)


def kinds_of_refusal(text: str) -> set[str]:
    """The first arguments of tolerate(), and stages that can return an error."""
    stages = {name for name, body in STAGE.findall(text)
              if "TRY(" in body or set(re.findall(r"return (.*?);", body, re.S))
              != {"STATUS_OK"}}
    return stages | set(re.findall(r'\btolerate\(\s*"([a-z-]+)",', text))


def test_every_kind_of_refusal_is_documented():
    """The value of what=… is one of these."""
    kinds = {kind for folder in FOLDERS
             for source in (paths.ROOT / folder).rglob("*.c")
             for kind in kinds_of_refusal(source.read_text())}
    row = re.search(r"^\| `what` \| (.*) \|$", DOCUMENT.read_text(), re.M)[1]
    assert kinds == set(re.findall(r"`([a-z0-9-]+)`", row))


@pytest.mark.modes(*EXPECTED)
def test_a_log_says_nothing_undocumented(the_chain):
    rows = documented()
    for event in the_chain.run.events:
        assert list(event.fields) == rows.get(event.name), str(event)


@pytest.mark.modes(*EXPECTED)
def test_every_event_names_its_generation_first(the_chain):
    for event in the_chain.run.events:
        assert next(iter(event.fields)) == "gen", str(event)
