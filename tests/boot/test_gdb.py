"""Baton's commands for GDB, each on a real machine.

A session is a script of commands. Their output is compared with the kernel's
own output on the serial line, where there is any.
"""

import re
import subprocess

import pytest
from conftest import USUAL

from harness import documents, gdb, paths, qemu
from harness.events import clean, parse
from harness.rsp import symbol

pytestmark = pytest.mark.xdist_group("gdb")

COMMANDS = ["pt", "ptmap", "efi-regions", "efi-mode", "step-firmware",
            "finish-firmware", "break-kexec", "reverse-continue", "backwards",
            "when", "save-state", "back-to"]
ENTRY_OFFSET = 0x200  # of the 64-bit entry, in Linux's boot protocol
BOOT = "'kernel/main.c'::kernel.boot"
LINEAGE = "'kernel/chain/lineage.c'::listed"
ATTRIBUTES = "'efi/protect/node.c'::inherited"

# For GDB's Python: from gate_enter's first instruction to the gate's last, the
# guard's between them, who is the caller, and does it get its registers back?
GATE_STEPS = """
import gdb
from baton import firmware, machine
callers = set()
while True:
    frame = gdb.newest_frame()
    if not machine.in_kernel(frame.pc()):
        gdb.execute("finish-firmware")
        continue
    if not machine.symbol_at(frame.pc()).startswith(("gate_", "guard_")):
        break
    caller = frame.older()
    callers.add((caller.name(), *(int(caller.read_register(name))
                                  for name in ("rsp", "rbx", "r15"))))
    gdb.execute("stepi")
print("callers:", len(callers), *[name for name, *_ in callers])
"""

# The same for the thunk of 32-bit firmware, on both ways.
THUNK_STEPS = """
import gdb
from baton import machine
modes, callers = [], set()
def step():
    caller = gdb.newest_frame().older()
    callers.add((caller.name(), int(caller.read_register("rsp"))))
    modes.append(int(gdb.parse_and_eval("$cs")))
    gdb.execute("stepi")
while int(gdb.parse_and_eval("$cs")) != 8:
    step()
gdb.execute("thbreak **(unsigned *)$rsp")
gdb.execute("continue")
while not machine.symbol_at(machine.pc()).startswith("guard_"):
    step()
print("modes:", *sorted(set(modes)), "callers:", *[name for name, _ in callers])
"""

FIXED = f"""
help baton
efi-mode
hbreak kernel_main
continue
pt $rip
ptmap
bt
efi-mode
pt
pt nosuch
pt 0xdeadbeefdeadbeef
step-firmware Nonsense
finish-firmware
thbreak proof_run
continue
print firmware.regions
print efi_guid_acpi
print {BOOT}.memory
efi-mode
efi-regions
ptmap
step-firmware
bt
print *gate_current
pt $rip
finish-firmware
bt
finish
step-firmware SetVariable
stepi 3
bt
finish
thbreak gate_enter
continue
source gate_steps.py
step-firmware
thbreak gate_contain
set $rip = 0xdeadb000
continue
bt
frame 2
print *frame
finish-firmware
bt
break-kexec
break-kexec
continue
bt
stepi
x/i $pc
bt
pt $pc
continue
info breakpoints
thbreak proof_run
continue
print {BOOT}.handoff
print {LINEAGE}[0]
print {ATTRIBUTES}[0]
print memory_attributes
efi-mode
""".strip().splitlines()

IDENTITY = """
bt
step-firmware SetVirtualAddressMap
bt
pt $rip
pt $rip kernel_table.root_pa
efi-mode
finish-firmware
break-kexec
continue
continue
bt
continue
stepi
continue
""".strip().splitlines()

CRASH = """
thbreak panic_trap
continue
print *frame
pt $cr2
bt
thbreak page_walk_explain
continue
print *walk
continue
""".strip().splitlines()


class Talk:
    """The output of a session, to be queried in order."""

    def __init__(self, name: str, cmdline: str, commands: list[str]):
        self.home = paths.RUNS / f"gdb-{name}"
        self.commands = commands
        self.answers = gdb.session(
            self.home, qemu.Config(cmdline, paused=True, medium=USUAL),
            *commands)

    def __call__(self, command: str, nth: int = 0) -> str:
        """The output of the nth of these commands."""
        places = [i for i, one in enumerate(self.commands) if one == command]
        return self.answers[places[nth]]

    def after(self, command: str, then: str) -> str:
        """The output of the first `then` that follows `command`."""
        start = self.commands.index(command)
        return self.answers[self.commands.index(then, start + 1)]

    def log(self) -> list[str]:
        """The kernel's output meanwhile on its serial line."""
        data = (self.home / "serial.log").read_bytes()
        return [clean(line) for line in data.splitlines()]

    def events(self, name: str):
        found = [parse(line) for line in self.log()]
        return [event for event in found if event and event.name == name]


