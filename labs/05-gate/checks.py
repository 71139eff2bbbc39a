"""The checks of lab 5: the grader is the firmware.

The machine is stopped where the kernel is about to call its first service, and
the record of the call gets arguments from the nonce. Then it goes on to the
service's first instruction, is looked at, and is sent back by hand.
"""

import re

from harness import paging
from kit import seed
from kit.outside import Wrong, check

CALL = "UEFI 2.10 §2.3.4"
KEPT = "rbx rbp r12 r13 r14 r15".split()
VOLATILE = "rcx rdx r8 r9 r10 r11".split()
SAVED = "rbx rbp rsi rdi r12 r13 r14 r15".split()  # in the record
FCW, MXCSR = 0x37F, 0x1F80
DF, IF = 1 << 10, 1 << 9


class Call:
    """One call through the gate, from before it to after it."""

    def __init__(self, w):
        self.live, self.dice = w.start("efi=physical end=exit"), w.dice
        live, debugger = self.live, self.live.debugger
        live.run_to("gate_enter")
        self.record = debugger.word(live.symbol("gate_current"))
        self.offset = live.fields("efi/gate.c", "gate_call")
        self.before = {name: debugger.register(name) for name in
                       [*KEPT, "rsp", "cr3", "eflags"]}
        self.back = debugger.word(self.before["rsp"])
        for name in KEPT[:1] + KEPT[2:]:  # rbp is the frame's
            self.before[name] = w.dice.randrange(1 << 64)
            debugger.set_register(name, self.before[name])
        self.others = {name: w.dice.randrange(1 << 64) for name in SAVED
                       if name not in KEPT}
        for name, value in self.others.items():
            debugger.set_register(name, value)
        self.arguments = [w.dice.randrange(1 << 64) for _ in range(5)]
        debugger.write(self.record + self.offset["argument"], b"".join(
            value.to_bytes(8, "little") for value in self.arguments))
        self.function, self.table, self.top = (
            self.word(name) for name in ("function", "table_pa", "stack_top"))
        self.spoil_fpu()

    def word(self, name: str) -> int:
        return self.live.debugger.word(self.record + self.offset[name])

    def spoil_fpu(self) -> None:
        """A control word that no one has asked for (GDB's numbers 41, 65)."""
        for number, value in ((41, 0x27F), (65, 0x5F80)):
            self.live.debugger.must(
                f"P{number:x}={value.to_bytes(4, 'little').hex()}")

    def enter(self) -> bool:
        """To the first instruction of the service, or back without it."""
        return self.live.run_to_one({self.function: True, self.back: False},
                                    "the service, or back")

    def go_home(self, status: int) -> None:
        """Be a service that spoils all it may, and returns."""
        debugger = self.live.debugger
        for name in VOLATILE:
            debugger.set_register(name, self.dice.randrange(1 << 64))
        debugger.leave(status)
        self.live.run_to_address(self.back, "the kernel, after the call")

    def close(self) -> None:
        self.live.close()


def in_the_service(w) -> Call:
    """A call that stands at the service's first instruction; for all checks
    that only look."""
    if "call" not in w.kept:
        w.kept["call"] = Call(w)
        if not w.kept["call"].enter():
            raise Wrong("the service is called, at "
                        f"{w.kept['call'].function:#x}",
                        "gate_enter() came back without it", read=CALL,
                        look="step-firmware", step=1)
    return w.kept["call"]


@check(5)
def boots(w):
    """The kernel comes to live()."""
    w.live


@check(10, needs="boots")
def enters(w):
    """The firmware's first instruction is reached."""
    in_the_service(w)


@check(12, needs="enters")
def table(w):
    """It runs on the page table that the record names."""
    it = in_the_service(w)
    cr3 = it.live.debugger.register("cr3") & paging.ADDRESS
    if cr3 != it.table:
        raise Wrong(f"CR3 is {it.table:#x}, the record's table_pa",
                    f"{cr3:#x}", it.live.explain(it.function, cr3),
                    read="SDM vol. 3 §4.5", look="print/x $cr3", step=1)


