"""The two page tables between one kernel and the next, walked from outside.

The sender's maps only what the jump needs; the receiver's first one only
its own image. Neither may map other memory.
"""

import pytest

from harness import paging, paths
from harness.paging import Range
from harness.rsp import GENERAL, symbol

KIB, MIB = 1 << 10, 1 << 20
BLOCK = 64 * KIB
LOW = 640 * KIB  # a Linux keeps a trampoline there
IF, DF = 1 << 9, 1 << 10
PAE, LA57 = 1 << 5, 1 << 12
PE_ET_NE_PG = 0x80000031
TABLES = 3 * MIB  # tables of ACPI and of the firmware: a Linux may read them


def mapped(debugger) -> tuple[int, list[Range], list[Range]]:
    """The table in use: its root, its lower half, its upper half."""
    levels = paging.levels_of(debugger.register("cr4"))
    root = debugger.register("cr3") & paging.ADDRESS
    found = list(paging.leaves(debugger.read_physical, root, levels))
    return (root, [page for page in found if page.va < 1 << 63],
            [page for page in found if page.va >= 1 << 63])


def total(found) -> int:
    return sum(page.size for page in found)


def lies_in(page: Range, start: int, size: int) -> bool:
    return start <= page.pa and page.pa + page.size <= start + size


def holds(found, pa: int, write: bool, execute: bool) -> bool:
    return any(page.pa <= pa < page.pa + page.size and
               (page.write, page.execute) == (write, execute)
               for page in found)


def check_transition(machine, debugger, for_linux: bool) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
    load = machine.wait_for("kexec.load", gen=0)
    base, image = load.number("base"), -(-load.number("bytes") // 4096) * 4096
    root, lower, upper = mapped(debugger)

    code, data = sorted(upper)
    assert code.va <= debugger.register("rip") < code.va + code.size
    assert code.size == 4096 and code.execute and not code.write
    assert data.va == symbol(paths.SYMBOLS, "nmi_page")
    assert data.size == 4096 and data.write and not data.execute

    assert all(page.va == page.pa for page in lower)
    assert holds(lower, debugger.register("rax"), True, True)
    assert holds(lower, debugger.register("rsi"), True, False)
    executable = [page for page in lower if page.execute]
    low = LOW * for_linux
    assert all(lies_in(page, base, image) or lies_in(page, 0, low)
               for page in executable)
    assert total(executable) == image + low
    tables = [page for page in lower if not page.write]
    assert total(lower) - total(tables) == image + BLOCK + low
    assert bool(tables) == for_linux and total(tables) < TABLES
    assert holds(tables, root, False, False) == for_linux  # Linux reads it


def check_jump(debugger) -> None:
    """Whatever the sender has left in registers and flags, the next kernel
    finds what the protocol names, and zeros; its stack it makes itself."""
    debugger.run_to(symbol(paths.SYMBOLS, "kexec_jump"))
    given = {name: debugger.register(name)
             for name in ("rdi", "rsi", "rdx", "rsp", "cr4")}
    for name in set(GENERAL) - {"rip", *given}:
        debugger.set_register(name, 0x5A5A5A5A5A5A5A5A)
    debugger.set_register("eflags", IF | DF | 2)
    debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
    wanted = {"rax": given["rdi"], "rsi": given["rsi"], "cr3": given["rdx"],
              "cr4": given["cr4"] & (PAE | LA57), "cr0": PE_ET_NE_PG}
    assert {name: debugger.register(name) for name in wanted} == wanted
    assert not debugger.register("eflags") & (IF | DF)
    rest = set(GENERAL) - {"rip", "rsp", *wanted}
    assert {name for name in rest if debugger.register(name)} == set()


LEVELS = pytest.mark.parametrize("words, options", [
    pytest.param("", {}, id="4 levels"),
    pytest.param("la57=on ", {"cpu": "max"}, id="5 levels")])


@LEVELS
def test_from_baton_to_baton(boot, words, options):
    with boot(f"{words}efi=fixed generations=2 end=exit", paused=True,
              **options) as machine:
        with machine.debugger() as debugger:
            check_transition(machine, debugger, False)
            debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
            check_early(debugger)
            debugger.detach()
        machine.finish().one("end", gen=1, verdict="pass")


def check_early(debugger) -> None:
    """At the first instruction in C: the image, 1:1 and at its link address,
    and none of it is both writable and executable."""
    start, text_end, end = (symbol(paths.SYMBOLS, name) for name in
                            ("text_start", "text_end", "image_end"))
    base = debugger.register("rdx")
    halves = mapped(debugger)[1:]
    for found, offset in zip(halves, (0, start - base)):
        assert all(lies_in(page, base, end - start) for page in found)
        there = [page for page in found if page.va == page.pa + offset]
        assert total(there) == end - start
        code = [page for page in there if page.execute]
        assert not any(page.write for page in code)
        assert total(code) == text_end - start


@LEVELS
def test_from_baton_to_linux(boot, words, options):
    with boot(f"{words}generations=2 efi=fixed next=vmlinuz console=ttyS0",
              paused=True,
              bundle=paths.LINUX_BUNDLE, **options) as machine:
        with machine.debugger() as debugger:
            check_transition(machine, debugger, True)


@LEVELS
def test_the_processor_at_the_jump(boot, words, options):
    with boot(f"{words}efi=fixed generations=2 end=exit", paused=True,
              **options) as machine:
        with machine.debugger() as debugger:
            check_jump(debugger)
            debugger.detach()
        machine.finish().one("end", gen=1, verdict="pass")


def test_from_grub_to_baton(boot):
    with boot("generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "kernel_main"))
            check_early(debugger)


@pytest.mark.slow
def test_linux_comes_up_on_five_levels(boot):
    """Four levels are tested in test_linux.py."""
    with boot("la57=on generations=2 efi=fixed next=vmlinuz console=ttyS0 "
              "nowatchdog tsc=reliable", cpu="max", bundle=paths.LINUX_BUNDLE) as machine:
        run = machine.finish()
    run.one("linux.boot", gen=1, runtime="on")
    run.one("linux.end", gen=1)
