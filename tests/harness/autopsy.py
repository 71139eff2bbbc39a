"""The state of a machine when it crashed, read from its memory.

QEMU keeps it paused (after an unexpected reset, or because it hangs),
gives the registers over QMP, and copies physical memory into a file. This is
enough to walk the page tables and unwind the stack, without help from the
kernel.
"""

import re
import subprocess
from contextlib import suppress
from pathlib import Path

from . import paging
from .events import Event
from .paging import PAGE
from .qmp import Qmp, Refused
from .rsp import symbol

REGISTER = re.compile(r"\b([A-Z][A-Z0-9]+) ?=([0-9a-f]{8,16})\b")
IDT = re.compile(r"^IDT= +([0-9a-f]+) ([0-9a-f]+)", re.M)
CODE = re.compile(r"^CS = *[0-9a-f]+ ([0-9a-f]+)", re.M)
SHOWN = """RIP RSP RBP RAX RBX RCX RDX RSI RDI R8 R9 R10 R11 R12 R13 R14 R15
    CR0 CR2 CR3 CR4""".split()

PAGING = 1 << 31  # in CR0
FRAMES = 24  # of a backtrace


class Nowhere(Exception):
    """No memory is mapped there."""


class Machine:
    """A paused machine."""

    def __init__(self, qmp: Qmp, home: Path):
        self.qmp, self.scratch = qmp, home / "memory.bin"
        self.state = qmp.execute("query-status")["status"]
        qmp.execute("stop")  # or the registers would be from another moment
        self.text = qmp.human("info registers")
        self.registers = {name: int(value, 16)
                          for name, value in REGISTER.findall(self.text)}
        base, limit = IDT.search(self.text).groups()
        self.idt_limit = int(limit, 16)
        self._pages: dict[int, bytes] = {}

    def page(self, pa: int) -> bytes:
        """One page of physical memory."""
        pa &= ~(PAGE - 1)
        if pa not in self._pages:
            try:
                self.qmp.execute("pmemsave", val=pa, size=PAGE,
                                 filename=self.scratch.name)
            except Refused:
                raise Nowhere from None
            self._pages[pa] = self.scratch.read_bytes()
        return self._pages[pa]

    def read(self, pa: int, size: int) -> bytes:
        """Physical memory, within a page."""
        return self.page(pa)[pa % PAGE : pa % PAGE + size]

    def walk(self, va: int) -> tuple[list[str], int | None]:
        """Every step of the translation as text; the physical address."""
        if not self.registers["CR0"] & PAGING:
            return ["paging is off"], va
        levels = paging.levels_of(self.registers["CR4"])
        steps = paging.walk(self.read, self.registers["CR3"], va, levels)
        pa, words = paging.target(steps), [str(step) for step in steps]
        if not steps:
            words = [f"{va:#x} is not canonical"]
        if pa is not None:
            words.append(f"pa {pa:#x}, {paging.rights(steps)} by all levels "
                         "together")
        return words, pa

    def word(self, va: int) -> int:
        """64 bits of virtual memory that do not cross a page boundary."""
        pa = self.walk(va)[1]
        if pa is None or va % 8:
            raise Nowhere
        return int.from_bytes(self.read(pa, 8), "little")

    def backtrace(self) -> list[int]:
        """The current and the return addresses (the kernel uses RBP)."""
        found, frame = [self.registers["RIP"]], self.registers["RBP"]
        with suppress(Nowhere):
            while len(found) < FRAMES and (back := self.word(frame + 8)):
                found.append(back)
                frame = self.word(frame)
        return found


def locate(addresses: list[int], events: list[Event],
           symbols: Path) -> list[str]:
    """Names for addresses: function, file and line, as far as known."""
    linked = [linked_address(address, events, symbols)
              for address in addresses]
    # A return address follows the call: it may belong to the next line.
    asked = [f"{at - (i > 0):#x}" for i, at in enumerate(linked)]
    output = subprocess.run(
        ["addr2line", "-fpe", str(symbols), *asked],
        capture_output=True, text=True).stdout
    output = re.sub(r" at (\./|\S*//)", " at ", output)
    output = re.sub(r" \(discriminator \d+\)", "", output).splitlines()
    return [outside(address, events) if answer.startswith("??") else answer
            for address, answer in zip(addresses, output)]


