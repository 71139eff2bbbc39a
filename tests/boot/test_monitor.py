"""The monitor: a person's session over the serial line, and scripts.

What a command says is checked against something else where that is possible:
the flash file after power-off, QEMU's account of the end, the next kernel.
"""

import re

import pytest

from harness import media, paths
from harness.events import wanted

DOCUMENT = paths.ROOT / "docs" / "monitor.md"


def usages(text: str) -> dict[str, str]:
    """Command with its arguments -> the line of help, from what help prints."""
    return dict(re.findall(r"^ +(\S.*?) {2,}(\S.*)$", text, re.M))


def commands(run) -> list[tuple[str, str]]:
    """Every command of a run, and its status."""
    return [(e["line"], e["status"]) for e in run.all("monitor.command")]


def test_help_is_documented(boot):
    with boot("efi=off lives=1") as machine:
        answer = machine.ask("help")
    listed = re.search(r"> help\n((?: {6}.*\n)+)", DOCUMENT.read_text())
    documented = usages(listed[1])
    assert usages(answer.text) == documented
    assert len(answer.lines) == len(documented)


def test_wrong_input_gets_a_helpful_line(boot):
    wrong = {
        "boredom": "boredom is no command; `help` lists them all",
        "po": "like it: poweroff",
        "help me": "usage: help",
        "crash": "usage: crash KIND",
        "crash boredom": "known are null, code",
        '""': "is no command",
        '"help me': "help me is no command",
    }
    with boot("efi=off lives=1") as machine:
        for line, hint in wrong.items():
            answer = machine.ask(line)
            assert hint in answer.text
            assert answer.status in ("invalid", "not-found")
            assert answer.event["line"] == line.replace('"', "'")


def test_keys_of_a_terminal(boot):
    up, left, home = "\x1b[A", "\x1b[D", "\x1b[H"
    with boot("efi=off lives=1") as machine:
        typed = {
            "xhelp" + home + "\x04": "help",
            "he\t": "help ",
            "selftestx" + left + "\x0b": "selftest",
            "boredom\x03help": "help",
            up + up: "selftest",
            "\x1b[15~help\x1b]0;x\x07": "help",
        }
        for keys, line in typed.items():
            answer = machine.ask(keys)
            assert answer.event["line"] == line
            assert answer.status == "ok"


def test_the_prompt_of_the_last_generation(boot):
    with boot("efi=fixed lives=2") as machine:
        answer = machine.ask("selftest")
        machine.type("poweroff\r")
        run = machine.finish()
    assert answer.event["gen"] == "1"
    assert answer.text.startswith("KTAP version 1\n1..9\nok 1 ")
    run.expect(wanted("end", gen=1, verdict="pass"),
               wanted("monitor.command", line="selftest", status="ok"))
    assert run.end.how == "guest-shutdown"


@pytest.mark.parametrize("mode", ["off", "fixed"])
def test_reboot(boot, mode):
    with boot(f"efi={mode} lives=1") as machine:
        machine.wait_for("end")
        machine.type("reboot\r")
        run = machine.finish()
    assert run.end.how == "guest-reset"


def test_a_crash_at_the_prompt(boot):
    with boot("efi=off lives=1") as machine:
        machine.wait_for("end")
        machine.type("crash divide\r")
        run = machine.finish()
    assert "divide error" in run.one("panic")["why"]
    assert run.end.code == 35


def test_commands_on_the_command_line(boot):
    line = 'efi=off lives=1 end=exit run="help; nonsense;; crash x"'
    with boot(line) as machine:
        run = machine.finish()
    assert commands(run) == [("help", "ok"), ("nonsense", "not-found"),
                             ("crash x", "invalid")]
    assert run.events.index(run.one("end")) < run.events.index(
        run.all("monitor.command")[0])
    assert run.end.code == 39


def test_a_script_in_the_bundle(boot, tmp_path):
    script = b"# a comment; help\r\n\n  help # me\n" + b"x" * 600 + b"\nselftest"
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(media.cpio({"run": script}))
    with boot("efi=off lives=1 end=exit run=help", bundle=bundle) as machine:
        run = machine.finish()
    assert commands(run) == [("help", "ok"), ("help # me", "invalid"),
                             ("selftest", "ok")]
    assert any("600 characters is too long" in line for line in run.lines)