@check(12, needs="table")
def entry(w):
    """The stack and the FPU are as the firmware may expect them."""
    it, debugger = in_the_service(w), w.kept["call"].live.debugger
    rsp = debugger.register("rsp")
    if rsp != it.top - 8:
        raise Wrong(f"rsp is {it.top - 8:#x}: stack_top, aligned to 16 bytes, "
                    "less the return address", f"{rsp:#x}", read=CALL,
                    look="print/x $rsp", step=2)
    for at in (rsp, rsp + 0x28):
        steps = it.live.walk(at, it.table)
        if paging.target(steps) is None or "w" not in paging.rights(steps):
            raise Wrong(f"{at:#x}, in the shadow space, can be written",
                        "it cannot", it.live.explain(at, it.table), read=CALL,
                        look=f"pt {at:#x} {it.table:#x}", step=2)
    text = it.live.machine.human("info registers")
    fcw, mxcsr = (int(re.search(rf"{name}=([0-9a-f]+)", text)[1], 16)
                  for name in ("FCW", "MXCSR"))
    flags = debugger.register("eflags")
    if (fcw, mxcsr & 0xFFC0, flags & DF) != (FCW, MXCSR, 0):
        raise Wrong(f"FPU control word {FCW:#x}, MXCSR {MXCSR:#x}, DF 0",
                    f"{fcw:#x}, {mxcsr:#x}, {flags & DF:#x}", read=CALL,
                    look="print $mxcsr", step=2)


@check(13, needs="entry")
def args(w):
    """Five arguments are where the firmware looks for them."""
    it, debugger = in_the_service(w), w.kept["call"].live.debugger
    found = [debugger.register(name) for name in ("rcx", "rdx", "r8", "r9")]
    found.append(debugger.word(debugger.register("rsp") + 0x28))
    places = "rcx rdx r8 r9 [rsp+0x28]".split()
    for place, a, b in zip(places, found, it.arguments):
        if a != b:
            others = [p for p, value in zip(places, found) if value == b]
            raise Wrong(f"{b:#x} in {place}", f"{a:#x}"
                        + (f"; it is in {others[0]}" if others else ""),
                        read="UEFI 2.10 §2.3.4.2; the MS x64 calling "
                        "convention", look=f"print/x ${place}", step=3)


@check(6, needs="args")
def mark(w):
    """Your number is where your task says, for a person who traces the call."""
    it, debugger = in_the_service(w), w.kept["call"].live.debugger
    place, number = seed.call_mark(w.seed)
    found = debugger.word(debugger.register("rsp") + 8) \
        if place.startswith("the") else debugger.register(place)
    if found != number:
        look = "x/gx $rsp+8" if place.startswith("the") else f"p/x ${place}"
        raise Wrong(f"{number:#x} in {place}", f"{found:#x}", read=CALL,
                    look=look, step=3)


@check(12, needs="args")
def home(w):
    """The kernel has all of its own back, whatever the firmware left."""
    it, debugger = in_the_service(w), w.kept["call"].live.debugger
    status = w.dice.randrange(1 << 63)
    it.go_home(status)
    it.before["rsp"] += 8
    for name, value in it.before.items():
        found = debugger.register(name)
        if name == "eflags":
            found, value = found & (IF | DF), value & (IF | DF)
        if found != value:
            raise Wrong(f"{name} is {value:#x} again", f"{found:#x}",
                        read="System V ABI, AMD64, §3.2.1", step=4)
    wanted = it.before | it.others
    for n, name in enumerate(SAVED):
        found = debugger.word(it.record + it.offset["saved"] + 8 * n)
        if found != wanted[name]:
            raise Wrong(f"the record's saved.{name} is {wanted[name]:#x}",
                        f"{found:#x}; efi/guard would report the firmware for "
                        f"a change of {name}", read="efi/gate.h", step=4,
                        look="print/x gate_current->saved")
    if it.word("status") != status:
        raise Wrong(f"the record's status is {status:#x}",
                    f"{it.word('status'):#x}", step=4)


@check(10, needs="home mark", beside=True)
def proof(w):
    """Two generations call the firmware in physical mode."""
    w.counts(w.run("efi=physical generations=2 end=exit"), 2)
