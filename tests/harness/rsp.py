"""The GDB remote protocol, as far as needed to damage a machine.

A test stops the machine at a symbol, changes a register or a bit of memory,
lets it continue, and expects the kernel to detect the change. The
protocol is in GDB's manual, appendix E: `$packet#checksum`, answered by `+`.
"""

import functools
import socket
import struct
from contextlib import suppress
from pathlib import Path

from elftools.elf.elffile import ELFFile

from .process import receive

# The order of registers in QEMU's `g` packet for x86_64; `p n` reads one. A
# function may change those of the first row.
GENERAL = """rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15
    rip""".split()
REGISTERS = GENERAL + """eflags cs ss ds es fs gs fs_base gs_base k_gs_base
    cr0 cr2 cr3 cr4 cr8 efer""".split()
FOUR_BYTES = set("eflags cs ss ds es fs gs".split())
ARGUMENTS = "rdi rsi rdx rcx r8 r9".split()  # System V ABI
MEMORY_CHUNK = 1024
TIMEOUT = 60  # seconds, for a breakpoint that is never reached


def symbol(elf: Path, name: str) -> int:
    """The link address of a symbol."""
    found = symbols(elf, elf.stat().st_mtime_ns)
    if name not in found:
        raise KeyError(f"{elf} has no symbol {name}")
    return found[name]


SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym: name, info, …, value, size


@functools.lru_cache(maxsize=8)
def symbols(elf: Path, _as_of: int) -> dict[str, int]:
    """All symbols; if a name occurs twice, the first one."""
    with open(elf, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        rows = SYMBOL.iter_unpack(table.data())
        names = table.stringtable.data()
    found = {}
    for at, _, _, _, value, _ in rows:
        found.setdefault(names[at : names.index(b"\0", at)].decode(), value)
    return found


class Elsewhere(AssertionError):
    """The machine has stopped at an unexpected address."""

    def __init__(self, rip: int):
        super().__init__(f"stopped at {rip:#x}")
        self.rip = rip


class Hangs(TimeoutError):
    """The machine did not reach the expected address; it is stopped."""

    def __init__(self, rip: int):
        super().__init__(f"it reached no breakpoint; it is at {rip:#x}")
        self.rip = rip


class Gone(ConnectionError):
    """The machine has ended, and the stub with it."""


class Debugger:
    """One connection to QEMU's stub. Connecting stops the machine."""

    def __init__(self, link: socket.socket, patience: float = TIMEOUT):
        self.link, self.patience = link, patience
        self._unread, self._physical = b"", False
        # QEMU reads and writes single registers only for a debugger that has
        # requested the description of the machine.
        self.command("qXfer:features:read:target.xml:0,ff")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    # What a test does

    def run_to(self, *addresses: int) -> int:
        """Continue until the processor is about to execute one of `addresses`;
        returns it. Elsewhere: it stopped for another reason. Hangs: it did
        not stop within this debugger's patience."""
        if self.register("rip") in addresses:
            self.command("s")  # or the breakpoint would stop it here again
        for address in addresses:
            self.must(f"Z1,{address:x},1")
        hangs = self._go_on()
        for address in addresses:
            self.must(f"z1,{address:x},1")
        stopped = self.register("rip")
        if hangs:
            raise Hangs(stopped)
        if stopped not in addresses:
            raise Elsewhere(stopped)
        return stopped

    def call(self, function: int, *arguments: int, traps: tuple = ()) -> int:
        """Make the kernel call one of its functions, between the current
        instruction and the next; returns its result. Elsewhere: it reached one
        of `traps` instead, and the machine is left there."""
        here = self.register("rip")
        before = {name: self.register(name) for name in GENERAL}
        stack = (before["rsp"] - 256 & ~15) - 8
        self.write(stack, here.to_bytes(8, "little"))
        for name, value in zip(("rip", "rsp", *ARGUMENTS),
                               (function, stack, *arguments)):
            self.set_register(name, value)
        stopped = self.run_to(here, *traps)
        if stopped != here:
            raise Elsewhere(stopped)
        result = self.register("rax")
        for name, value in before.items():
            self.set_register(name, value)
        return result

    def leave(self, result: int) -> None:
        """Return from the function whose first instruction is the next one."""
        stack = self.register("rsp")
        self.set_register("rax", result)
        self.set_register("rip", self.word(stack))
        self.set_register("rsp", stack + 8)

    def _go_on(self) -> bool:
        """Continues until the machine stops; True: it had to be stopped."""
        try:
            self.command("c")  # answered when the machine stops
            return False
        except TimeoutError:
            self.link.sendall(b"\x03")
            self._packet()
            return True

    def register(self, name: str) -> int:
        answer = self.command(f"p{REGISTERS.index(name):x}")
        return int.from_bytes(bytes.fromhex(answer), "little")

    def set_register(self, name: str, value: int) -> None:
        size = 4 if name in FOUR_BYTES else 8
        word = value.to_bytes(size, "little").hex()
        self.must(f"P{REGISTERS.index(name):x}={word}")

    def physical(self, on: bool = True) -> None:
        """Memory addresses are physical from now on (or virtual again)."""
        if on != self._physical:
            self.must(f"Qqemu.PhyMemMode:{int(on)}")
        self._physical = on

    def read(self, address: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = min(size - len(data), MEMORY_CHUNK)
            answer = self.command(f"m{address + len(data):x},{chunk:x}")
            assert len(answer) == 2 * chunk, f"no memory there: {answer}"
            data += bytes.fromhex(answer)
        return data

    def read_physical(self, pa: int, size: int) -> bytes:
        """The same for physical memory, independent of physical()."""
        before = self._physical
        self.physical()
        try:
            return self.read(pa, size)
        finally:
            self.physical(before)

    def word(self, address: int) -> int:
        """64 bits of memory."""
        return int.from_bytes(self.read(address, 8), "little")

    def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), MEMORY_CHUNK):
            piece = data[at : at + MEMORY_CHUNK]
            self.must(f"M{address + at:x},{len(piece):x}:{piece.hex()}")

    def flip(self, address: int, bit: int = 0) -> None:
        """Flip one bit of the byte at `address`."""
        byte = self.read(address, 1)[0]
        self.write(address, bytes([byte ^ (1 << bit)]))

    def detach(self) -> None:
        """Let the machine continue. It may have ended before the stub gets the
        acknowledgement."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.must("D")
        self.link.close()

    # The protocol

    def command(self, text: str) -> str:
        packet = text.encode()
        self.link.sendall(b"$%s#%02x" % (packet, sum(packet) & 0xFF))
        return self._packet().decode()

    def must(self, text: str) -> None:
        answer = self.command(text)
        assert answer == "OK", f"the stub answered {answer!r} to {text!r}"

    def _packet(self) -> bytes:
        self._until(b"$")
        body = self._until(b"#")
        while len(self._unread) < 2:
            self._more()
        self._unread = self._unread[2:]  # the checksum: sockets are reliable
        self.link.sendall(b"+")
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._more()
        body, _, self._unread = self._unread.partition(mark)
        return body

    def _more(self) -> None:
        data = receive(self.link, self.patience)
        if not data:
            raise Gone("the machine has ended")
        self._unread += data
