"""The output in README, docs and labs/primer.md is that of this kernel.

Each page has its runs below; the GDB sessions are replayed by tools/gdb/replay
(tests/boot/test_gdb.py).
"""

import os
import re
import subprocess

import pytest
from test_log import documented

from harness import chain, documents, paths
from harness.events import parse

README, DOCS = paths.ROOT / "README.md", paths.ROOT / "docs"

shown_firmware = pytest.mark.skipif(not documents.firmware_is_shown(),
                                    reason=documents.ANOTHER_FIRMWARE)


def name_of(page) -> str:
    return page.name


# ---- the prompt

def sessions(page):
    """One machine for each: the generation of its prompts never decreases, and
    the output of a kexec is shown, or it is the end."""
    found = []
    for one in documents.exchanges(page):
        last = found[-1][-1] if found else None
        if not last or one.gen < last.gen or (
                last.command.startswith("kexec") and not last.answer):
            found.append([])
        found[-1].append(one)
    return [pytest.param(one, id=f"{page.stem}-{one[0].gen}-{one[0].command}")
            for one in found]


def answer(machine, one: documents.Exchange) -> list[str]:
    """All output after a command, up to the next prompt, which after a
    kexec is that of another kernel."""
    machine.at_prompt()
    start = len(machine.run.lines) + 1
    machine.type(f"{one.command}\r")
    for event in machine.events():
        if event.name == "monitor.command" or (
                event.name == "monitor.input" and event.number("gen") > one.gen):
            break
    machine.at_prompt()
    return machine.run.lines[start:]


@shown_firmware
@pytest.mark.parametrize("session", [
    *sessions(README), *sessions(DOCS / "monitor.md")])
def test_a_session_at_the_prompt(boot, session):
    """The commands on a page are typed again, and give the output shown."""
    wrong = []
    with boot(f"efi=fixed generations={session[0].gen + 1}") as machine:
        for one in session:
            if one.command.startswith("kexec") and not one.answer:
                break
            said = answer(machine, one)
            shown = one.answer
            if not any(documents.LOG.match(line) for line in shown):
                said = [line for line in said if not documents.LOG.match(line)]
            if one.command.startswith("kexec"):
                found = documents.missing(shown, said)
            else:
                found = documents.differences(shown, said)
            found = [line for line in found if "@monitor." not in line]
            if found:
                wrong += [f"g{one.gen}> {one.command}", *found, "answer:",
                          *said]
    assert not wrong, "\n".join(wrong)


# ---- the log

# The machines for a page, in addition to the chains of all modes.
MACHINES = {
    "modes.md": [
        *({"cmdline": "efi=physical generations=1 end=exit", "sin": sin}
          for sin in ("apple", "fails-at-identity")),
        {"cmdline": "generations=2 efi=fixed,identity end=exit"},
        {"cmdline": "efi=direct generations=2 end=exit "
                    "direct_base=0xffff800000000000,0xffff900000000000"},
        {"cmdline": "generations=3 la57=off,on,off end=exit", "cpu": "max"},
        {"cmdline": "efi=direct generations=1 end=exit", "firmware": "ia32"},
        {"cmdline": "efi=auto generations=1 end=exit", "firmware": "ia32"},
        {"cmdline": "efi=physical,auto generations=2 end=exit",
         "firmware": "uboot"},
    ],
    "svam.md": [{"cmdline": f"efi={mode} efi.diff=on generations=1 end=exit"}
                for mode in ("fixed", "identity", "physical")],
    "touch.md": [{"cmdline": "efi=fixed efi.touch=on generations=2 end=exit"}],
    "serial-log.md": [],
    "primer.md": [{"cmdline": "efi=fixed efi.diff=on generations=1 end=exit"}],
}


