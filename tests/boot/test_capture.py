"""A Linux that is loaded for a panic, and its results: the memory of the
crashed kernel, the firmware, and the record in flash.
"""

import re
import struct
import subprocess

import pytest

from boot.test_arrival import E820, E820_ENTRIES
from harness import flash, gdb, paging, paths
from harness.events import wanted
from harness.rsp import symbol

WORDS = "end=exit capture=vmlinuz console=ttyS0 quiet nowatchdog tsc=reliable"
MACHINE = {"medium": "core", "ram_mib": 512}
GENERATION = f"{flash.GENERATION}-{flash.BATON}"
RING_MAGIC = 0x474F4C4E4F544142  # "BATONLOG": kernel/history/log_ring.c


@pytest.fixture
def captured(request, run_of):
    """Generation 1 divides by zero, and Linux examines its memory."""
    mode = request.param
    return run_of(f"capture-{mode}",
                  f'efi={mode} generations=2 {WORDS} run="crash divide"',
                  bundle=paths.LINUX_BUNDLE, **MACHINE)


modes = pytest.mark.parametrize("captured", [
    pytest.param(mode, marks=pytest.mark.xdist_group(f"capture-{mode}"))
    for mode in ("fixed", "physical")], indirect=True)


# ---- what is handed to it, whatever it is

MIB = 1 << 20
LOW, SPACE, RAM = MIB, 160 * MIB, 512 * MIB
USABLE = 1  # a type of E820
KERNEL_BASE, VMAP_BASE = 0xFFFFFFFF80000000, 0xFFFFFFFFC0000000
PHNUM, PHDR, PT_LOAD, PT_NOTE = 56, 64, 1, 4  # elf(5)
RSP, REGISTERS = 19, 12 + 8 + 112  # in the note, in words and bytes


def segments(read, core_pa: int):
    """(type, offset, va, pa, bytes) of each header of a core."""
    count, = struct.unpack("<H", read(core_pa + PHNUM, 2))
    rows = struct.iter_unpack("<IIQQQQQQ", read(core_pa + PHDR, 56 * count))
    for kind, _, offset, va, pa, size, memory, _ in rows:
        assert size == memory
        yield kind, offset, va, pa, size


def usable(read, params_pa: int) -> list[tuple[int, int]]:
    count, = read(params_pa + E820_ENTRIES, 1)
    rows = struct.iter_unpack("<QQI", read(params_pa + E820, 20 * count))
    return [(start, size) for start, size, kind in rows if kind == USABLE]


def test_what_a_capture_kernel_is_told(boot, other):
    """All memory of the kernel that has crashed, and the memory that itself
    may use: its own, and the first MiB."""
    with boot('efi=off generations=1 capture=other run="crash opcode" end=exit',
              paused=True, bundle=other, ram_mib=RAM // MIB) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "stage_50_capture_enter"))
            root = debugger.register("cr3") & paging.ADDRESS
            mapped = [leaf for leaf in paging.leaves(debugger.read_physical, root, 4)
                      if leaf.va >= KERNEL_BASE and leaf.pa < RAM]
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
            read = debugger.read_physical
            base = machine.wait_for("kexec.load").number("base")
            event = machine.wait_for("crash.capture")
            core = list(segments(read, event.number("core")))
            note = next(row for row in core if row[0] == PT_NOTE)
            rsp, = struct.unpack("<Q", read(note[1] + REGISTERS + 8 * RSP, 8))
            free = usable(read, debugger.register("rsi"))
        panic = [line for line in machine.run.lines if "panic: " in line]
    assert event["why"] == "" and len(core) == event.number("pieces")
    loads = [row for row in core if row[0] == PT_LOAD]

    def is_there(va: int, pa: int) -> bool:
        return any(start <= va < start + size and va - start == pa - at
                   and offset == at for _, offset, start, at, size in loads)

    assert sum(leaf.size for leaf in mapped) > MIB // 2
    assert any(leaf.va >= VMAP_BASE for leaf in mapped)  # stacks
    for leaf in mapped:
        for at in range(0, leaf.size, paging.PAGE):
            assert is_there(leaf.va + at, leaf.pa + at), (leaf, hex(at))
    assert any(f"{rsp:016x}" in line for line in panic)
    assert (base, SPACE) in free
    low = [row for row in free if row != (base, SPACE)]
    assert sum(size for _, size in low) > LOW // 2
    assert all(start + size <= LOW for start, size in low)


@pytest.mark.slow
@modes
def test_a_panic_ends_in_linux(captured):
    captured.expect(wanted("kexec.load", gen=1, image="vmlinuz"),
                    wanted("panic", gen=1),
                    wanted("crash.saved", gen=1, why=""),
                    wanted("crash.capture", gen=1, image="vmlinuz", why=""),
                    wanted("kexec.jump", gen=1, to=2),
                    wanted("linux.core", gen=2, status="0"),
                    wanted("linux.boot", gen=2, runtime="on"),
                    wanted("linux.end", gen=2))
    assert captured.end.how == "guest-shutdown"


@pytest.mark.slow
@modes
def test_gdb_shows_the_stack_of_the_panic(captured):
    core = captured.home / "core.img"
    text = gdb.post_mortem(core, "backtrace", "print/x $rip",
                           "print/x history->magic", "print kernel.boot.command_line")
    assert re.search(r"#0 .* in crash_divide \(\)", text), text
    assert re.search(r"#\d+ .*\blive \(\)", text), text
    registers = next(line for line in captured.lines if "panic: rip" in line)
    assert f"0x{registers.split('rip ')[1].split()[0]}" in text
    assert hex(RING_MAGIC) in text  # through a pointer into the direct map
    assert "crash divide" in text


@pytest.mark.slow
@modes
def test_linux_calls_the_firmware_and_finds_the_record(captured):
    variables = {e["name"]: e["data"] for e in captured.all("linux.variable")}
    assert variables[GENERATION] == bytes([7, 0, 0, 0, 2, 0, 0, 0]).hex()
    captured.one("linux.count", gen=2, found="2", wrote="3", reads="3")
    heads = [record["head"] for record in captured.all("linux.record")]
    assert sorted(heads) == [f"Panic#1 Part{n} of 8, Baton's log"
                             for n in range(1, 9)]


@pytest.mark.slow
def test_a_capture_kernel_that_was_damaged_is_not_started(boot):
    with boot(f'efi=fixed generations=1 {WORDS} run="crash null"', paused=True,
              bundle=paths.LINUX_BUNDLE, ram_mib=768) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "stage_30_record_write"))
            base = machine.wait_for("kexec.load").number("base")
            debugger.physical()
            debugger.flip(base + 0x123456)
            debugger.detach()
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    assert run.all("kexec.jump") == []
    why = run.one("refused", what="capture")["why"]
    assert why.startswith("image vmlinuz: SHA-256")


