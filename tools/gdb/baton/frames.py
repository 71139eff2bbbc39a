"""Backtraces through code without unwind information.

There are three such places: the firmware (images without symbols),
the call gate and the trap entry (assembly). For each, the state of the kernel
can be found in memory:

    firmware    gate_current is set: the caller is gate_enter, or guard_enter
                (the same for the thunk of 32-bit firmware)
    gate        gate_current has the kernel's stack pointer, and the registers
                as they were before the call
    trap entry  rsp points to struct trap_frame (kernel/trap.asm)

Two stacks begin with an assembly call: there the backtrace ends. It does not
cross a kexec either, because that clears all registers.
"""

import itertools
import re
from typing import NamedTuple

import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder, register_unwinder

from . import firmware, machine

WORD = 8
GATE = ("gate_enter", "gate_recover", "gate_home", "guard_enter",
        "guard_recover")
BEGINNINGS = ("run_on_stack", "common64", "entry64")
JUMP = ("kexec_jump", "kexec_last_instruction")
CALLEE_SAVED = "rbx rbp r12 r13 r14 r15".split()
TRAP_REGISTERS = """r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax
    rip rsp""".split()  # of struct trap_frame


class FrameId(NamedTuple):
    """Identifies a frame to GDB after a step."""

    sp: gdb.Value
    pc: gdb.Value


class Gap(Unwinder):
    """Finds the caller if there is no unwind information."""

    def __init__(self):
        super().__init__("baton")

    def __call__(self, pending):
        try:
            return self._unwind(pending)
        except gdb.error:  # no kernel is mapped (yet)
            return None

    def _unwind(self, pending):
        pc = int(pending.read_register("rip")) & machine.MASK
        if pc == 0:
            return None  # after the end
        place = routine_at(pc)
        if place in BEGINNINGS or (place in JUMP and is_zero(pending, "rbp")):
            rsp = int(pending.read_register("rsp"))
            return found(pending, pc, rsp, {"rip": 0, "rsp": rsp, "rbp": 0})
        if not machine.in_kernel(pc) or place.startswith("thunk"):
            return self._out_of_firmware(pending, pc)
        if place in GATE:
            return self._out_of_gate(pending, pc, place)
        if place == "trap_common" and is_behind_call(pc):
            return self._out_of_trap(pending, pc)
        return None

    def _out_of_firmware(self, pending, pc):
        call = firmware.call()
        if not call:
            return None
        _, behind = firmware.call_instruction()
        rsp = int(call["kernel_rsp"])
        # The firmware's stack may be above the kernel's, but GDB expects
        # stacks to grow in one direction: so the frame's id is that of its
        # caller, minus one word.
        return found(pending, pc, rsp - WORD, {"rip": behind, "rsp": rsp})

    def _out_of_gate(self, pending, pc, place):
        at = return_address_at(pending, pc)
        saved = {"rip": machine.read_words(at, 1)[0], "rsp": at + WORD}
        _, behind = firmware.gate_call()
        for name in CALLEE_SAVED:
            if place == "gate_enter" and pc < behind:  # not touched yet
                saved[name] = int(pending.read_register(name))
            else:
                saved[name] = before_the_call(name)
        return found(pending, pc, at, saved)

    def _out_of_trap(self, pending, pc):
        rsp = int(pending.read_register("rsp"))
        pointer = gdb.lookup_type("struct trap_frame").pointer()
        frame = gdb.Value(rsp).cast(pointer).dereference()
        saved = {name: int(frame[name]) for name in TRAP_REGISTERS}
        return found(pending, pc, rsp, saved)


def found(pending, pc: int, sp: int, saved: dict[str, int]):
    """GDB's unwind result: the frame's id, and its caller's registers."""
    number = gdb.lookup_type("long")
    pointer = gdb.lookup_type("void").pointer()
    typed = {"rip": pointer, "rsp": pointer}
    info = pending.create_unwind_info(
        FrameId(gdb.Value(sp).cast(pointer), gdb.Value(pc).cast(pointer)))
    for name, value in saved.items():
        value = gdb.Value(value).cast(typed.get(name, number))
        info.add_saved_register(name, value)
    return info


def is_zero(pending, name: str) -> bool:
    return int(pending.read_register(name)) == 0


def routine_at(pc: int) -> str:
    """The global label before this address. NASM's local labels appear as
    "gate_enter.restored", which GDB sometimes parses as "gate_enter[restored]".
    """
    return re.split(r"[ .[]", machine.symbol_at(pc))[0]


def is_behind_call(pc: int) -> bool:
    """In `trap_common`: is this the return address of trap_handler's call?"""
    here = gdb.selected_inferior().architecture()
    line, = here.disassemble(pc - 5, count=1)
    return line["asm"].startswith("call")


def return_address_at(pending, pc: int) -> int:
    """The position of gate_enter's return address on the kernel's stack.

    Until gate_enter has stored rsp it follows from rsp, afterwards from the
    stored value. The pushed registers are above it.
    """
    depth = 0
    for line in firmware.gate_code():
        if line["addr"] == pc:
            return int(pending.read_register("rsp")) + depth
        if stores_rsp(line):
            break
        depth += WORD * (line["asm"].startswith("push") -
                         line["asm"].startswith("pop"))
    return int(firmware.call()["kernel_rsp"]) + depth


def stores_rsp(line: dict) -> bool:
    """mov [gate_current->kernel_rsp], rsp: the first of its kind."""
    return line["asm"].startswith("mov") and line["asm"].endswith("],rsp")


def before_the_call(register: str) -> int:
    return int(firmware.call()["saved"][register])


# ---- names in backtraces

class Named(FrameDecorator):
    """A frame with the name of the service and its region; or of the assembly
    routine instead of an inner label."""

    def function(self):
        frame = self.inferior_frame()
        source = frame.find_sal().symtab
        if source and source.filename.endswith(".asm"):
            return routine_at(frame.pc())
        service = None if source else self._service(frame.pc())
        return service or super().function()

    @staticmethod
    def _service(pc: int) -> str | None:
        try:
            call = firmware.call()
            if call and not machine.in_kernel(pc):
                name = firmware.service_of(int(call["function"]))
                return f"{name} [firmware, {firmware.region_text(pc)}]"
        except gdb.MemoryError:
            pass  # no kernel is mapped (yet)
        return None


class Names:
    """Gives these names to the frames of a backtrace, and ends it."""

    name, priority, enabled = "baton", 100, True

    def filter(self, frames):
        real = itertools.takewhile(
            lambda frame: frame.inferior_frame().pc(), frames)
        return map(Named, real)


def install() -> None:
    register_unwinder(None, Gap(), replace=True)
    gdb.frame_filters[Names.name] = Names()