@shown_firmware
@pytest.mark.parametrize("name", MACHINES)
def test_lines_of_a_log(boot, chain_of, name):
    said = [line for mode in chain.EXPECTED
            for line in chain_of(mode).run.lines]
    for machine in MACHINES[name]:
        with boot(**machine) as running:
            said += running.finish().lines
    page = next(page for page in documents.PAGES if page.name == name)
    missing = documents.missing(documents.logged(page), said)
    assert not missing, "\n".join(
        ["in no run of MACHINES above:", *missing])


@pytest.mark.parametrize("page", documents.PAGES, ids=name_of)
def test_events_have_the_keys_that_are_documented(page):
    """Also on pages whose machines no test boots: with a Linux, with
    other firmware."""
    rows = documented() | documented(DOCS / "linux.md")
    for block in documents.blocks(page):
        for line in block:
            if not line.startswith("@") or line.endswith("…"):
                continue
            event = parse(line)
            keys = rows.get(event.name)
            assert list(event.fields) == keys, f"{line}: known are {keys}"


# ---- tools

def block_with(page, words: str) -> list[str]:
    return next(block for block in documents.blocks(page)
                if any(words in line for line in block))


def printed(*words: str) -> list[str]:
    done = subprocess.run(words, cwd=paths.ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


@shown_firmware
def test_what_the_demonstration_prints():
    """The part in the README; of the table at the end, one mode."""
    said = printed("tools/demo", "fixed")
    shown = block_with(README, "Generation 0, started by GRUB")
    start = next(i for i, line in enumerate(said) if "Generation 0," in line)
    assert [documents.shape(line) for line in said[start:start + len(shown)]] \
        == [documents.shape(line) for line in shown]
    table = block_with(README, "gen time ticks variable")
    rows = [line for line in table if line.split()[0] not in chain.EXPECTED
            or line.split()[0] == "fixed"]
    assert documents.missing(rows, said) == []


@pytest.mark.slow
def test_the_table_of_the_demonstration():
    table = block_with(README, "gen time ticks variable")
    assert documents.missing(table, printed("tools/demo")) == []


@pytest.mark.slow
@shown_firmware
def test_what_the_relay_prints():
    shown = block_with(README, "$ make relay")[1:]
    assert documents.differences(shown, printed("tools/relay")) == []


@pytest.mark.slow
def test_what_the_relay_prints_on_32_bit_firmware():
    shown = block_with(DOCS / "linux.md", "$ make relay")[1:]
    assert documents.differences(shown, printed(
        "tools/relay", "--firmware=ia32")) == []


def test_the_pictures_of_the_primer_are_drawn_from_their_source():
    printed("labs/pictures/draw", "--check")
    used = set(re.findall(r"pictures/(\w+)\.svg",
                          (paths.ROOT / "labs/primer.md").read_text()))
    drawn = {path.stem for path in paths.ROOT.glob("labs/pictures/*.svg")}
    assert used == drawn


def test_tools_are_called_as_they_can_be():
    """Targets, tools, options and variables of each command in a block."""
    targets = set(re.findall(r"^([a-z-]+):", (
        paths.ROOT / "Makefile").read_text(), re.M))
    for page in documents.PAGES:
        for block in documents.blocks(page):
            for line in block:
                words = re.sub(r"^\$ | #.*", "", line).split()
                if words[:1] == ["make"] and "-f" not in words:
                    check_make(words[1:], targets)
                elif words and words[0].startswith("tools/"):
                    assert (paths.ROOT / words[0]).exists(), line
                    help_text = "\n".join(printed(words[0], "--help"))
                    for word in words[1:]:
                        if word.startswith("--"):
                            assert word.partition("=")[0] in help_text, line


def check_make(words: list[str], targets: set) -> None:
    goals = [word for word in words if "=" not in word]
    names = [word.partition("=")[0] for word in words if "=" in word]
    for goal in goals:
        assert goal in targets or goal.startswith("build/"), words
    if names:
        assert printed("tools/variables", " ".join(goals), *names) == [], words