@pytest.fixture(scope="module")
def fixed(tmp_path_factory) -> Talk:
    script = tmp_path_factory.mktemp("gdb") / "gate_steps.py"
    script.write_text(GATE_STEPS)
    commands = [line.replace("gate_steps.py", str(script)) for line in FIXED]
    talk = Talk("fixed", "efi=fixed generations=2 end=exit", commands)
    talk.commands = FIXED
    return talk


@pytest.fixture(scope="module")
def identity() -> Talk:
    return Talk("identity", "efi=identity generations=3 end=exit", IDENTITY)


@pytest.fixture(scope="module")
def crash() -> Talk:
    return Talk("crash", "efi=off crash=null end=exit", CRASH)


def frames(backtrace: str) -> list[str]:
    """The functions of a backtrace, innermost first."""
    line = re.compile(r"#\d+ +(?:0x[0-9a-f]+ in )?(\S+)", re.M)
    return line.findall(backtrace)


# ---- help, and wrong input

def test_every_command_is_listed(fixed):
    for command in COMMANDS:
        assert re.search(rf"^ *{command} +\w", fixed("help baton"), re.M)


def test_a_wrong_command_gets_a_helpful_line(fixed):
    assert fixed("pt") == "usage: pt ADDR [ROOT]"
    assert fixed("pt nosuch") == 'pt: No symbol "nosuch" in current context.'
    assert "not canonical" in fixed("pt 0xdeadbeefdeadbeef")
    assert "QueryVariableInfo" in fixed("step-firmware Nonsense")
    assert fixed("finish-firmware") == "no firmware call is in progress"


def test_before_there_is_a_kernel(fixed):
    assert "is the kernel mapped" in fixed("efi-mode", 0)
    assert "not opened the firmware" in fixed("efi-mode", 1)


def test_nothing_fails_that_should_not(fixed, identity, crash):
    for talk in fixed, identity, crash:
        for command, answer in zip(talk.commands, talk.answers):
            assert "Traceback" not in answer, (command, answer)
            assert "Python Exception" not in answer, (command, answer)


# ---- page tables

def test_a_walk_of_the_early_table(fixed):
    base = fixed.events("boot")[0].number("base")
    *_, leaf, summary = fixed("pt $rip").splitlines()
    linked = symbol(paths.SYMBOLS, "kernel_main") & ~0xfff
    at = base + linked % (1 << 30)  # the image is linked at -2 GiB
    assert f"4 KiB at {at:#x}, read-only, executable" in leaf
    assert "r-x by all levels" in summary
    assert [line.split("[")[0].strip() for line in
            fixed("pt $rip").splitlines()[1:5]] == ["PML4", "PDPT", "PD", "PT"]


def test_the_early_map_is_the_image(fixed):
    text = " ".join(fixed("ptmap", 0).split())
    for begin in "lower half: 0x200000", "kernel image: 0xffffffff80000000":
        assert re.search(rf"{begin} 0x200000 \d+ KiB r-x 0x\w+ 0x\w+ \d+ KiB "
                         "rw-", text)
    assert "writable and executable at once" not in text


def test_the_kernels_own_table_is_w_xor_x(fixed):
    text = fixed("ptmap", 1)
    assert "wx" not in text and "at once" not in text
    assert {"direct map:", "firmware window:", "kernel image:",
            "vmap: stacks, devices:"} <= set(text.splitlines())


def test_a_walk_agrees_with_the_kernel(crash):
    """The panic's own report of the faulting address, word by word."""
    reported = [line.split("panic:   ")[1] for line in crash.log()
            if re.search(r"panic:   (PML4|PDPT|PD |PT )", line)]
    walked = [line.strip() for line in crash("pt $cr2").splitlines()]
    printed = [line.strip() for line in crash("print *walk").splitlines()]
    assert reported and reported == walked[1:-1] == printed[1:-1]
    assert walked[-1].startswith("nothing is mapped")
    assert printed[-1] == "not mapped"


