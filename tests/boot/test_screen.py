"""The screen: its text can be read, with any loader."""

import pytest

from harness import paths
from harness.events import wanted
from harness.rsp import symbol

COLUMNS = 160  # OVMF's screen is 1280 pixels wide


def as_shown(lines: list[str]) -> list[str]:
    """Lines of the log as rows of the screen."""
    return [line[at:at + COLUMNS].rstrip() for line in lines
            for at in range(0, max(len(line), 1), COLUMNS)]


def said(run) -> list[str]:
    """The output of the kernels, without that of firmware and GRUB."""
    first = next(number for number, line in enumerate(run.lines)
                 if line.startswith("@boot gen=0"))
    return as_shown(run.lines[first:])


def look(boot, cmdline: str, at: str = "power_off_after", **options):
    """Run, and read the screen at the kernel's end."""
    with boot(cmdline, screen="none", paused=True, **options) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, at))
            rows = machine.screen()
            debugger.detach()
        run = machine.finish()
    rows = "\n".join(rows).strip("\n").split("\n")
    assert "".join(rows), "the screen is empty"
    return run, rows


def test_the_whole_log_is_on_the_screen(boot):
    """From its first line on, although the screen was not available yet."""
    run, rows = look(boot, "efi=telepathic generations=1 end=exit")
    assert "telepathic" in run.one("refused", what="cmdline")["why"]
    assert rows == said(run)


@pytest.mark.parametrize("mode", ["fixed", "physical"])
def test_each_generation_has_the_screen(boot, mode):
    """Its last rows are the last lines of the kernel that was started
    by kexec."""
    run, rows = look(boot, f"efi={mode} generations=2 end=exit")
    run.one("end", gen=1, verdict="pass")
    assert run.all("refused") == []
    assert len(rows) > 20
    assert rows == said(run)[-len(rows):]
    assert not any("gen=0" in row or row.startswith("g0 ") for row in rows)


def test_a_panic_is_on_the_screen(boot):
    run, rows = look(boot, "efi=off crash=null")
    assert rows == said(run)
    assert any("backtrace" in row for row in rows)


INVALID = b"\x0f\x0b"  # ud2


@pytest.mark.parametrize("where", ["options_read", "space_init"])
@pytest.mark.parametrize("gen", [0, 1])
def test_an_early_panic_is_on_the_screen(boot, gen, where):
    """Before the kernel has a page table of its own, from GRUB and by kexec."""
    with boot("efi=fixed generations=2", screen="none",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(gen + 1):
                debugger.run_to(symbol(paths.SYMBOLS, where))
            debugger.write(symbol(paths.SYMBOLS, where), INVALID)
            debugger.run_to(symbol(paths.SYMBOLS, "power_off_after"))
            rows = machine.screen()
            debugger.detach()
        run = machine.finish()
    why = run.one("panic", gen=gen)["why"]
    assert f"{symbol(paths.SYMBOLS, where):#x}" in why
    rows = "\n".join(rows).strip("\n").split("\n")
    assert any(f"panic: {why}" in row for row in rows)
    assert rows[-1] == as_shown(run.lines)[-1]


def test_no_keyboard_answers(boot):
    """As on a PC with only a USB keyboard: this is reported, also on the screen."""
    with boot("efi=fixed generations=1", screen="none",
              without="keyboard") as machine:
        machine.wait_for("monitor.input", serial=1, keyboard=0)
        machine.ask("mode")
        rows = "\n".join(machine.screen())
        assert "There is no keyboard. A USB keyboard needs" in rows
        assert "type on the first serial port" in rows


@pytest.mark.parametrize("mode, last, ending, end", [
    ("fixed", "efi_reset_system", "switched off", "guest-shutdown"),
    ("off", "reboot", "reset", "guest-reset"),
])
def test_nothing_can_be_typed(boot, mode, last, ending, end):
    """This is reported, and the machine is switched off after a while."""
    with boot(f"efi={mode} generations=1", screen="none", paused=True,
              without="serial keyboard") as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, last))
            rows = "\n".join(machine.screen())
            debugger.detach()
        run = machine.finish()
    assert f"This machine will be {ending} in 120 seconds" in rows
    assert run.end.how == end


def test_a_keyboard_answers(boot):
    with boot("efi=off generations=1") as machine:
        machine.wait_for("monitor.input", serial=1, keyboard=1)


def test_a_framebuffer_in_memory_is_refused(boot):
    """The kernel continues without it, and does not hand it on."""
    with boot("efi=fixed generations=2 end=exit", screen="none",
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "screen_open"))
            lfb_base = debugger.register("rdi") + 0x18
            debugger.write(lfb_base, (0x1000000).to_bytes(4, "little"))
            debugger.detach()
        run = machine.finish()
    refusal = run.one("refused")
    assert (refusal["gen"], refusal["what"]) == ("0", "screen")
    assert "at 0x1000000 overlap memory that is " in refusal["why"]
    run.expect(wanted("kexec.jump", gen=0),
               wanted("end", gen=1, verdict="pass"))


@pytest.mark.slow
def test_a_screen_without_uefi(boot, iso):
    """SeaBIOS, and a mode of the video BIOS: the same path in the kernel."""
    run, rows = look(boot, "", iso=iso, medium="iso", firmware="none")
    run.one("end", gen=2, verdict="none")
    assert run.all("refused") == []
    assert rows[-1] == said(run)[-1]
