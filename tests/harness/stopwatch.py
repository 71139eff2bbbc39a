"""Counts instructions, from outside: the kernel has no code for it.

Under `-icount shift=7` an instruction takes 128 ns of the machine's time, which
its time-stamp counter counts: exactly, and the same on every host. A stop by
the debugger takes time, though, so the counter is read by injected code: once
by a piece of code that the debugger makes the machine execute (it continues at
the original address), once by one at the end of the measured interval.
"""

import struct
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile

from . import paths
from .rsp import Debugger

FOUR_GIB = 1 << 32
CYCLES = 1 << 7  # of the time-stamp counter, for one instruction
FLAGS_AT, FLAGS_IF = 17 * 8, 0x200  # in QEMU's `g` packet

# Space for our code and its results, which the kernel does not use during a
# measurement.
CODE, NOTES = "selftest_run", "boot_stack_end"
NOTES_BELOW = 0x4000

# push rax; push rdx; rdtsc; mov [rip + …], eax; mov [rip + …], edx;
# pop rdx; pop rax; jmp [rip]
READ = b"\x50\x52\x0f\x31\x89\x05%s\x89\x15%s\x5a\x58"
JUMP = b"\xff\x25\0\0\0\0"
PROBE_BYTES = 64
OVERHEAD = 9  # our own instructions, from the first RDTSC to the second

# The services that can be called twice without harm, and the functions
# that call them; the number of bytes at the first two arguments, if the call
# changes its input.
SERVICES = {
    "GetTime": "efi_get_time",
    "SetTime": "efi_set_time",
    "GetWakeupTime": "efi_get_wakeup_time",
    "SetWakeupTime": "efi_set_wakeup_time",
    "GetVariable": "efi_get_variable",
    "GetNextVariableName": "efi_get_next_variable_name",
    "SetVariable": "efi_set_variable",
    "QueryVariableInfo": "efi_query_variable_info",
    "GetNextHighMonotonicCount": "efi_get_next_high_monotonic_count",
    "UpdateCapsule": "efi_update_capsule",
    "QueryCapsuleCapabilities": "efi_query_capsule_capabilities",
    "ConvertPointer": "efi_convert_pointer",
}
POINTED = {"GetNextVariableName": {"rdi": 1024, "rsi": 16}}

# The gate's budget, in addition to the firmware's own instructions.
PRIVATE = {"physical", "identity"}  # modes with a page table of their own


def budget(mode: str, firmware: str = "pflash") -> int:
    """A 32-bit firmware is entered by a thunk."""
    return 300 if mode in PRIVATE else 250 if firmware == "ia32" else 200


@dataclass(frozen=True)
class Call:
    """One call of a service, in instructions."""

    firmware: int  # the firmware's own
    gate: int  # everything that the kernel adds, including copies of arguments


def symbols() -> dict[str, int]:
    """All of the kernel's, with link addresses."""
    with open(paths.SYMBOLS, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s.name: s["st_value"] for s in table.iter_symbols()}