def test_two_tables_two_answers(identity):
    """Identity: the firmware is at VA = PA only on its own table."""
    entry = re.search(r"at (0x[0-9a-f]+) \(pa (0x[0-9a-f]+),",
                      identity("step-firmware SetVirtualAddressMap"))
    assert entry[1] == entry[2]
    assert f"pa {entry[1]}, r" in identity("pt $rip")
    assert "nothing is mapped" in identity("pt $rip kernel_table.root_pa")


# ---- the firmware

def test_regions_are_those_that_the_kernel_announced(fixed):
    rows = [line.split() for line in
            fixed("efi-regions").splitlines()[2:]]
    events = [e for e in fixed.events("efi.region") if e["gen"] == "0"]
    reported = [(e["type"], e["pa"], e["va"]) for e in events]
    assert reported and [tuple(row[:3]) for row in rows] == reported
    for row, event in zip(rows, events):
        now = set(row[5:-1])
        assert now == (rights_left(fixed, event) or {"rw-"})
        assert event["type"] == "RuntimeServicesCode" or now == {"rw-"}


def rights_left(fixed, region) -> set[str]:
    """The rights to a region that the firmware's table of attributes leaves,
    as it was handed on. A row that removes none is writable, and not
    executable before its code has been called."""
    start, size = region.number("pa"), region.number("pages") * 4096
    rows = re.findall(r"pa (0x\w+) \d+ \w+ ([A-Z_|]+)",
                      fixed("print memory_attributes"))
    assert rows
    flags = [set(text.split("|")) for pa, text in rows
             if start <= int(pa, 16) < start + size]
    return {"r" + ("-" if "RO" in has else "w") +
            ("x" if "RO" in has and "XP" not in has else "-") for has in flags}


def test_the_mode_and_its_caller(fixed, identity):
    first, later = fixed("efi-mode", 2), fixed("efi-mode", 3)
    assert "called: by this generation" in first
    assert "inherited: generation 0 called it, kernel at 0x" in later
    assert re.search(r"GetTime +0xfffffffe\w+  RuntimeServicesCode\+", later)
    assert re.search(r"ConvertPointer +0x[0-9a-f]{1,8} ", later)
    assert "SetVirtualAddressMap is in progress" in identity("efi-mode")
    assert "a private one" in identity("efi-mode")


def test_into_a_call_and_out(fixed, identity):
    assert fixed("step-firmware").startswith("GetTime, at 0xfffffffe")
    assert "on the kernel table" in fixed("step-firmware")
    assert fixed("finish-firmware", 1).startswith(
        "GetTime returned EFI_SUCCESS (0x0)\n#0  guard_enter")
    assert fixed("step-firmware SetVariable").startswith("SetVariable, at")
    assert "on a private table" in identity(
        "step-firmware SetVirtualAddressMap")
    assert "returned EFI_SUCCESS" in identity("finish-firmware")


def test_a_backtrace_goes_through_the_firmware(fixed, identity):
    inside = frames(fixed.after("step-firmware", "bt"))
    assert inside[:2] == ["GetTime", "guard_enter"]
    assert {"efi_get_time", "proof_run", "live"} <= set(inside)
    assert inside[-1] == "run_on_stack"
    assert frames(fixed.after("finish-firmware", "bt"))
    deeper = frames(fixed.after("stepi 3", "bt"))
    assert deeper[:2] == ["SetVariable", "guard_enter"]
    moving = frames(identity("bt", 1))
    assert moving[0] == "SetVirtualAddressMap"
    assert {"efi_open", "live", "run_on_stack"} <= set(moving)


def test_gdbs_own_finish_works_there(fixed):
    assert "gate_statistics.calls" in fixed("finish", 0)  # the kernel's C again
    assert "guard_enter" in fixed("finish", 1)  # out of the firmware


def test_the_gate_has_its_caller_at_each_instruction(fixed):
    last = fixed("source gate_steps.py").splitlines()[-1]
    assert last.startswith("callers: 1 "), last


def test_the_thunk_has_its_caller_at_each_instruction(tmp_path):
    script = tmp_path / "thunk_steps.py"
    script.write_text(THUNK_STEPS)
    config = qemu.Config("efi=fixed generations=1 end=exit", "ia32",
                         medium=USUAL, paused=True)
    # From QEMU 8 on breakpoints need a table on which the kernel is mapped.
    *_, said = gdb.session(paths.RUNS / "gdb-thunk", config,
                           "thbreak kernel_main", "continue",
                           "step-firmware GetTime", f"source {script}")
    assert said.splitlines()[-1] == "modes: 8 16 callers: guard_enter"


