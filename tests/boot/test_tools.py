"""The tools: the demonstration, `run`, and GDB."""

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from harness import media, paths
from harness.events import wanted
from harness.terminal import Terminal

TOOLS = paths.ROOT / "tools"
EVERY_TOOL = sorted(
    str(path.relative_to(TOOLS)) for path in TOOLS.rglob("*")
    if path.is_file() and os.access(path, os.X_OK) and path.name != "linux_init"
)
QUIT = "\x01x"  # Ctrl-A X


def alive(home) -> bool:
    """Is there any process left whose working directory is this run's?"""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # ended meanwhile, or not readable for us
            if link.readlink() == home:
                return True
    return False


@pytest.fixture
def terminal():
    """Start a tool in a terminal; it is ended after the test."""
    children = []

    def start(name: str, *words: str) -> Terminal:
        children.append(Terminal(TOOLS / name, *words))
        return children[-1]

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


@pytest.mark.xdist_group("tools/run")
def test_a_run_is_quit_from_the_keyboard(terminal, tmp_path):
    script = tmp_path / "commands"
    script.write_text("# first of all\nmode\nbundle ls\n")
    other = tmp_path / "other.bin"
    other.write_bytes(b"no kernel")
    run = terminal("run", "--mode=physical", "--generations=2",
                   f"--script={script}",
                   f"--with={other}")
    run.expect("Ctrl-A, then X")
    run.expect("@end gen=1 verdict=pass")
    run.expect('@monitor.command gen=1 line="mode" status=ok')
    run.expect("9  other.bin")
    run.expect("g1> ")
    run.send("lin\t\r")
    run.expect("generation 0 .*generation 1 ")
    run.expect("g1> ")
    run.send(QUIT)
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 0
    assert not alive(paths.RUNS / "run")


