"""The reader of the serial log, on good lines and on broken ones."""

import re

import pytest

from harness import events
from harness.events import wanted


def test_an_event_has_a_name_and_fields():
    event = events.parse('@proof gen=1 check=time detail="from 3 to 4" x=')
    assert event.name == "proof"
    assert event.fields == {
        "gen": "1", "check": "time", "detail": "from 3 to 4", "x": "",
    }


@pytest.mark.parametrize("line", ["", "g1 [    0.012345] efi: text", " @boot"])
def test_other_lines_are_not_events(line):
    assert events.parse(line) is None


@pytest.mark.parametrize("line", [
    "@boot gen", '@boot why="open', '@boot why="a"b"', "@boot =1",
    "@boot gen=0  two=1",
])
def test_a_broken_event_is_not_passed_over(line):
    with pytest.raises(events.Malformed):
        events.parse(line)


def test_numbers_are_decimal_or_hexadecimal():
    event = events.parse("@mm free=12 base=0x20")
    assert (event.number("free"), event.number("base")) == (12, 32)


def test_terminal_escapes_are_removed():
    raw = b"\x1b[2J\x1b[01;01H\x1b[=3h@boot gen=0\r\n"
    assert events.clean(raw) == "@boot gen=0"


LOG = [events.parse(line) for line in (
    "@boot gen=0", "@end gen=0 verdict=pass", "@boot gen=1",
    "@end gen=1 verdict=fail",
)]


def test_other_events_may_come_between():
    assert events.missing(LOG, [
        wanted("boot", gen=0), wanted("boot", gen=1),
        wanted("end", verdict=re.compile("pass|fail")),
    ]) is None


def test_events_have_an_order():
    expected = [wanted("boot", gen=1), wanted("boot", gen=0)]
    assert "MISSING  @boot gen=0" in events.missing(LOG, expected)


def test_the_report_shows_what_came_instead():
    expected = [wanted("boot", gen=1), wanted("end", verdict="pass")]
    report = events.missing(LOG, expected)
    assert "found    @boot gen=1" in report
    assert "MISSING  @end verdict=pass" in report
    assert "instead  @end gen=1 verdict=fail" in report