def test_a_backtrace_goes_through_a_fault_in_the_firmware(fixed):
    fault = fixed.after("set $rip = 0xdeadb000", "bt")
    names = frames(fault)
    assert names[0] == "gate_contain"
    at = names.index("trap_common")
    assert names[at + 2] == "guard_enter"
    assert names[-1] == "run_on_stack"
    assert "[firmware, in no runtime region]" in fault
    assert "page fault (vector 14, error 0x" in fixed("print *frame")
    out = fixed.after("print *frame", "finish-firmware")
    assert "faulted; the kernel continues" in out
    assert "guard_recover" in out


def test_a_backtrace_goes_through_a_trap_of_the_kernels_own(crash):
    names = frames(crash("bt"))
    assert names[:2] == ["panic_trap", "handle_named"]
    assert names[names.index("trap_common") + 1] == "crash_null"


# ---- the jump

def entries(talk: Talk) -> list[int]:
    """The entries of the next kernels, from the kernel's events."""
    return [event.number("base") + ENTRY_OFFSET
            for event in talk.events("kexec.load")]


def test_both_sides_of_the_jump(fixed):
    entry, = entries(fixed)
    last = fixed.after("break-kexec", "continue")
    assert "kexec_last_instruction () at kexec/jump.asm" in last
    assert f"generation 0 ends here. Next: entry {entry:#x}" in last
    assert frames(fixed.after("break-kexec", "bt")) == [
        "kexec_last_instruction"]
    assert re.search(r"^Breakpoint \d+, ", fixed("stepi"), re.M)
    assert "entry64 () at boot/entry.asm" in fixed("stepi")
    assert f"=> {entry:#x} <entry64>" in fixed("x/i $pc")
    assert frames(fixed.after("x/i $pc", "bt")) == ["entry64"]
    assert f"4 KiB at {entry - ENTRY_OFFSET:#x}" in fixed("pt $pc")
    assert fixed("break-kexec", 1) == "break-kexec is already on"


def test_symbols_follow_the_kernel(fixed):
    arrival = fixed.after("pt $pc", "continue")
    assert re.search(r"Breakpoint 1(\.\d)?, kernel_main \(magic=0,", arrival)
    assert "physical address are removed" in arrival
    assert "MULTIPLE" not in fixed("info breakpoints")


def test_one_jump_after_the_other(identity):
    """Nothing stops generation 1 before its own last instruction."""
    places = entries(identity)
    assert len(set(places)) == 2
    for generation, stop in enumerate([0, 2]):
        assert (f"generation {generation} ends here. Next: entry "
                f"{places[generation]:#x}") in identity("continue", stop)
    assert "entry64 ()" in identity("continue", 1)
    assert "entry64 ()" in identity("stepi")
    assert "-2 GiB now" in identity("continue", 2)


# ---- structures

def test_structures_are_decoded(fixed, crash):
    assert re.search(r"\[2\] = RuntimeServicesCode pa 0x\w+ va 0x\w+ 1 MiB ",
                     fixed("print firmware.regions"))
    assert fixed("print efi_guid_acpi").endswith(
        "8868e871-e4f1-11d3-bc22-0080c73c8881 (acpi)")
    assert re.search(r"\[\d+\] = 0x\w+\.\.0x\w+ usable \d",
                     fixed(f"print {BOOT}.memory"))
    handoff = fixed(f"print {BOOT}.handoff")
    assert "for generation 1, efi=fixed, SetVirtualAddressMap called" in \
        handoff
    assert "generation 0 at 0x" in fixed(f"print {LINEAGE}[0]")
    assert "= pa 0x" in fixed(f"print {ATTRIBUTES}[0]")
    assert "= GetTime = {" in fixed("print *gate_current")
    assert "page fault (vector 14, error 0x2) at 0x" in crash("print *frame")
    assert "<crash_null + " in crash("print *frame")


# ---- the page that walks through all of it

@pytest.mark.parametrize("page", [
    "docs/gdb.md", "README.md", "labs/primer.md",
    pytest.param("docs/timetravel.md", marks=pytest.mark.slow)])
def test_the_sessions_in_the_documents(page):
    done = subprocess.run([paths.ROOT / "tools/gdb/replay", "--check", page],
                          cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, \
        f"{done.stderr}\nif this is right: tools/gdb/replay"
    if not documents.firmware_is_shown():
        pytest.skip(f"each command works, but {documents.ANOTHER_FIRMWARE}: "
                    "its answers are not compared")
