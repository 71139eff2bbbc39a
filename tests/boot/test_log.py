"""The serial log is an interface: what the kernel says is documented.

docs/serial-log.md has a row per event. Here it is held against the kernel's
sources, which hold every event that could be, and against real logs.
"""

import re

import pytest

from harness import paths
from harness.chain import EXPECTED

DOCUMENT = paths.ROOT / "docs" / "serial-log.md"
ROW = re.compile(r"^\| `@([a-z0-9._]+)` \| (.*?) \|", re.M)
CALL = re.compile(r'\bevent\(\s*"([a-z0-9._]+)",\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
KEY = re.compile(r"(?:^|[ \"])([a-z][a-z0-9_]*)=")


def documented(page=DOCUMENT) -> dict[str, set]:
    """Event -> its keys, from a page's table. All have `gen`."""
    return {
        name: {"gen", *re.findall(r"`([a-z0-9_]+)`", keys)}
        for name, keys in ROW.findall(page.read_text())
    }


def in_sources() -> dict[str, set]:
    """Event -> its keys, from every call of event() in the kernel."""
    found: dict[str, set] = {}
    for folder in ("boot", "mm", "efi", "kexec", "kernel", "lib"):
        for source in (paths.ROOT / folder).rglob("*.c"):
            for name, pairs in CALL.findall(source.read_text()):
                found.setdefault(name, {"gen"}).update(KEY.findall(pairs))
    return found


def test_the_sources_say_nothing_undocumented():
    rows = documented()
    for name, keys in in_sources().items():
        assert keys <= rows.get(name, set()), f"@{name}: {keys}"


def test_nothing_is_documented_that_is_never_said():
    said = in_sources()
    for name, keys in documented().items():
        assert keys <= said.get(name, set()), f"@{name}: {keys}"


def test_every_kind_of_refusal_is_documented():
    """Where it says what=…, the value comes from tolerate()."""
    source = (paths.ROOT / "kernel" / "main.c").read_text()
    kinds = set(re.findall(r'tolerate\("([a-z-]+)",', source))
    row = re.search(r"^\| `what` \| (.*) \|$", DOCUMENT.read_text(), re.M)[1]
    assert kinds == set(re.findall(r"`([a-z-]+)`", row))


@pytest.mark.modes(*EXPECTED)
def test_a_log_says_nothing_undocumented(the_chain):
    rows = documented()
    for event in the_chain.run.events:
        assert set(event.fields) <= rows.get(event.name, set()), str(event)


@pytest.mark.modes(*EXPECTED)
def test_every_event_names_its_generation_first(the_chain):
    for event in the_chain.run.events:
        assert next(iter(event.fields)) == "gen", str(event)
