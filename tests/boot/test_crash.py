"""The report of a panic: what, where, the backtrace; then exit code 35."""

import re

import pytest

from harness import paths
from harness.rsp import symbol

# crash=KIND -> the text of the first line, the explanation in the report.
KINDS = {
    "null": ("page fault", "tried to write (0x)?0: nothing is mapped there"),
    "code": ("page fault", "tried to write .*: the page forbids it"),
    "constant": ("page fault", "tried to write .*: the page forbids it"),
    "data": ("page fault", "tried to execute .*: the page forbids it"),
    "stack": ("page fault", "stack overflow"),
    "divide": ("divide error", "rax 0000000000000001"),
    "opcode": ("invalid opcode", ""),
    "address": ("general protection fault", ""),
    "panic": ("crash=panic was asked for", ""),
}
BACKTRACE = r"#[0-9]+ +[0-9a-f]{16}  live\+0x[0-9a-f]+"


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_is_explained(boot, kind):
    with boot(f"efi=off crash={kind} end=exit") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    title, explanation = KINDS[kind]
    report = "\n".join(line for line in run.lines if "panic:" in line)
    assert title in run.one("panic")["why"]
    assert re.search(explanation, report), report
    assert ("tried to" in report) == (title == "page fault")
    assert re.search(BACKTRACE, report), report
    if kind != "panic":
        for register in ("rip", "rsp", "rax", "r15", "cr2", "cr3"):
            assert re.search(rf"\b{register} +[0-9a-f]{{16}}", report), register


def test_each_register_is_reported(boot):
    """With the value that it had at the instruction that faulted."""
    free = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
    given = {name: 0x1234_5678_0000_0001 + 0x1111 * i
             for i, name in enumerate(free)}
    rest = "rip rsp cr0 cr2 cr3 cr4 cs ss".split()
    with boot("efi=off crash=opcode end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "crash_opcode"))
            for name, value in given.items():
                debugger.set_register(name, value)
            given |= {name: debugger.register(name) for name in rest}
            debugger.detach()
        run = machine.finish()
    report = " ".join(line for line in run.lines if "panic: " in line)
    reported = dict(re.findall(r" (r\w+|cr\d|[cs]s|error) +(?:0x)?([0-9a-f]+)\b",
                               report))
    assert reported.keys() == given.keys() | {"rflags", "error"}
    assert {name: int(reported[name], 16) for name in given} == given
    assert int(reported["error"], 16) == 0


def test_a_backtrace_that_goes_in_circles(boot):
    """It is terminated, and the report says so."""
    with boot("efi=off crash=panic end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "panic"))
            frame = debugger.register("rbp")
            debugger.write(frame, frame.to_bytes(8, "little"))
            debugger.detach()
        run = machine.finish()
    lines = [line for line in run.lines if re.search(r"panic:   #\d+", line)]
    assert len(lines) == 32
    assert any("only the innermost 32 are shown" in x for x in run.lines)


@pytest.mark.parametrize("step", ["10_screen_rescue", "20_report"])
def test_a_panic_in_the_report_hides_nothing(boot, step):
    """The reason of the first one is logged already, and the next step runs."""
    with boot("efi=fixed crash=divide end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, f"stage_{step}"))
            debugger.set_register("rip", symbol(paths.SYMBOLS, "crash_null"))
            debugger.detach()
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    assert run.one("panic")["why"].startswith("divide error at 0x")
    assert any("again, while reporting" in line for line in run.lines)
    reported = any("panic: backtrace" in line for line in run.lines)
    assert reported == (step == "10_screen_rescue")
    run.one("crash.saved")


def test_a_crash_of_the_next_kernel(boot):
    """The cause is in generation 0, and nothing there has noticed it."""
    with boot("efi=fixed generations=3 end=exit crash=handoff") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    run.one("kexec.jump", gen=0)
    why = run.one("panic", gen=1)["why"]
    assert why.startswith("cannot run with the loader's information: handoff:")
    assert run.all("panic", gen=0) == run.all("boot", gen=1) == []


def test_an_unknown_kind_of_crash(boot):
    with boot("efi=off generations=1 crash=boredom end=exit") as machine:
        run = machine.finish()
    why = run.one("refused", what="cmdline")["why"]
    assert "boredom" in why
    assert all(kind in why for kind in [*KINDS, "handoff"])
    assert run.all("panic") == []
