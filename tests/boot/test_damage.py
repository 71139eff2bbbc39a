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
            params_pa = debugger.register("rsi")
            node_pa, = struct.unpack("<Q", debugger.read(params_pa + 0x250, 8))
            debugger.flip(node_pa + 16 + 8)
            debugger.detach()
        run = machine.finish()
    run.expect(wanted("boot", gen=0), wanted("refused", what="handoff"))
    assert run.all("panic") == []
    assert run.end.how == "debug-exit"


# Handoffs that are damaged in transit, one after the other, in one machine: a
# kernel whose handoff was refused is a generation 1 and starts the next one.

# boot/handoff.h: struct handoff's node, and the first one after it.
SEAL, ACCOUNT, ENTRIES = 0x1810, 0x1890, 0x18B0
E820, E820_ENTRY = 0x2D0, struct.Struct("<QQI")  # zero-page.rst
E820_COUNT, LOADER, SETUP_DATA = 0x1E8, 0x210, 0x250
COMMAND_LINE, BUNDLE, RSDP, EFI_MAP = 0x228, 0x218, 0x70, 0x1D0


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

    def block(self) -> bytes:
        """The whole block: Baton's own node is its end, and the first in
        the chain of setup_data."""
        node_pa = self.debugger.word(self.block_pa + SETUP_DATA) + 16
        size, = struct.unpack("<I", self.debugger.read(node_pa + 24, 4))
        return self.debugger.read(self.block_pa, size)

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


def moved(addr, size, kind):
    return addr ^ 1 << 30, size, kind


def endless(addr, _size, kind):
    return addr, 1 << 58, kind


def other_kind(addr, size, kind):
    return addr, size, 3 - kind


WHOLE_ENTRIES = [moved, endless, other_kind]


def test_damaged_lists_of_memory(boot):
    """An entry has a wrong address, length, or kind; in either list."""
    with relay(boot) as chain:
        for change in WHOLE_ENTRIES:
            for start in (E820, ENTRIES):
                for index in (0, 3):
                    chain.change(start + index * E820_ENTRY.size, "<QQI",
                                 change)
                    chain.check_survivor()


def test_damaged_pointers_and_counts(boot):
    """Pointers and counts that are used before the checksum is checked."""
    with relay(boot) as chain:
        for offset in (COMMAND_LINE, BUNDLE, BUNDLE + 4, RSDP, SETUP_DATA,
                       EFI_MAP, E820_COUNT - 1, ACCOUNT, ACCOUNT + 4):
            chain.change(offset, "<I", lambda value: (value ^ 0x81000100,))
            chain.check_survivor()
        chain.change(LOADER, "<B", lambda value: (value ^ 0x10,))
        chain.check_survivor()


def test_no_memory_that_two_lists_agree_on(boot):
    """Then the kernel cannot run, and reports that."""
    with relay(boot) as chain:
        for start, change in ((E820, moved), (ENTRIES, endless)):
            for index in range(chain.block()[E820_COUNT]):
                chain.change(start + index * E820_ENTRY.size, "<QQI", change)
        chain.debugger.detach()
        run = chain.machine.finish()
    assert "two lists of memory agree on" in run.one("refused",
                                                     what="boot")["why"]
    assert "cannot run with the loader's information" in run.one("panic", gen=1)["why"]


def is_in_command_line(block: bytes, offset: int, base: int) -> bool:
    start = int.from_bytes(block[COMMAND_LINE : COMMAND_LINE + 4],
                           "little") - base
    return start <= offset < block.index(b"\0", start)


def flip_anywhere(chain, rng, count: int) -> None:
    """Flip one bit of each handoff, except in the words of the command line:
    another `generations=` would be used."""
    for _ in range(count):
        block = chain.block()
        offset = rng.randrange(len(block))
        while is_in_command_line(block, offset, chain.block_pa):
            offset = rng.randrange(len(block))
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
            chain.flip(rng.randrange(len(chain.block())), rng.randrange(8))
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
