"""The keyboard: keys have the same effect as on a serial terminal."""

from harness.events import clean

ROWS = [
    "1 2 3 4 5 6 7 8 9 0 minus equal",
    "q w e r t y u i o p bracket_left bracket_right",
    "a s d f g h j k l apostrophe grave_accent backslash",
    "z x c v b n m comma dot slash semicolon",
]
PLAIN = "1234567890-=" "qwertyuiop[]" "asdfghjkl'`\\" "zxcvbnm,./;"
SHIFTED = "!@#$%^&*()_+" "QWERTYUIOP{}" 'ASDFGHJKL"~|' "ZXCVBNM<>?:"


def type_keys(machine, *chords) -> str:
    """Press them one after the other; returns the resulting line."""
    machine.at_prompt()
    for keys in [*chords, "ret"]:
        machine.press(*keys.split("-"))
        if keys != "caps_lock":
            machine.hear()
    return machine.wait_for("monitor.command")["line"]


def test_every_key_of_the_us_layout(boot):
    keys = " ".join(ROWS).split()
    with boot("efi=off generations=1", screen="none") as machine:
        assert type_keys(machine, *keys) + ";" == PLAIN  # it ends a command
        shifted = [f"{side}-{key}" for side, key in
                   zip(["shift", "shift_r"] * len(keys), keys)]
        assert type_keys(machine, *shifted) == SHIFTED.replace('"', "'")


def test_a_line_is_edited_with_the_keys_for_it(boot):
    with boot("efi=off generations=1", screen="none") as machine:
        assert type_keys(
            machine, "a", "x", "left", "b", "home", "z", "end", "spc", "y",
            "home", "delete", "right", "c", "end", "backspace", "q",
        ) == "acbx q"
        assert type_keys(machine, "up", "1") == "acbx q1"
        assert type_keys(machine, "a", "ctrl-a", "b", "ctrl_r-e",
                         "c") == "bac"


def test_caps_lock_is_for_letters(boot):
    with boot("efi=off generations=1", screen="none") as machine:
        assert type_keys(machine, "a", "caps_lock", "b", "1", "shift-c",
                         "shift-1", "caps_lock", "d") == "aB1c!d"


def test_a_long_answer_stops_at_each_screenful(boot):
    """For input from the keyboard; on a terminal it scrolls."""
    with boot("efi=fixed generations=2", screen="none") as machine:
        whole = machine.ask("log").lines
        machine.at_prompt()
        for key in "log":
            machine.press(key)
            machine.hear()
        machine.press("ret")
        stops = [shown_to(whole, until_more(machine))]
        machine.press("spc")
        stops.append(shown_to(whole, until_more(machine), stops[0] + 1))
        machine.press("q")
        assert machine.wait_for("monitor.command")["status"] == "ok"
        assert 0 < stops[0] < stops[1] < len(whole) - 20
        assert len(machine.ask("log").lines) > len(whole)


def shown_to(lines: list[str], row: str, start: int = 0) -> int:
    """The line that ends with the row: beside the QR code long ones wrap."""
    return next(number for number in range(start, len(lines))
                if lines[number].endswith(row))


def until_more(machine) -> str:
    """The last line that is shown; the one above it is not lost."""
    question = "-- more: any key, q for the prompt --"
    while not clean(machine._pending).endswith(question):
        machine._pump()
    for _ in range(1000):  # the screen is written after the serial line
        rows = [row for row in machine.screen() if row]
        if rows[-1].startswith(question):
            return rows[-2]
    raise AssertionError(f"the screen ends with {rows[-1]}")
