"""The GDB remote protocol, as much as it takes to damage a machine.

A test stops the machine at a symbol, changes a register or a bit of memory
behind the kernel's back, lets it go on, and expects the kernel to notice. The
protocol is in GDB's manual, appendix E: `$packet#checksum`, answered by `+`.
"""

import socket
from contextlib import suppress
from pathlib import Path

from elftools.elf.elffile import ELFFile

from .process import receive

# The order of registers in QEMU's `g` packet for x86_64; `p n` reads one.
REGISTERS = """rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15
    rip""".split()
MEMORY_CHUNK = 1024
TIMEOUT = 60  # seconds, for a breakpoint that is never reached


def symbol(elf: Path, name: str) -> int:
    """The linked address of a symbol."""
    with open(elf, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        found = table.get_symbol_by_name(name)
    if not found:
        raise KeyError(f"{elf} has no symbol {name}")
    return found[0]["st_value"]


class Debugger:
    """One connection to QEMU's stub. Connecting stops the machine."""

    def __init__(self, link: socket.socket, patience: float = TIMEOUT):
        self.link, self.patience = link, patience
        self._unread = b""
        # QEMU reads and writes single registers only for a debugger that has
        # asked for the description of the machine.
        self.command("qXfer:features:read:target.xml:0,ff")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    # What a test does

    def run_to(self, address: int) -> None:
        """Go on until the processor is about to execute `address`."""
        if self.register("rip") == address:
            self.command("s")  # or the breakpoint would stop us right here
        point = f"{address:x},1"
        self.must(f"Z1,{point}")
        self.command("c")  # answered when the machine stops
        self.must(f"z1,{point}")
        stopped = self.register("rip")
        assert stopped == address, f"stopped at {stopped:#x}"

    def call(self, function: int, *arguments: int) -> int:
        """Have the kernel call a function of its own, between the present
        instruction and the next; what it returns."""
        here = self.register("rip")
        before = {name: self.register(name) for name in REGISTERS}
        stack = (before["rsp"] - 256 & ~15) - 8
        self.write(stack, here.to_bytes(8, "little"))
        for name, value in zip(("rip", "rsp", "rdi", "rsi", "rdx"),
                               (function, stack, *arguments)):
            self.set_register(name, value)
        self.run_to(here)
        result = self.register("rax")
        for name, value in before.items():
            self.set_register(name, value)
        return result

    def register(self, name: str) -> int:
        answer = self.command(f"p{REGISTERS.index(name):x}")
        return int.from_bytes(bytes.fromhex(answer), "little")

    def set_register(self, name: str, value: int) -> None:
        word = value.to_bytes(8, "little").hex()
        self.must(f"P{REGISTERS.index(name):x}={word}")

    def physical(self, on: bool = True) -> None:
        """Addresses of memory are physical from now on (or virtual again)."""
        self.must(f"Qqemu.PhyMemMode:{int(on)}")

    def read(self, address: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = min(size - len(data), MEMORY_CHUNK)
            answer = self.command(f"m{address + len(data):x},{chunk:x}")
            assert len(answer) == 2 * chunk, f"no memory there: {answer}"
            data += bytes.fromhex(answer)
        return data

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
        """Let the machine go on without us. It may be at its end before the
        stub hears that we have its answer."""
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
        self._unread = self._unread[2:]  # the checksum: a socket does not lie
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
            raise ConnectionError("the machine is gone")
        self._unread += data