class Stopwatch:
    """A debugger with a stopwatch. Make it before the kernel runs."""

    def __init__(self, debugger: Debugger):
        self.debugger = debugger
        self.symbols = symbols()
        self.run_to("kernel_main")
        self.base_pa = debugger.register("rdx")
        self.shift = 0  # from link addresses to those where our code runs

    # Going on

    def run_to(self, *places: str | int) -> int:
        """Continue to the first of these symbols or addresses."""
        bug = self.debugger
        wanted = {self._address(place) for place in places}
        if bug.register("rip") in wanted:
            bug.command("s")  # or the breakpoint would stop it here again
        for address in wanted:
            assert bug.command(f"Z1,{address:x},1") == "OK"
        bug.command("c")
        for address in wanted:
            assert bug.command(f"z1,{address:x},1") == "OK"
        return bug.register("rip")

    def lap(self, place: str | int, base_pa: int | None = None,
            one_to_one: bool = False) -> int:
        """Continue to an address, and count the instructions. If it is in
        another kernel than this one, `base_pa` is that kernel's address.
        If only that kernel is mapped there, 1:1, our code runs there too.
        """
        bug = self.debugger
        self.interrupts(False)
        there = self._address(place)
        self._write_probe(0, bug.register("rip"))
        begin, begin_pa = self._probe_at(0), self._note_pa(0)
        self.base_pa = base_pa or self.base_pa
        self.shift = (self.base_pa - self.symbols["text_start"]
                      if one_to_one else 0)
        stop = self._write_probe(1, there)
        code = self._write(there, JUMP + _word(self._probe_at(1)))
        bug.set_register("rip", begin)
        self.run_to(stop)
        bug.set_register("rip", there)
        self._write(there, code)
        bug.physical()
        cycles = bug.word(self._note_pa(1)) - bug.word(begin_pa)
        bug.physical(False)
        assert cycles % CYCLES == 0, "is this icount, shift=7?"
        return cycles // CYCLES - OVERHEAD

    def steps(self, place: int) -> int:
        """Continue to an address one instruction at a time, and count them:
        where our own code is not mapped."""
        count, bug = 1, self.debugger
        bug.command("s")
        while bug.register("rip") != place:
            bug.command("s")
            count += 1
        return count

    def interrupts(self, on: bool) -> bool:
        """Enable or disable interrupts; returns the previous state."""
        state = self.debugger.command("g")
        at = 2 * FLAGS_AT
        flags = int.from_bytes(bytes.fromhex(state[at : at + 8]), "little")
        was = bool(flags & FLAGS_IF)
        flags = flags | FLAGS_IF if on else flags & ~FLAGS_IF
        word = flags.to_bytes(4, "little").hex()
        self.debugger.must("G" + state[:at] + word + state[at + 8 :])
        return was

    def back(self) -> int:
        """At the first instruction of a function: its return address."""
        return self.debugger.word(self.debugger.register("rsp"))

    # The services

    def services(self):
        """(service, Call) for each, the first time that the kernel calls it,
        until it loads the next one."""
        return self._each(self._call)

    def wholes(self):
        """The same: (service, instructions of a call, the firmware's included).
        For firmware on a page table that does not have our code."""
        return self._each(lambda back, _function: self.lap(back))

    def _each(self, measure):
        entries = {self.symbols[function]: name
                   for name, function in SERVICES.items()}
        end = self.symbols["kexec_load"]
        while (at := self.run_to(end, *entries)) != end:
            name = entries.pop(at)
            interrupts = self.interrupts(False)
            yield name, measure(*self._again(POINTED.get(name, {})))
            self.interrupts(interrupts)

    def _again(self, pointed: dict[str, int]) -> tuple[int, int]:
        """The machine is about to call a service. It does so twice: the
        first time it may log a new status. Returns where the second call will
        return to, and the service."""
        bug = self.debugger
        begin, back = bug.command("g"), self.back()
        memory = [(at := bug.register(name), bug.read(at, size))
                  for name, size in pointed.items()]
        self.run_to("gate_enter")
        function = bug.word(bug.word(self.symbols["gate_current"]))
        self.run_to(back)
        bug.must("G" + begin)
        for at, content in memory:
            bug.write(at, content)
        return back, function

    def _call(self, back: int, function: int) -> Call:
        way_in, after = self.lap(function), self.back()
        if self._is_thunk(function):
            way_in, after = way_in + self.lap("thunk_leave"), "thunk_back"
        firmware, way_out = self.lap(after), self.lap(back)
        return Call(firmware, way_in + way_out)

    def _is_thunk(self, function: int) -> bool:
        """Our code runs in 64-bit mode, so what is measured of a 32-bit service
        is between two places in its thunk (efi/width32/thunk.asm)."""
        first, end = self.symbols["thunk_entry_0"], self.symbols["thunk_back"]
        return first <= function < end

    # Our code in the machine

    def _address(self, place: str | int) -> int:
        """KeyError: the kernel has no symbol of that name."""
        return self.symbols[place] if isinstance(place, str) else place

    def _probe_at(self, number: int) -> int:
        return self.symbols[CODE] + self.shift + number * PROBE_BYTES

    def _note_at(self, number: int) -> int:
        return self.symbols[NOTES] + self.shift - NOTES_BELOW + number * 8

    def _note_pa(self, number: int) -> int:
        return self._place(self._note_at(number))

    def _write_probe(self, number: int, target: int) -> int:
        """Write code that stores the time and continues at `target`; returns the
        address of its last instruction."""
        at, note = self._probe_at(number), self._note_at(number)
        low = struct.pack("<i", note - (at + 10))
        high = struct.pack("<i", note + 4 - (at + 16))
        code = READ % (low, high)
        self._write(at, code + JUMP + _word(target))
        return at + len(code)

    def _write(self, address: int, code: bytes) -> bytes:
        """Write code; returns the bytes that it replaces. By the physical address
        if known: the virtual one need not be mapped yet."""
        bug, address = self.debugger, self._place(address)
        bug.physical(address < FOUR_GIB)
        replaced = bug.read(address, len(code))
        bug.write(address, code)
        bug.physical(False)
        return replaced

    def _place(self, address: int) -> int:
        """The physical address of something in the image."""
        text, end = self.symbols["text_start"], self.symbols["image_end"]
        inside = text <= address < end
        return address - text + self.base_pa if inside else address


def _word(number: int) -> bytes:
    return struct.pack("<Q", number)
