"""The checks of lab 4: traps, from the gate to the return.

The grader plants an instruction that traps, gives every register a number of
its own, and stops where the trap arrives: at the stub, in the handler, and back
at the address that the frame names. Interrupts would come in between, so on this
machine nothing that sends any is started; `ticks` has another one.
"""

import struct

from harness import paging
from harness.rsp import GENERAL
from kit import seed
from kit.outside import PAGE, Wrong, check

STACK_PAGES, STACKS, VECTORS = 4, 5, 256
CODE_SELECTOR, INTERRUPT_GATE, TSS_BYTES = 0x10, 0x8E, 104
DF, IF, FLAGS = 1 << 10, 1 << 9, 0xCD5  # CF PF AF ZF SF DF OF
NOWHERE = 0x300000000000  # nothing is mapped in the lower half
PAGE_FAULT, PROTECTION = 14, 13
# Of struct trap_frame, above the registers.
PUSHED = "vector error rip cs rflags rsp ss".split()
SENDERS = "stage_00_timer", "stage_10_watchdog"  # of interrupts


def quiet(w):
    """A machine at live() without timer and watchdog."""
    if "quiet" not in w.kept:
        live = w.kept["quiet"] = w.start("efi=off end=exit")
        for row in SENDERS:
            live.run_to(row)
            live.debugger.leave(0)
        live.run_to("live")
    return w.kept["quiet"]


