"""The tools that people start: the demonstration, `run`, and GDB in front."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from harness import paths

TOOLS = paths.ROOT / "tools"
QUIT = "\x01x"  # Ctrl-A X


def alive(home) -> bool:
    """Is any process left whose working directory is this run's?"""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # ended meanwhile, or not ours to look at
            if link.readlink() == home:
                return True
    return False


@pytest.fixture
def terminal():
    """Start a tool in a terminal of its own; it is gone after the test."""
    children = []

    def start(name: str, *words: str) -> pexpect.spawn:
        child = pexpect.spawn(str(TOOLS / name), list(words), timeout=60,
                              env={**os.environ, "TERM": "dumb"})
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


@pytest.mark.parametrize("locale, mark", [
    ("C.UTF-8", "✓"), pytest.param("C", "+", marks=pytest.mark.slow)])
def test_the_demonstration_of_one_mode(locale, mark):
    environment = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0",
                   "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([TOOLS / "demo", "identity"], env=environment,
                          capture_output=True)
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0, text + done.stderr.decode()
    assert "BatonGeneration is 3" in text
    assert f"identity     2  {mark} " in text
    assert locale != "C" or text.isascii()


def test_a_run_is_quit_from_the_keyboard(terminal, tmp_path):
    script = tmp_path / "commands"
    script.write_text("# first of all\nmode\n")
    run = terminal("run", "--mode=physical", "--lives=2", f"--script={script}")
    run.expect("Ctrl-A, then X")
    run.expect("@end gen=1 verdict=pass")
    run.expect('@monitor.command gen=1 line="mode" status=ok')
    run.expect("g1> ")
    run.send("lin\t\r")
    run.expect("generation 0 .*generation 1 ")
    run.expect("g1> ")
    run.send(QUIT)
    run.expect(pexpect.EOF)
    assert not alive(paths.RUNS / "run")


def test_gdb_stops_in_each_generation_and_leaves_nothing(terminal):
    gdb = terminal("run", "--debug", "--lives=2")
    for generation in range(2):
        gdb.expect_exact("(gdb) ")
        gdb.sendline("continue")
        gdb.expect(r"Breakpoint 1, kernel_main \(magic=")
    gdb.expect_exact("(gdb) ")
    gdb.sendline("print info_pa % 8")
    gdb.expect_exact("$1 = 0")
    gdb.expect_exact("(gdb) ")
    assert alive(paths.RUNS / "debug")
    gdb.sendline("quit")
    gdb.expect(pexpect.EOF)
    assert not alive(paths.RUNS / "debug")


def test_the_command_of_a_run_can_be_printed():
    text = subprocess.check_output(
        [TOOLS / "run", "--dry-run", "--mode=naive"], text=True)
    assert "qemu-system-x86_64" in text and "OVMF_CODE_4M" in text


@pytest.mark.parametrize("tool", ["demo", "run", "media", "install-deps"])
def test_every_tool_explains_itself(tool):
    assert subprocess.check_output([TOOLS / tool, "--help"], text=True)


def test_nothing_is_missing_here():
    subprocess.run([TOOLS / "install-deps", "--check"], check=True)