@pytest.mark.slow
def test_a_core_with_too_many_pieces(boot):
    """This is logged, and as many ranges as possible are handed on."""
    pieces = 120  # CORE_SEGMENTS in kexec/capture/core.h
    with boot(f'efi=off generations=1 {WORDS} run="crash null"', paused=True,
              bundle=paths.LINUX_BUNDLE, ram_mib=768) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "core_add"))
            phnum = debugger.register("rdi") + 56  # Elf64_Ehdr.e_phnum
            debugger.write(phnum, pieces.to_bytes(2, "little"))
            debugger.detach()
        reported = machine.wait_for("crash.capture")
        machine.wait_for("kexec.jump")
    assert reported["pieces"] == str(pieces)
    assert f"{pieces} pieces already" in reported["why"]


@pytest.mark.slow
def test_nothing_is_written_to_the_capture_kernel_by_mistake(boot):
    with boot(f"efi=fixed generations=1 {WORDS}".replace("end=exit", ""),
              bundle=paths.LINUX_BUNDLE, ram_mib=768) as machine:
        base = machine.wait_for("kexec.load").number("base")
        direct = machine.run.one("space").number("direct")
        walk = machine.ask(f"pt {direct + base:#x}").text
    assert "read-only" in walk


def refused(boot, words: str, **options):
    """A run in which the capture kernel is refused, and everything else is as
    without `capture=`: free frames, and the end of a panic."""
    cmdline = f'generations=1 end=exit run="crash null" {words}'
    with boot(cmdline, **options) as machine:
        run = machine.finish()
    with boot(re.sub(r"capture=\S+", "", cmdline), **options) as machine:
        usual = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 35)
    assert run.all("crash.capture") == []
    assert run.one("mm", at="ready")["free"] == \
        usual.one("mm", at="ready")["free"]
    return run.one("refused", what="capture")["why"]


def test_a_missing_capture_kernel(boot):
    assert "nobody" in refused(boot, "efi=fixed capture=nobody")


def test_a_capture_kernel_that_is_not_linux(boot):
    assert "baton is a Baton" in refused(boot, "efi=fixed capture=baton")


def test_a_command_line_too_long_for_a_capture_kernel(boot):
    why = refused(boot, f"efi=fixed capture=vmlinuz {'x' * 1940}",
                  bundle=paths.LINUX_BUNDLE)
    assert "capture: a command line of" in why and "the limit is 2047" in why


def test_a_machine_too_small_for_a_capture_kernel(boot):
    why = refused(boot, "efi=off capture=baton", ram_mib=128)
    assert "image baton: no 40960 contiguous free frames below 0x100000000" in why


@pytest.mark.slow
def test_a_firmware_that_the_capture_kernel_could_not_keep(boot):
    why = refused(boot, "efi=direct capture=vmlinuz",
                  bundle=paths.LINUX_BUNDLE)
    assert "Linux would lose the firmware" in why


@pytest.mark.slow
@pytest.mark.usefixtures("linux_folder")
def test_the_demo():
    done = subprocess.run([paths.ROOT / "tools" / "crash_demo", "stack"],
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert "stack overflow" in done.stdout
    assert "in crash_overflow_step (" in done.stdout
