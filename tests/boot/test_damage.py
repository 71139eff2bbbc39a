"""Damage from outside, which a kernel must survive.

The running machine is stopped by QEMU's GDB stub, one bit or one
register is changed, and it continues.
"""

import random
import struct
from contextlib import contextmanager

import pytest

from harness import paths
from harness.events import wanted
from harness.handoff import (ACCOUNT, ACCOUNT_HEAD, BYTES_AT, COMMAND_LINE_AT,
                             CRC_AT, MAGIC_AT, MEMORY, NEEDS, RANGE, RESERVED,
                             USABLE, Handoff)
from harness.rsp import symbol


def at(debugger, name: str) -> None:
    """Continue until this function of the kernel is called."""
    debugger.run_to(symbol(paths.SYMBOLS, name))


def test_truncated_multiboot2_information(boot):
    """The information reports a length that is too short: no end tag.

    Without a memory map the kernel cannot run, so this is a panic, with a
    reason.
    """
    with boot("generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")
            debugger.physical()
            info_pa = debugger.register("rsi")
            size, = struct.unpack("<I", debugger.read(info_pa, 4))
            debugger.write(info_pa, struct.pack("<I", size // 2 & ~7))
            debugger.detach()
        run = machine.finish()
    assert "multiboot2" in run.one("refused", gen=0, what="boot")["why"]
    assert "the loader's information: multiboot2" in run.one("panic", gen=0)["why"]
    assert (run.end.how, run.end.code) == ("debug-exit", 35)


def test_a_table_that_cannot_be_kept(boot):
    """Linux would trust its later contents: so it gets no firmware."""
    with boot("efi=fixed generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "efi_attributes_take")
            at(debugger, "memory_map_put")  # of the Memory Attributes Table
            debugger.set_register("rdx", (1 << 64) - 1)
            debugger.detach()
        run = machine.finish()
    assert "pass 2^64" in run.one("refused", what="efi")["why"]
    run.one("end", verdict="refused")


def test_a_flipped_bit_in_the_handoff(boot):
    """Generation 1 detects it by the CRC, and does not call the firmware."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")  # of generation 0 …
            at(debugger, "kernel_main")  # … and of generation 1
            debugger.physical()
            debugger.flip(debugger.register("rsi") + 40)
            debugger.detach()
        run = machine.finish()
    run.expect(wanted("boot", gen=0), wanted("refused", what="handoff"))
    assert run.all("panic") == []
    assert run.end.how == "debug-exit"


# Handoffs that are damaged in transit, one after the other, in one machine: a
# kernel whose handoff was refused is a generation 1 and starts the next one.

class Relay:
    """A machine whose kernels are stopped at the last instruction of each
    jump, to damage their handoff."""

    def __init__(self, machine, debugger):
        self.machine, self.debugger = machine, debugger
        self.to_jump()
        first = machine.wait_for("boot", gen=0)
        self.ram = first.number("ram_mib")
        self.free = None

    def to_jump(self) -> None:
        self.debugger.physical(False)
        at(self.debugger, "kexec_last_instruction")
        self.block_pa = self.debugger.register("rsi")
        self.debugger.physical()

    def handoff(self) -> Handoff:
        return Handoff(self.debugger, self.block_pa)

    def flip(self, offset: int, bit: int) -> None:
        self.debugger.flip(self.block_pa + offset, bit)

    def change(self, offset: int, form: str, change) -> None:
        """Replace fields in the block by the results of `change`."""
        fields = struct.Struct(form)
        where = self.block_pa + offset
        values = fields.unpack(self.debugger.read(where, fields.size))
        self.debugger.write(where, fields.pack(*change(*values)))

    def check_survivor(self) -> None:
        """The receiver refuses the handoff, has all of its memory, and reaches
        its own jump."""
        self.to_jump()
        boot = self.machine.wait_for("boot", gen=1)
        assert boot.number("ram_mib") == self.ram
        self.machine.wait_for("refused", what="handoff")
        free = self.machine.wait_for("mm", at="start").number("free")
        self.free = self.free or free
        assert free == self.free
        self.machine.wait_for("kexec.jump", gen=1)


@contextmanager
def relay(boot, cmdline="efi=fixed generations=3 end=exit", **config):
    with boot(cmdline, paused=True, **config) as machine:
        with machine.debugger() as debugger:
            yield Relay(machine, debugger)


def moved(start, end, kind):
    return start ^ 1 << 30, end ^ 1 << 30, kind


def endless(start, _end, kind):
    return start, 1 << 58, kind


def backwards(start, end, kind):
    return end, start, kind


def other_kind(start, end, kind):
    return start, end, USABLE + RESERVED - kind


WHOLE_RANGES = [moved, endless, backwards, other_kind]


def lists(handoff) -> tuple[int, int]:
    """Where the ranges of the list and of its copy start."""
    return (handoff.find(MEMORY)[0] + NEEDS.size,
            handoff.find(ACCOUNT)[0] + ACCOUNT_HEAD + NEEDS.size)


def test_damaged_lists_of_memory(boot):
    """A range has a wrong address, length, or kind; in either list."""
    with relay(boot) as chain:
        for change in WHOLE_RANGES:
            for start in lists(chain.handoff()):
                for index in (0, 3):
                    chain.change(start + index * RANGE.size, RANGE.format,
                                 change)
                    chain.check_survivor()


def words_of(handoff) -> list[int]:
    """Offsets: of the head, of each node's, and of what is needed besides
    memory."""
    (first, _), (second, _) = map(handoff.find, (MEMORY, ACCOUNT))
    return [MAGIC_AT, BYTES_AT, CRC_AT, second, second + 4,
            *range(first, first + NEEDS.size, 4),
            *(at - back for _, at, _ in handoff.nodes() for back in (4, 8))]


def test_damaged_lengths_and_types(boot):
    """The nodes of each handoff are other ones, but for the first three."""
    with relay(boot) as chain:
        for i in range(17):
            offset = words_of(chain.handoff())[i]
            chain.change(offset, "<I", lambda value: (value ^ 0x81000100,))
            chain.check_survivor()


def test_no_memory_that_two_lists_agree_on(boot):
    """Then the kernel cannot run, and reports that."""
    with relay(boot) as chain:
        handoff = chain.handoff()
        for start, change in zip(lists(handoff), (moved, endless)):
            for index in range(len(handoff.ranges())):
                chain.change(start + index * RANGE.size, RANGE.format, change)
        chain.debugger.detach()
        run = chain.machine.finish()
    assert "two lists of memory agree on" in run.one("refused",
                                                     what="boot")["why"]
    assert "cannot run with the loader's information" in run.one("panic", gen=1)["why"]


def flip_anywhere(chain, rng, count: int) -> None:
    """Flip one bit of each handoff, except in the words of the command line:
    another `generations=` would be used."""
    for _ in range(count):
        handoff = chain.handoff()
        line = range(COMMAND_LINE_AT,
                     COMMAND_LINE_AT + len(handoff.command_line()))
        offset = rng.choice([at for at in range(handoff.size)
                             if at not in line])
        bit = rng.randrange(8)
        print(f"bit {bit} of byte {offset:#x}")
        chain.flip(offset, bit)
        chain.check_survivor()


def test_single_bits_of_a_handoff(boot):
    with relay(boot) as chain:
        flip_anywhere(chain, random.Random(11), 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_many_single_bits_of_handoffs(boot, seed):
    """The first one also has the firmware's part."""
    with relay(boot) as chain:
        flip_anywhere(chain, random.Random(seed), 30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_several_bits_of_handoffs(boot, seed):
    """A kernel with damage in many places may have too little memory, but
    never fails in another way."""
    rng = random.Random(seed)
    with relay(boot) as chain:
        for _ in range(1 << seed + 2):
            chain.flip(rng.randrange(chain.handoff().size), rng.randrange(8))
        chain.debugger.detach()
        machine = chain.machine
        machine.wait_for("boot", gen=1)
        machine.wait_for("refused", what="handoff")
        machine.wait_for("mm", at="start")


def test_a_staged_image_that_changes_after_loading(boot):
    """It is checked again before the jump, where an error can still be
    returned."""
    with boot("efi=fixed generations=2 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kexec_run")
            loaded = machine.wait_for("kexec.load")
            debugger.physical()
            debugger.flip(loaded.number("base") + 0x1234, bit=3)
            debugger.detach()
        run = machine.finish()
    assert "SHA-256" in run.one("refused", gen=0, what="kexec")["why"]
    assert run.all("kexec.jump") == []
    run.one("end", gen=0, verdict="refused")
    # No memory is lost: image, handoff and page tables are free again.
    assert run.one("mm", at="end")["free"] == run.one("mm", at="ready")["free"]