def end_of(*words, **variables) -> subprocess.CompletedProcess:
    """A program's output as text, standard output before standard error."""
    return subprocess.run(
        [str(word) for word in words], cwd=paths.ROOT, text=True,
        env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture
def qemu_that(tmp_path):
    """A program in place of QEMU, with this script."""
    def make(body: str) -> str:
        program = tmp_path / "qemu"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        return str(program)
    return make


def test_a_tool_may_lie_in_a_folder_with_blanks(tmp_path):
    tool = tmp_path / "two words"
    tool.write_text("#!/bin/sh\necho $# arguments\n")
    tool.chmod(0o755)
    Terminal(tool).expect_exact("0 arguments")


@pytest.mark.xdist_group("tools/run")
@pytest.mark.parametrize("body, status, message", [
    ("exit 0", 0, ""),
    ("exit 33", 0, ""),
    ("exit 39", 0, ""),
    ("exit 35", 1, "Baton failed or panicked"),
    ("exit 37", 1, "was refused"),
    ("exit 1", 1, "QEMU failed with exit status 1"),
    ("echo Triple fault >qemu.log", 1, "reset by a triple fault"),
])
def test_the_exit_status_of_a_run(qemu_that, body, status, message):
    """make adds "Error" and the status if it is not 0."""
    done = end_of(TOOLS / "run", "--generations=1", QEMU=qemu_that(body))
    assert done.returncode == status, done.stdout
    assert message in done.stdout


@pytest.mark.xdist_group("tools/run")
def test_words_for_the_kernel(qemu_that):
    """From WORDS= and from the command line, each with its blanks."""
    done = end_of(TOOLS / "run", "run=efi vars; mode", "crash=",
                  WORDS="efi.touch=on seed='7'", QEMU=qemu_that("exit 0"))
    assert done.returncode == 0, done.stdout
    config = json.loads((paths.RUNS / "run" / "config.json").read_text())
    assert config["cmdline"].endswith(
        ' end=monitor efi.touch=on seed=7 run="efi vars; mode" crash=')


@pytest.mark.xdist_group("tools/run")
@pytest.mark.parametrize("width, word", [(60, "columns=60"), (80, None)])
def test_a_narrow_terminal_is_announced(qemu_that, width, word):
    run = Terminal(TOOLS / "run", size=(24, width), COLUMNS="",
                   QEMU=qemu_that("exit 0"))
    run.expect(pexpect.EOF)
    config = json.loads((paths.RUNS / "run" / "config.json").read_text())
    assert [text for text in config["cmdline"].split()
            if text.startswith("columns=")] == ([word] if word else [])


def test_blanks_reach_the_kernel(boot):
    line = media.command_line(
        ["efi=off", "generations=1", "end=exit", "run=mode; frames; help"])
    with boot(line) as machine:
        run = machine.finish()
    run.expect(*[wanted("monitor.command", line=name, status="ok")
                 for name in ("mode", "frames", "help")])


# A mistake, and the expected message.
MISTAKES = [
    ("run", {"MODE": "fxied"}, "MODE=fxied: 'fxied' is none of fixed, phys"),
    ("run", {"FIRMWARE": "x"}, "FIRMWARE=x: 'x' is none of pflash"),
    ("run", {"GENERATIONS": "0"}, "GENERATIONS=0: '0' is not a whole number from 1 to"),
    ("run", {"MODE": "fixed*0"}, "'0' is not a whole number from 1"),
    ("run", {"MODE": "fixed,fxied"}, "'fxied' is none of"),
    ("run", {"END": "never"}, "END=never: 'never' is none of monitor, shut"),
    ("run", {"RAM": "abc"}, "RAM=abc: 'abc' is not a whole number from 128"),
    ("run", {"SCREEN": "yes"}, "SCREEN=yes: 'yes' is none of 0, 1"),
    ("run", {"SCRIPT": "/nowhere"}, "SCRIPT=/nowhere: cannot read"),
    ("run", {"SCRIPT": "/"}, "Is a directory"),
    ("run", {"WORDS": "run='x"}, "no closing quotation"),
    ("run", {"WORDS": "run='a$b c'"}, "GRUB cannot pass on"),
    ("run", {"TEST": "x"}, "is for --debug"),
    ("run", {"ACCEL": "foo"}, "ACCEL=foo: 'foo' is none of tcg, kvm"),
    ("run", {"SLOWNESS": "abc"}, "SLOWNESS=abc: 'abc' is not a number"),
    ("run", {"QEMU": "/nowhere"}, "QEMU=/nowhere: there is no such program"),
    ("run --script=", {}, "cannot read ''"),
    ("run --ram=-5", {}, "'-5' is not a whole number"),
    ("run --iso run=mode", {}, "the ISO's menu"),
    ("run --debug", {"QEMU": "/bin/true"}, "QEMU ended immediately"),
    ("run --debug --test=none", {}, "there is no machine of a test named none"),
    ("demo fxied", {}, "'fxied' is none of physical"),
    ("demo fixed", {"QEMU": "/nowhere"}, "there is no such program"),
    ("relay fxied", {}, "'fxied' is none of physical"),
    ("relay", {"FIRMWARE": "none"}, "FIRMWARE=none: 'none' is none of pflash"),
    ("crash_demo boredom", {}, "'boredom' is none of null"),
    ("fuzz --seconds=abc", {}, "'abc' is not a whole number from 1"),
    ("fuzz --jobs=0", {}, "'0' is not a whole number from 1"),
    ("fuzz nothing", {}, "'nothing' is none of acpi"),
    ("coverage nothing.py", {}, "there is no nothing.py"),
    ("media iso /dev/null/x/y", {}, "Not a directory: /dev/null/x"),
    ("media disk x --kernel=/nowhere", {}, "cannot read '/nowhere'"),
    ("conformance x", {}, "unrecognized arguments: x"),
    ("sins x", {}, "no such fault: x"),
    ("console none", {}, "start one with `make debug`"),
    ("bench", {"QEMU": "/nowhere"}, "there is no such program"),
    ("bundle", {}, "Usage: tools/bundle"),
    ("symbols", {}, "Usage: tools/symbols"),
    ("gdb/replay", {"QEMU": "/nowhere"}, "there is no such program"),
    ("atlas/draw", {"MODE": "fxied"}, "MODE=fxied: 'fxied' is none of phys"),
    ("atlas/draw", {"FIRMWARE": "x"}, "FIRMWARE=x: 'x' is none of pflash"),
    ("atlas/draw --generations=0", {}, "'0' is not a whole number from 1 to"),
    ("atlas/draw --alone", {"QEMU": "/nowhere"}, "there is no such program"),
    ("atlas/draw --firmware=none", {}, "'none' is none of pflash"),
]


@pytest.mark.parametrize("words, variables, message", MISTAKES,
                         ids=[f"{row[0]} {row[1] or ''}" for row in MISTAKES])
def test_a_mistake_is_reported_in_one_line(words, variables, message):
    name, *more = words.split()
    done = end_of(TOOLS / name, *more, **variables)
    assert done.returncode not in (0, 130), done.stdout
    assert message in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("words, message", [
    ("run run=lineage", 'no variable is named run; `make help`'),
    ("test MODES=fixed", "no variable is named MODES"),
    ("demo GENERATIONS=2", "GENERATIONS= is used only by: make run debug"),
])
def test_a_variable_that_nothing_reads(words, message):
    done = end_of("make", "-n", *words.split())
    assert done.returncode != 0 and message in done.stdout


def test_what_the_makefile_assigns_can_be_set():
    done = end_of("make", "-n", "all", "NASM=true", "FONT=/dev/null")
    assert done.returncode == 0, done.stdout


def test_a_make_in_a_test_is_not_that_of_the_tests():
    """Variables of `make test` are not passed to a make in a test."""
    done = end_of("/usr/bin/python3", "-m", "pytest", "-n0", __file__, "-k",
                  "test_what_the_makefile_assigns_can_be_set",
                  MAKEFLAGS=" -- JUNIT=build/junit.xml", MAKELEVEL="1")
    assert done.returncode == 0, done.stdout


def test_a_report_that_cannot_be_written():
    done = end_of("/usr/bin/python3", "-m", "pytest", "tests/test_style.py",
                  "--co", "--junit-xml=/dev/null/x.xml")
    assert "JUNIT=/dev/null/x.xml cannot be written" in done.stdout
    assert "Traceback" not in done.stdout and done.returncode != 0


def test_every_variable_is_listed():
    """All environment variables of tools are in the list of `make help`."""
    read = set()
    for path in [*TOOLS.rglob("*"), *(paths.ROOT / "tests").rglob("*.py")]:
        if path.is_file() and path.suffix in ("", ".py"):
            read |= set(re.findall(
                r'(?:environ\.get|cli\.variable|getenv)\(\s*"([A-Z]+)"',
                path.read_text()))
    listed = end_of("make", "help").stdout
    assert {"ACCEL", "WORDS", "SLOWNESS"} <= read
    for name in read:
        assert f"  {name}=" in listed, name


def test_the_ways_to_crash_are_known(boot):
    """The demo has all but `handoff`, by which the next kernel panics."""
    kinds = end_of(TOOLS / "crash_demo", "x").stdout.rpartition("none of ")[2]
    with boot("efi=off generations=1") as machine:
        told = machine.ask("crash x").text
    assert told.endswith(f"{kinds.strip()}, handoff")


def test_an_unforeseen_error_leaves_its_traceback_in_a_file(tmp_path):
    done = end_of("/usr/bin/python3", "-c", "from harness import cli\n"
                  "cli.plain_errors()\n{}['key']", PYTHONPATH="tests")
    assert done.returncode == 1 and "KeyError: 'key'" in done.stdout
    assert "Traceback" not in done.stdout
    assert "KeyError" in (paths.BUILD / "traceback.txt").read_text()


@pytest.mark.xdist_group("tools/run --debug")
def test_gdb_stops_in_each_generation_and_leaves_nothing(terminal):
    gdb = terminal("run", "--debug", "--generations=2")
    for generation in range(2):
        gdb.expect_exact("(gdb) ")
        gdb.sendline("continue")
        gdb.expect(r"Breakpoint 1, kernel_main \(magic=[^)]*\)\s+at kernel/main.c:")
    gdb.expect_exact("(gdb) ")
    gdb.sendline("print info_pa % 8")
    gdb.expect_exact("$1 = 0")
    gdb.expect_exact("(gdb) ")
    assert alive(paths.RUNS / "debug")
    gdb.sendline("quit")
    gdb.expect(pexpect.EOF)
    assert not alive(paths.RUNS / "debug")


@pytest.mark.xdist_group("tools/run --debug")
def test_the_prompt_behind_gdb_can_be_typed_at(terminal):
    gdb = terminal("run", "--debug", "--generations=1", "--mode=off")
    gdb.expect_exact("(gdb) ")
    for line in ("delete", "continue"):
        gdb.sendline(line)
    console = terminal("console")
    console.expect_exact("g0> ")
    console.send("frames\r")
    console.expect(r"\d+ frames of 4 KiB are free")
    console.expect('@monitor.command gen=0 line="frames" status=ok')
    console.send("\x1d")
    console.expect(pexpect.EOF)
    console.close()
    assert console.exitstatus == 0
    gdb.sendintr()
    gdb.expect_exact("(gdb) ")
    gdb.sendline("quit")
    gdb.expect(pexpect.EOF)


def test_the_command_of_a_run_can_be_printed():
    text = subprocess.check_output(
        [TOOLS / "run", "--dry-run", "--mode=naive"], text=True)
    assert "qemu-system-x86_64" in text and "OVMF_CODE_4M" in text


@pytest.mark.parametrize("tool", EVERY_TOOL)
def test_every_tool_explains_itself(tool):
    done = end_of(TOOLS / tool, "--help")
    assert done.returncode == 0 and "sage: " in done.stdout


def test_nothing_is_missing_here():
    subprocess.run([TOOLS / "install-deps", "--check"], check=True)