class Planted:
    """An instruction in the place of the next one, and registers that are
    numbers of the nonce. Afterwards everything is as before."""

    def __init__(self, live, dice, code: bytes, **values: int):
        self.live, self.debugger = live, live.debugger
        before = {name: self.debugger.register(name)
                  for name in (*GENERAL, "eflags")}
        self.before, self.rip, self.size = before, before["rip"], len(code)
        self.under = self.debugger.read(self.rip, len(code))
        self.values = {name: dice.randrange(1 << 64) for name in GENERAL}
        self.values |= {"rip": self.rip, "rsp": before["rsp"] - 1024
                        - dice.randrange(64),
                        "eflags": dice.randrange(1 << 12) & FLAGS | 2}
        self.values |= values
        self.put(self.values)
        self.debugger.write(self.rip, code)

    def put(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            self.debugger.set_register(name, value)

    def __enter__(self):
        return self

    def __exit__(self, problem, *_):
        if problem is None:
            self.debugger.write(self.rip, self.under)
            self.put(self.before)


def instructions(dice) -> list[tuple]:
    """(name, code, vector, error code, bytes that rip moves, registers)."""
    vector = dice.randrange(33, 255)
    selector = dice.randrange(0x200, 0x2000) * 8
    page = NOWHERE + dice.randrange(1 << 30) * PAGE
    return [
        ("int3", b"\xcc", 3, 0, 1, {}),
        ("ud2", b"\x0f\x0b", 6, 0, 0, {}),
        ("int 14", b"\xcd\x0e", PAGE_FAULT, 0, 2, {}),
        (f"int {vector}", bytes([0xCD, vector]), vector, 0, 2, {}),
        ("mov [rax], rbx", b"\x48\x89\x18", PAGE_FAULT, 2, 0, {"rax": page}),
        ("jmp rax", b"\xff\xe0", PAGE_FAULT, 0x10, 0,
         {"rax": page, "rip'": page}),
        ("mov ss, ax", b"\x8e\xd0", PROTECTION, selector, 0,
         {"rax": selector}),
    ]


def handled(w, row: tuple) -> tuple[Planted, str, dict[str, int]]:
    """Up to trap_handler()'s first instruction; what the frame must have."""
    name, code, vector, error, moved, values = row
    values = dict(values)
    rip = values.pop("rip'", None)
    live = quiet(w)
    planted = Planted(live, w.dice, code, **values)
    live.run_to_one({live.symbol("trap_handler"): True},
                    f"trap_handler(), after `{name}`")
    want = {register: planted.values[register] for register in seed.FRAME}
    want |= {"vector": vector, "error": error, "cs": CODE_SELECTOR,
             "rip": planted.rip + moved if rip is None else rip,
             "rflags": planted.values["eflags"], "rsp": planted.values["rsp"],
             "ss": live.debugger.register("ss")}
    return planted, name, want


@check(5)
def boots(w):
    """The kernel comes to live()."""
    quiet(w)


@check(10, needs="boots")
def gates(w):
    """256 interrupt gates, each to its own stub."""
    live = quiet(w)
    base, limit = live.table_register("IDT")
    stubs = struct.unpack("<256Q", live.debugger.read(
        live.symbol("trap_stubs"), 8 * VECTORS))
    if limit != 16 * VECTORS - 1:
        raise Wrong(f"the IDT's limit is {16 * VECTORS - 1:#x}", f"{limit:#x}",
                    read="SDM vol. 3 §6.10", look="print trap_idt", step=1)
    for vector, stub in enumerate(stubs):
        low, selector, _, kind, middle, high = struct.unpack(
            "<HHBBHI4x", live.debugger.read(base + 16 * vector, 16))
        found = high << 32 | middle << 16 | low
        if (found, selector, kind) != (stub, CODE_SELECTOR, INTERRUPT_GATE):
            raise Wrong(
                f"gate {vector}: offset {stub:#x}, selector "
                f"{CODE_SELECTOR:#x}, a present interrupt gate of ring 0 "
                f"({INTERRUPT_GATE:#x})",
                f"offset {found:#x}, selector {selector:#x}, {kind:#x}",
                read="SDM vol. 3 §6.14.1, figure 6-8; §3.5, table 3-2",
                look=f"print/x trap_idt[{vector}]", step=1)


def kind_of(vector: int) -> str:
    return {8: "double fault", 2: "NMI and machine check",
            18: "NMI and machine check"}.get(
                vector, "fault" if vector < 32 else "interrupt")


@check(10, needs="gates")
def stacks(w):
    """Each kind of trap has a stack of its own, whatever rsp is."""
    live = quiet(w)
    tops = tops_of(live)
    base, _ = live.table_register("IDT")
    ists: dict[str, int] = {}
    for vector in range(VECTORS):
        ist = live.debugger.read(base + 16 * vector + 4, 1)[0]
        kind = kind_of(vector)
        if ists.setdefault(kind, ist) != ist or not 0 < ist <= STACKS:
            raise Wrong(f"all gates of the kind \"{kind}\" have the same IST, "
                        "from 1 to 5", f"gate {vector}: {ist}, another one: "
                        f"{ists[kind]}", read="SDM vol. 3 §6.14.5",
                        look=f"print/x trap_idt[{vector}]", step=2)
    if len(set(ists.values())) < len(ists):
        raise Wrong("four kinds of vectors on four stacks",
                    ", ".join(f"{kind} on IST {ist}"
                              for kind, ist in ists.items()),
                    read="SDM vol. 3 §6.14.5", step=2)
    for vector in (3, 8, 2, 18, w.dice.randrange(33, 255)):
        arrives(w, vector, tops[ists[kind_of(vector)]])


def tops_of(live) -> dict[int, int]:
    """The stacks of the TSS, each of four pages with a hole below."""
    base, limit = live.table_register("TR")
    if limit + 1 < TSS_BYTES or base != live.symbol("tss"):
        raise Wrong(f"TR: a base of {live.symbol('tss'):#x}, which is `tss`, "
                    f"and a limit of {TSS_BYTES - 1:#x}",
                    f"{base:#x}, {limit:#x}", read="SDM vol. 3 §7.2.3, "
                    "figure 7-4", look="print/x trap_gdt", step=2)
    tops = dict(enumerate(struct.unpack(
        f"<{STACKS}Q", live.debugger.read(base + 36, 8 * STACKS)), 1))
    for ist, top in tops.items():
        bottom = top - STACK_PAGES * PAGE
        inside = top and not top % 16 and all(
            paging.rights(live.walk(at)) == "rw-" and live.walk(at)[-1].present
            for at in range(bottom, top, PAGE))
        if not inside or live.walk(bottom - 1)[-1].present:
            raise Wrong(f"ist[{ist}] is the top of {STACK_PAGES} pages, and "
                        "nothing is mapped below them", f"it is {top:#x}",
                        live.explain(top - 1) if top else [],
                        read="SDM vol. 3 §7.7", look="print/x tss", step=2)
    if len(set(tops.values())) < STACKS:
        raise Wrong(f"{STACKS} stacks, each with its own top",
                    "tops at " + ", ".join(map(hex, tops.values())),
                    read="SDM vol. 3 §7.7", look="print/x tss", step=2)
    return tops


def arrives(w, vector: int, top: int) -> None:
    """`int n` with rsp nowhere comes to its stub, on its stack."""
    live = quiet(w)
    stub = live.debugger.word(live.symbol("trap_stubs") + 8 * vector)
    nowhere = NOWHERE + w.dice.randrange(1 << 40)
    with Planted(live, w.dice, bytes([0xCD, vector]), rsp=nowhere):
        live.run_to_one({stub: True}, f"the stub, after `int {vector}`")
        rsp = live.debugger.register("rsp")
        if rsp != top - 40 or live.debugger.word(rsp + 24) != nowhere:
            raise Wrong(f"vector {vector} comes on the stack that ends at "
                        f"{top:#x}", f"rsp is {rsp:#x}", live.explain(rsp),
                        read="SDM vol. 3 §6.14.5", look="print/x tss", step=2)


@check(15, needs="stacks")
def frame(w):
    """The handler gets a frame with every register, vector and error code."""
    live = quiet(w)
    # By the seed, not by lib/trap.h: so it is seen whose order this is.
    offset = {name: 8 * i for i, name in enumerate(
        [*seed.frame(w.seed), *PUSHED])}
    for row in instructions(w.dice):
        planted, name, want = handled(w, row)
        with planted:
            at = live.debugger.register("rdi")
            frame_of = bytes_at(live, at, 8 * len(offset))
            for member, value in want.items():
                place = offset[member]
                found = int.from_bytes(frame_of[place : place + 8], "little")
                mask = ~(1 << 16) if member == "rflags" else -1  # RF
                if not frame_of or found & mask != value:
                    raise Wrong(
                        f"after `{name}`: frame->{member} is {value:#x}",
                        f"{found:#x}, in a frame at {at:#x}" if frame_of else
                        f"the frame at {at:#x} reaches past its stack",
                        read="SDM vol. 3 §6.14, figure 6-9; lib/trap.h",
                        look="print/x *(struct trap_frame *)$rdi", step=3)


def bytes_at(live, va: int, size: int) -> bytes:
    """What is there; nothing, if not all of it is mapped."""
    mapped = all(paging.target(live.walk(at)) is not None
                 for at in (va, va + size - 1))
    return live.debugger.read(va, size) if mapped else b""


@check(5, needs="frame")
def calls(w):
    """The handler is called as the ABI says, with interrupts off."""
    live = quiet(w)
    for row in instructions(w.dice):
        planted, name, _ = handled(w, row)
        with planted:
            rsp = live.debugger.register("rsp")
            flags = live.debugger.register("eflags")
            if rsp % 16 != 8 or flags & (DF | IF):
                raise Wrong("at the first instruction of trap_handler(): rsp "
                            "is 8 more than a multiple of 16, DF 0, IF 0",
                            f"after `{name}`: rsp {rsp:#x}, DF "
                            f"{flags >> 10 & 1}, IF {flags >> 9 & 1}",
                            read="System V ABI, AMD64, §3.2.1, §3.2.2",
                            look="print/x $rsp", step=3)


@check(15, needs="calls")
def back(w):
    """The frame, as the handler leaves it, is what the trap returns to."""
    live, dice = quiet(w), w.dice
    offset = live.fields("kernel/trap.c", "trap_frame")
    text = live.symbol("text_start")
    for row in instructions(dice):
        planted, name, _ = handled(w, row)
        with planted:
            at = live.debugger.register("rdi")
            want = {name: dice.randrange(1 << 64)
                    for name in (*seed.FRAME, "rsp")}
            want["rflags"] = dice.randrange(1 << 12) & FLAGS | 2
            rip = text + dice.randrange(
                (live.symbol("text_end") - text) // 16) * 16
            for member, value in (want | {"rip": rip}).items():
                live.debugger.write(at + offset[member],
                                    value.to_bytes(8, "little"))
            for volatile in "rcx rdx rsi rdi r8 r9 r10 r11".split():
                live.debugger.set_register(volatile, dice.randrange(1 << 64))
            live.debugger.leave(dice.randrange(1 << 64))
            live.run_to_address(rip, f"frame->rip, after `{name}`")
            for member, value in want.items():
                found = live.debugger.register(
                    {"rflags": "eflags"}.get(member, member))
                if found != value:
                    raise Wrong(f"`{name}` returns with {member} {value:#x}",
                                f"{found:#x}", read="SDM vol. 3 §6.14.3",
                                look="info registers", step=4)


@check(5, needs="back", beside=True)
def ticks(w):
    """The timer interrupts a loop, and the loop does not notice."""
    live = w.live
    counter = live.symbol("timer_ticks")
    with Planted(live, w.dice, b"\xeb\xfe", rsp=live.debugger.register("rsp")
                 ) as planted:
        live.debugger.set_register("eflags", IF | 2)
        for _ in range(2):
            before = live.debugger.word(counter)
            live.run_to("handle_timer")
            live.run_to_address(planted.rip, "the loop, after the timer")
            now = live.debugger.word(counter)
            changed = [name for name in GENERAL if live.debugger.register(name)
                       != planted.values[name]]
            if now <= before or changed:
                raise Wrong("more ticks, and all registers as they were",
                            f"{now - before} more; changed: "
                            f"{', '.join(changed) or 'none'}",
                            look="print timer_ticks", step=4)


FAULTS = [("read", 0), ("write", 2), ("execute", 16)]
PRESENT, RESERVED = 1, 9


@check(10, needs="boots")
def explains(w):
    """The report says what a page fault tried, and why that failed."""
    live, dice = quiet(w), w.dice
    bottom = (live.debugger.register("rsp") + 8 & -PAGE) - 8 * PAGE
    causes = [("nothing is mapped there", 0,
               NOWHERE + dice.randrange(1 << 40)),
              ("the page forbids it", PRESENT,
               live.symbol("text_start") + dice.randrange(4096)),
              ("reserved bits are set", RESERVED,
               live.symbol("data_start") + dice.randrange(64)),
              ("stack overflow: this is a stack's guard page", 0,
               bottom - 1 - dice.randrange(PAGE))]
    faults = dice.sample(FAULTS, 3) + [dice.choice(FAULTS)]
    for (cause, bits, va), (access, more) in zip(causes, faults):
        said_of(live, bits | more, va,
                f"panic: tried to {access} {va:#x}: {cause}")


def said_of(live, error: int, va: int, want: str) -> None:
    """Have the kernel report a page fault that never was."""
    debugger = live.debugger
    frame = live.fields("kernel/trap.c", "trap_frame")
    panic = live.fields("kernel/panic.c", "panic")
    at = live.symbol("the_panic")
    for member, value in (("vector", PAGE_FAULT), ("error", error),
                          ("rip", live.symbol("live")), ("rbp", 0)):
        debugger.write(at + panic["frame"] + frame[member],
                       value.to_bytes(8, "little"))
    debugger.write(at + panic["is_trap"], b"\1")
    debugger.set_register("cr2", va)
    lines = live.machine.run.lines
    before = len(lines)
    live.call("stage_20_report", 0)
    while not any("backtrace" in line for line in lines[before:]):
        live.machine.hear()
    found = [line[line.index("panic: "):] for line in lines[before:]
             if "panic: " in line]
    if want not in found:
        raise Wrong(f"for the error code {error:#x} and CR2 {va:#x}: \"{want}\"",
                    found[1] if len(found) > 1 else "no line",
                    live.explain(va), read="SDM vol. 3 §4.7, figure 4-12",
                    look=f"pt {va:#x}", step=5)


@check(5, needs="gates stacks frame calls back ticks explains", beside=True)
def lives(w):
    """Two generations, and each has called the firmware with interrupts."""
    w.counts(w.run("efi=fixed generations=2 end=exit"), 2)
