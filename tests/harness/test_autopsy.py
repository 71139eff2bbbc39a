"""Reading a crashed machine, on memory made here; QMP, on a pair of sockets."""

import json
import socket
import threading

import pytest

from harness import autopsy
from harness.paging import LARGE, NX, PAGE, PRESENT, WRITE
from harness.qmp import Qmp, Refused

ROOT, PDPT, PD, PT, STACK = (n * PAGE for n in range(1, 6))
REGISTERS = """RIP={rip:016x} RFL=00200246 [---Z-P-] CPL=0 II=0
RBP={rbp:016x} R8 =0000000000000007 CR0=80010033 CR3={root:016x} CR4=00000668
IDT=     ffffffff80001000 00000fff
"""


class FakeQmp:
    """Answers like QEMU, from a dictionary of pages."""

    def __init__(self, home, words: dict, rip=0, rbp=0):
        self.home, self.pages = home, {}
        self.text = REGISTERS.format(rip=rip, rbp=rbp, root=ROOT)
        for pa, value in words.items():
            page = self.pages.setdefault(pa & -PAGE, bytearray(PAGE))
            page[pa % PAGE : pa % PAGE + 8] = value.to_bytes(8, "little")

    def human(self, _line):
        return self.text

    def execute(self, command, **words):
        if command == "pmemsave":
            if words["val"] not in self.pages:
                raise Refused("no memory there")
            page = self.pages[words["val"]]
            (self.home / words["filename"]).write_bytes(page)
        return {"status": "shutdown"}


# One page of stack at 0 … 0x1000, a large page at 2 MiB.
TABLES = {
    ROOT: PDPT | PRESENT | WRITE,
    PDPT: PD | PRESENT | WRITE,
    PD: PT | PRESENT | WRITE,
    PD + 8: 0x4000_0000 | PRESENT | LARGE,
    PD + 16: 0x7777_7000 | PRESENT,
    PT: STACK | PRESENT | WRITE | NX,
}


def machine(tmp_path, more={}, **registers):
    return autopsy.Machine(FakeQmp(tmp_path, TABLES | more, **registers),
                           tmp_path)


def test_every_step_of_a_walk_is_reported(tmp_path):
    steps, pa = machine(tmp_path).walk(0x123)
    assert pa == STACK + 0x123 and len(steps) == 5
    assert steps[0].startswith("PML4[  0] = ") and "table at 0x2000" in steps[0]
    assert steps[3].endswith("4 KiB at 0x5000, writable, no execute")
    assert steps[4] == "pa 0x5123, rw- by all levels together"


def test_a_large_page_ends_a_walk(tmp_path):
    steps, pa = machine(tmp_path).walk(0x0020_1234)
    assert pa == 0x4000_1234 and len(steps) == 4
    assert steps[2].endswith("2 MiB at 0x40000000, read-only, executable")


def test_rights_removed_by_a_table_are_reported(tmp_path):
    taken = {PDPT: PD | PRESENT | NX}
    steps, _ = machine(tmp_path, taken).walk(0x123)
    assert steps[1].endswith(
        "table at 0x3000, all below read-only, all below no execute")
    assert steps[3].endswith("writable, no execute")
    assert steps[4].endswith("r-- by all levels together")


def test_a_walk_ends_at_an_unmapped_address(tmp_path):
    steps, pa = machine(tmp_path).walk(0xFFFF_8000_0000_0000)
    assert pa is None and steps[-1].endswith("not present")
    with pytest.raises(autopsy.Nowhere):
        machine(tmp_path).walk(0x0040_0000)  # a table that is not in memory
    assert machine(tmp_path).walk(1 << 50) == (
        [f"{1 << 50:#x} is not canonical"], None)


def test_a_stack_is_unwound_as_far_as_it_goes(tmp_path):
    frames = {STACK + 0x80: 0x100, STACK + 0x88: 0xAAAA,
              STACK + 0x100: 0x9000, STACK + 0x108: 0xBBBB}
    stack = machine(tmp_path, frames, rip=0x1111, rbp=0x80)
    assert stack.backtrace() == [0x1111, 0xAAAA, 0xBBBB]


def test_a_stack_that_turns_in_a_circle_has_an_end(tmp_path):
    frames = {STACK + 0x80: 0x80, STACK + 0x88: 0xAAAA}
    stack = machine(tmp_path, frames, rbp=0x80)
    assert len(stack.backtrace()) == autopsy.FRAMES


EARLY = """EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =f000 ffff0000 0000ffff 00009b00
CR0={cr0:08x} CR2=00000000 CR3=00000000 CR4=00000000
IDT=     00000000 0000ffff
"""


@pytest.mark.parametrize("cr0, words", [
    (0x60000010, "16-bit mode (eb fe"), (0x60000011, "32-bit mode (eb fe"),
    (0xe0000011, "32-bit mode (paging is on)")])
def test_firmware_that_stands_before_64_bit_mode(tmp_path, cr0, words):
    qmp = FakeQmp(tmp_path, {0xfffffff0: 0xfeeb})
    qmp.text = EARLY.format(cr0=cr0)
    said = autopsy.report(qmp, tmp_path, [], tmp_path)
    assert said.startswith(f"at 0xfffffff0 in {words}"), said


@pytest.fixture
def qemu():
    """Both ends of a connection, after QEMU's greeting."""
    ours, theirs = socket.socketpair()
    lines = [{"QMP": {}}, {"return": {}}]
    theirs.sendall(b"".join(json.dumps(m).encode() + b"\r\n" for m in lines))
    yield Qmp(ours), theirs
    ours.close()
    theirs.close()


def test_events_are_not_lost_while_an_answer_is_awaited(qemu):
    qmp, theirs = qemu
    theirs.sendall(b'{"event": "STOP"}\n{"event": "RESUME"}\n{"return": 5}\n')
    assert qmp.execute("question") == 5
    assert [event["event"] for event in qmp.events()] == ["STOP", "RESUME"]


def test_a_refusal_has_a_reason(qemu):
    qmp, theirs = qemu
    theirs.sendall(b'{"error": {"class": "x", "desc": "not today"}}\n')
    with pytest.raises(Refused, match="question: not today"):
        qmp.execute("question")


def test_other_events_do_not_prolong_a_wait(qemu):
    """As of a machine that is reset again and again."""
    qmp, theirs = qemu
    qmp.patience, over = 0.5, threading.Event()

    def resets():
        while not over.wait(0.05):
            theirs.sendall(b'{"event": "RESET"}\n')

    sender = threading.Thread(target=resets)
    sender.start()
    try:
        with pytest.raises(TimeoutError, match="no SHUTDOWN"):
            qmp.wait("SHUTDOWN")
    finally:
        over.set()
        sender.join()


def test_the_end_of_qemu_is_noticed(qemu):
    qmp, theirs = qemu
    theirs.close()
    with pytest.raises(ConnectionError):
        qmp.wait("SHUTDOWN")