def linked_address(address: int, events: list[Event], symbols: Path) -> int:
    """Before it has its own paging, a kernel runs at its load address."""
    start = symbol(symbols, "text_start")
    size = symbol(symbols, "image_end") - start
    for event in reversed(events):
        if event.name in ("boot", "kexec.load"):
            if 0 <= (offset := address - event.number("base")) < size:
                return start + offset
    return address


def outside(address: int, events: list[Event]) -> str:
    """Not in the kernel: in the firmware, perhaps."""
    for event in reversed(events):
        if event.name == "efi.region":
            for kind in ("va", "pa"):
                offset = address - event.number(kind)
                if 0 <= offset < event.number("pages") * PAGE:
                    return f"the firmware: {event['type']} + {offset:#x}"
    return "neither the kernel nor the firmware that it knows"


def report(qmp: Qmp, home: Path, events: list[Event], symbols: Path) -> str:
    """The whole report; `symbols` is the kernel with its symbols."""
    try:
        machine = Machine(qmp, home)
        if "RIP" not in machine.registers:
            return early(machine)
        parts = [where(machine, events, symbols), walks(machine),
                 registers(machine), call_under_way(machine, events, symbols)]
        return "\n".join(line for part in parts for line in part)
    except (Refused, OSError) as problem:
        return f"QEMU did not answer: {problem}"
    finally:
        (home / "memory.bin").unlink(missing_ok=True)


def early(machine: Machine) -> str:
    """Firmware that has not come as far as 64-bit mode."""
    base = int(CODE.search(machine.text)[1], 16)
    at = (base + machine.registers["EIP"]) & 0xffffffff
    words = "paging is on"
    if not machine.registers["CR0"] & PAGING:
        with suppress(Nowhere):
            words = machine.read(at, min(8, PAGE - at % PAGE)).hex(" ")
    mode = "32-bit" if machine.registers["CR0"] & 1 else "16-bit"
    return f"at {at:#x} in {mode} mode ({words}): not in Baton"


def where(machine: Machine, events, symbols: Path) -> list[str]:
    addresses = machine.backtrace()
    names = locate(addresses, events, symbols)
    lines = [f"  #{i:<2} {address:016x}  {name}" for i, (address, name)
             in enumerate(zip(addresses, names))]
    return [f"the machine was {machine.state}; backtrace, innermost first:",
            *lines]


def walks(machine: Machine) -> list[str]:
    lines = []
    if machine.idt_limit < 16 * 32 - 1:
        lines.append(f"the interrupt table ends at {machine.idt_limit:#x}: "
                     "it is too short for the processor's exceptions")
    for name in ("RIP", "RSP", "CR2"):
        va = machine.registers[name]
        if name == "CR2" and not va:
            continue  # no page fault since the reset, or one at 0
        try:
            steps = machine.walk(va)[0]
        except Nowhere:
            steps = ["the page table itself is not in memory"]
        note = " (the last page fault)" if name == "CR2" else ""
        lines += [f"{name} {va:#x}{note}:", *(f"  {step}" for step in steps)]
    return lines


def registers(machine: Machine) -> list[str]:
    words = [f"{name.lower():3} {machine.registers[name]:016x}"
             for name in SHOWN]
    return ["  ".join(words[i : i + 3]) for i in range(0, len(words), 3)]


def call_under_way(machine: Machine, events, symbols: Path) -> list[str]:
    """The call gate's record, if a call was in progress."""
    with suppress(Nowhere, KeyError):
        if record := machine.word(symbol(symbols, "gate_current")):
            function = machine.word(record)
            return [f"a firmware call is in progress: {function:#x}, "
                    + outside(function, events)]
    return ["no firmware call is in progress"]
