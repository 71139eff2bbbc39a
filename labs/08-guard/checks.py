"""The checks of lab 8: the grader is the firmware, and misbehaves.

The machine stands where the firmware is open and nothing has been proved yet.
The kernel is made to call a service; at the firmware's first instruction the
grader changes registers or code, lets it go on, and looks at what comes home.
Some functions are called directly, with records and frames that are made up.
"""

import struct

from harness import paging
from harness.layouts import KINDS, RANGE, REGION, SERVICES
from kit import seed
from kit.outside import PAGE, Wrong, check, name_of

ABORTED = 1 << 63 | 21  # EFI_ABORTED
LOOK = (1 << 64) - 1  # GATE_LOOK
KEPT_OUTCOME, FAULTED = 0, 2  # enum gate_outcome
TF, IF, DF, NT, AC = (1 << n for n in (8, 9, 10, 14, 18))
PAGE_FAULT, NMI, TIMER = 14, 2, 32
FRAME = """r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax vector
    error rip cs rflags rsp ss""".split()  # struct trap_frame
KEPT = "rbx rbp r12 r13 r14 r15".split()
WRITING = """SetVariable UpdateCapsule GetNextHighMonotonicCount SetTime
    SetWakeupTime ResetSystem""".split()
CODE, DATA = 5, 6  # EFI_RUNTIME_SERVICES_CODE, _DATA
GRANTED = {"boot-services": "rwx", "acpi": "rw-", "nvs": "rw-",
           "reserved": "rwx"}  # and its own regions, and devices
REFUSED = 2
FAULTS = "SDM vol. 3 §6.13 to §6.15"
KERNEL_DS = 0x18  # mm/layout.h


class Gate:
    """A machine with its firmware open, and what the grader does with it."""

    def __init__(self, w):
        self.mode = w.dice.choice(["physical", "fixed"])
        self.live = live = w.start(f"efi={self.mode} efi.fault=retry "
                                   "efi.timeout=1 end=exit")
        live.run_to("proof_run")
        self.debugger, self.dice = live.debugger, w.dice
        self.here = self.debugger.register("rip")
        self.rsp = self.debugger.register("rsp")
        live.scratch = self.rsp - 5 * PAGE & -16
        self.call = live.fields("efi/gate.c", "gate_call")
        self.fault = live.fields("efi/gate.c", "gate_fault")
        self.faults = (live.symbol("gate_statistics") + live.fields(
            "efi/gate.c", "gate_statistics")["faults"])
        self.calls = (live.symbol("gate_statistics") + live.fields(
            "efi/gate.c", "gate_statistics")["calls"])
        self.current = live.symbol("gate_current")
        self.cs = self.debugger.register("cs")

    def close(self) -> None:
        self.live.close()

    # A record of a call that is made up

    def pretend(self, service: str = "GetTime", outcome: int = KEPT_OUTCOME
                ) -> int:
        """A call to this service is under way; its record."""
        at, debugger = self.live.scratch, self.debugger
        flags = debugger.register("eflags")  # no tick shall find this call
        debugger.set_register("eflags", flags & ~IF)
        debugger.write(at, bytes(256))
        self.write(at + self.call["table_pa"], self.live.root)
        self.write(at + self.call["expected"], 0)
        debugger.write(at + self.call["outcome"], struct.pack("<I", outcome))
        debugger.write(at + self.call["service"],
                       struct.pack("<I", SERVICES.index(service)))
        self.write(self.current, at)
        return at

    def end(self) -> None:
        flags = self.debugger.register("eflags")
        self.debugger.set_register("eflags", flags | IF)
        self.write(self.current, 0)

    def write(self, at: int, value: int) -> None:
        self.debugger.write(at, value.to_bytes(8, "little"))

    def frame(self, vector: int, error: int, rip: int) -> dict[str, int]:
        """What a trap may have left on the stack."""
        made = {name: self.dice.randrange(1 << 64) for name in FRAME}
        return made | {"vector": vector, "error": error, "rip": rip,
                       "cs": self.dice.choice([0x08, 0x23, 0x38]), "ss": 0x30,
                       "rflags": self.dice.randrange(1 << 22) | DF | TF | IF}

    def contain(self, frame: dict[str, int]) -> tuple[bool, dict[str, int]]:
        """gate_contain(): what it returns, and makes of a frame."""
        at, size = self.live.scratch + 256, 8 * len(FRAME)
        self.debugger.write(at, struct.pack(f"<{len(FRAME)}Q",
                                            *frame.values()))
        took = self.live.call("gate_contain", at) & 0xFF
        found = struct.unpack(f"<{len(FRAME)}Q", self.debugger.read(at, size))
        return bool(took), dict(zip(FRAME, found))

    def word(self, record: int, name: str) -> int:
        return self.debugger.word(record + self.call[name])

    def outcome(self, record: int) -> int:
        return self.word(record, "outcome") & 0xFFFFFFFF

    def noted(self, record: int, name: str) -> int:
        at = record + self.call["fault"] + self.fault[name]
        if name == "is_page_fault":
            return self.debugger.read(at, 1)[0]
        return self.debugger.word(at)

    # A call that is played

    def enter(self, service: str = "GetTime") -> int:
        """The kernel calls this service, and stands at the firmware's first
        instruction; the record of the call."""
        live, debugger = self.live, self.debugger
        self.before = {name: debugger.register(name) for name in KEPT}
        arguments = {"GetTime": ("efi_get_time", live.scratch, 0),
                     "GetVariable": ("efi_get_variable",
                                     live.symbol("proof_counter_name"),
                                     live.symbol("baton_guid"), 0,
                                     live.scratch, live.scratch + 8)}[service]
        self.stack = stack = (self.rsp - 256 & ~15) - 8
        self.write(stack, self.here)
        for name, value in zip("rip rsp rdi rsi rdx rcx r8".split(),
                               (live.symbol(arguments[0]), stack,
                                *arguments[1:])):
            debugger.set_register(name, value)
        firmware = debugger.word(live.symbol("firmware"))
        self.entry = debugger.word(
            firmware + live.fields("efi/services.c", "efi_firmware")["entry"]
            + 8 * SERVICES.index(service))
        if not live.run_to_one({self.entry: True, self.here: False},
                               service):
            raise Wrong(f"{service} is called, at {self.entry:#x}",
                        "the kernel did not call it", step=1)
        return debugger.word(self.current)

    def plant(self, code: str) -> None:
        """The service begins with this code (hexadecimal)."""
        code = bytes.fromhex(code)
        self.planted = self.entry, self.debugger.read(self.entry, len(code))
        self.debugger.write(self.entry, code)

    def come_home(self, what: str) -> int:
        """The firmware goes on, to the kernel; what the caller gets."""
        debugger = self.debugger
        self.live.run_to_address(self.here, f"the kernel, after {what}")
        if getattr(self, "planted", None):
            at, code = self.planted
            debugger.physical()
            debugger.write(self.pa_of(at), code)
            debugger.physical(False)
            self.planted = None
        status = debugger.register("rax")
        kernel = {**self.before, "rsp": self.stack + 8,
                  "cr3": self.live.root}
        found = {name: debugger.register(name) for name in kernel}
        for name, value in [*self.before.items(), ("rsp", self.rsp)]:
            debugger.set_register(name, value)
        for name, value in kernel.items():
            if found[name] & (paging.ADDRESS if name == "cr3" else LOOK
                              ) != value:
                raise Wrong(f"{name} is {value:#x} again, after {what}",
                            f"{found[name]:#x}", step=1)
        return status

    def pa_of(self, entry: int) -> int:
        """Of code of the firmware, which the kernel's table need not map."""
        if self.mode == "physical":
            return entry
        return paging.target(self.live.walk(entry))

    def works_again(self, after: str) -> None:
        """The next call reaches the firmware, and it returns a time."""
        self.enter()
        status = self.come_home("a call that is as it should be")
        if status:
            raise Wrong(f"after {after}, the next GetTime succeeds",
                        f"it returns {status:#x}", step=1)

    def pages(self) -> dict[str, int]:
        """A page of memory of each kind, by the kernel's map."""
        live = self.live
        at = (live.symbol("kernel")
              + live.fields("kernel/main.c", "kernel")["boot"]
              + live.fields("kernel/main.c", "boot_info")["memory"])
        count = self.debugger.word(at)
        data = self.debugger.read(at + 8, RANGE.size * count)
        found = {}
        for start, end, kind in RANGE.iter_unpack(data):
            if start >= 1 << 20 or KINDS[kind] not in found:
                page = self.dice.randrange(start // PAGE, end // PAGE) * PAGE
                found[KINDS[kind]] = page
        return found

    def region_pages(self) -> dict[int, int]:
        """A page of a region of each type, where the firmware has it."""
        live = self.live
        at = (self.debugger.word(live.symbol("firmware")) + live.fields(
            "efi/services.c", "efi_firmware")["regions"])
        data = self.debugger.read(at + 8, REGION.size * self.debugger.word(at))
        return {row[0]: row[2] + self.dice.randrange(row[3]) * PAGE
                for row in REGION.iter_unpack(data) if row[0] in (CODE, DATA)}

    def kind_at(self, pa: int) -> str:
        live = self.live
        at = (live.symbol("kernel")
              + live.fields("kernel/main.c", "kernel")["boot"]
              + live.fields("kernel/main.c", "boot_info")["memory"])
        return KINDS[live.call("memory_map_kind_at", at, pa, live.scratch)
                     & 0xFFFFFFFF]


def gate(w) -> Gate:
    """One machine, for all checks that leave it as it was."""
    it = w.keep("gate", lambda: Gate(w))
    it.dice = w.dice
    return it


@check(5)
def boots(w):
    """The firmware is opened."""
    gate(w)


def an_exception(dice) -> tuple[int, int, int]:
    """(vector, error code, rip) of something that firmware does."""
    return (dice.choice([0, 1, 3, 6, 7, 12, 13, 14, 14, 14]),
            dice.choice([0, 2, 4, 16]), dice.randrange(1 << 47))


@check(9, needs="boots")
def record(w):
    """A fault ends the call: its record says what happened."""
    it = gate(w)
    for vector, error, rip in [(6, 0, 1 << 40), (14, 2, 1 << 41),
                               *(an_exception(w.dice) for _ in range(3))]:
        at = it.pretend(w.dice.choice(SERVICES))
        cr2 = nowhere(w.dice)
        it.debugger.set_register("cr2", cr2)
        faults = it.debugger.word(it.faults)
        took, _ = it.contain(it.frame(vector, error, rip))
        it.end()
        is_page_fault = vector == PAGE_FAULT
        wanted = {"returned": True, "outcome": FAULTED, "status": ABORTED,
                  "expected": LOOK, "fault.vector": vector,
                  "fault.error": error, "fault.rip": rip,
                  "fault.is_page_fault": int(is_page_fault),
                  "fault.address_va": cr2 if is_page_fault else 0,
                  "gate_statistics.faults": faults + 1}
        found = {"returned": took, "outcome": it.outcome(at),
                 "status": it.word(at, "status"),
                 "expected": it.word(at, "expected"),
                 **{f"fault.{name}": it.noted(at, name) for name in it.fault},
                 "gate_statistics.faults": it.debugger.word(it.faults)}
        for name, value in wanted.items():
            if found[name] != value:
                raise Wrong(f"vector {vector}, error {error:#x}, rip {rip:#x}, "
                            f"CR2 {cr2:#x}: {name} is {value:#x}",
                            f"{found[name]:#x}", read="efi/gate.h; " + FAULTS,
                            look="print *gate_current", step=1)


@check(8, needs="record")
def frame(w):
    """And the trap returns into the kernel, not into the firmware."""
    it = gate(w)
    for _ in range(3):
        vector, error, rip = an_exception(w.dice)
        it.pretend()
        before = it.frame(vector, error, rip)
        took, found = it.contain(before)
        it.end()
        wanted = before | {"rip": it.live.symbol("guard_recover"),
                           "rflags": before["rflags"]
                           & ~(TF | IF | DF | NT | AC), "cs": it.cs,
                           "ss": KERNEL_DS}
        if not took:
            raise Wrong("gate_contain() returns true", "false", step=1)
        for name in FRAME:
            if found[name] != wanted[name]:
                raise Wrong(f"frame->{name} is {wanted[name]:#x} (it was "
                            f"{before[name]:#x})", f"{found[name]:#x}",
                            read="SDM vol. 3 §6.14.3; efi/observe.h",
                            look="print/x *frame", step=1)


@check(8, needs="boots")
def ours(w):
    """What is not the firmware's fault is not contained."""
    it = gate(w)
    for words in "no call is under way", "the gate's own way back faults":
        it.pretend(outcome=FAULTED)
        if words.startswith("no"):
            it.end()
        before = it.frame(*an_exception(w.dice))
        faults = it.debugger.word(it.faults)
        took, found = it.contain(before)
        it.end()
        if took or found != before or it.debugger.word(it.faults) != faults:
            raise Wrong(f"{words}: gate_contain() returns false, and changes "
                        "nothing", "it takes the trap for its own" if took
                        else "it changes the frame, or counts a fault",
                        read="efi/gate.h", look="bt", step=1)


def nowhere(dice) -> int:
    """An address of the lower half that neither table maps, above the memory
    that a PC reserves below 1 TiB (AMD's HyperTransport)."""
    return dice.randrange(1 << 44, 1 << 46)


@check(7, needs="record frame")
def fault(w):
    """The firmware faults; its caller gets EFI_ABORTED, and calls again."""
    it = gate(w)
    wild = nowhere(w.dice)
    for doing, code, vectors in (
            (f"jumps to {wild:#x}", "", {14}), ("has ud2", "fd0f0b", {6}),
            (f"pushes at {wild:#x}", "50", {8, 12, 13, 14}),
            ("has int 14", "fdcd0e", {14})):
        at = it.enter()
        it.plant(code)
        if doing.startswith("jumps"):
            it.debugger.set_register("rip", wild)
        elif doing.startswith("pushes"):  # not mapped, or not canonical
            it.debugger.set_register(
                "rsp", w.dice.choice([wild & -16, wild & -16 | 1 << 62]))
        status = it.come_home(f"firmware that {doing}")
        vector = it.noted(at, "vector")
        if status != ABORTED or vector not in vectors:
            raise Wrong(f"the caller gets EFI_ABORTED from firmware that "
                        f"{doing}, after vector {vectors}",
                        f"{status:#x}, after vector {vector}", read=FAULTS,
                        step=1)
        it.works_again(f"firmware that {doing}")


@check(10, needs="boots")
def patience(w):
    """A call has its time, by its service, and no more."""
    it, dice = gate(w), w.dice
    second, factor = 1_000_000, seed.patience(w.seed)
    ask = lambda ran: bool(it.live.call("deadline_is_over", ran) & 0xFF)

    def must(ran: int, over: bool, words: str) -> None:
        if ask(ran) != over:
            it.end()
            raise Wrong(f"deadline_is_over({ran}) is {str(over).lower()}: "
                        f"{words}", str(not over).lower(), step=2,
                        read="efi/guard/deadline.h; the README, on your rule",
                        look="print *gate_current")

    for service in dice.sample(WRITING, 2) + ["GetTime", "GetVariable"]:
        limit = second * (factor if service in WRITING else 1)
        now = dice.randrange(1 << 40)
        it.write(it.calls, it.debugger.word(it.calls) + 1)
        it.pretend(service)
        must(now, False, "the first look at a call begins its time")
        must(now - dice.randint(1, 99), False, "a clock that was read earlier")
        must(now + limit, False, f"{service} may take {limit} us by "
             "efi.timeout=1, and this is just as long")
        must(now + limit + 1, True, f"{service} may take {limit} us")
        it.end()
        must(now + 9 * limit, False, "no call is under way")
        it.write(it.calls, it.debugger.word(it.calls) + 1)
        it.pretend(service)
        must(now + 99 * limit, False, "the next call has all its time")
        it.end()
    it.write(it.calls, it.debugger.word(it.calls) + 1)
    ask(0)  # as it is between two calls


def hangs(it: Gate, service: str, seconds: int, deaf: bool) -> None:
    """A service that goes in a circle is ended, in time."""
    at = it.enter(service)
    it.plant("fa ebfe" if deaf else "fb ebfe")
    begin = it.live.call("time_ran")
    status = it.come_home(f"{service} that never returns")
    took = (it.live.call("time_ran") - begin) / 1e6
    vector = NMI if deaf else TIMER
    if status != ABORTED or it.noted(at, "vector") != vector:
        raise Wrong(f"{service} is ended by vector {vector}, with EFI_ABORTED",
                    f"status {status:#x}, vector {it.noted(at, 'vector')}",
                    step=2, look="print *gate_current")
    if not seconds <= took <= seconds + 1:
        raise Wrong(f"{service} is ended after {seconds} s",
                    f"after {took:.1f} s of the machine's time", step=2)
    it.works_again(f"{service} that never returned")


@check(5, needs="fault patience")
def hang(w):
    """A service that never returns is ended by the timer."""
    hangs(gate(w), w.dice.choice(["GetTime", "GetVariable"]), 1, False)


@check(5, needs="hang ours")
def deaf(w):
    """With interrupts off, by the watchdog."""
    hangs(gate(w), "GetTime", 1, True)


@check(10, needs="boots")
def grant(w):
    """A page is granted if it harms no one, with the rights of its kind."""
    it, live = gate(w), gate(w).live
    table = it.debugger.word(
        live.symbol("efi_calls") + it.call["table_pa"])
    pages = it.pages() | {"hole": nowhere(w.dice) & -PAGE}
    for kind, page in pages.items():
        rights = GRANTED.get(kind)
        if kind in ("runtime", "mmio"):
            continue
        if paging.target(live.walk(page, table)) is not None:
            continue  # the bounce buffer, which lies in the image
        for execute in (True, False) if rights else (False,):
            before = live.walk(page, table)
            status = live.status("efi_grant", table,
                                 page + w.dice.randrange(PAGE), execute)
            steps = live.walk(page, table)
            found = paging.rights(steps) if paging.target(steps) is not None \
                else None
            may = rights is not None and not (execute and rights != "rwx")
            if may != (status == 0):
                raise Wrong(
                    f"efi_grant() of a page of kind {kind}, execute "
                    f"{execute}: " + ("STATUS_OK" if may else
                                      "STATUS_REFUSED"),
                    f"{name_of(status)}: {live.why() if status else ''}",
                    map(str, before), step=3,
                    look=f"pt {page:#x} {table:#x}",
                    read="efi/guard/memory.h; the README")
            if may and (found != rights or paging.target(steps) != page):
                raise Wrong(f"{page:#x}, of kind {kind}, is mapped to itself, "
                            f"{rights}", str(found),
                            live.explain(page, table), step=3,
                            look=f"pt {page:#x} {table:#x}")
            if may and it.kind_at(page) != "runtime":
                raise Wrong(f"{page:#x}, which is granted, is the firmware's "
                            "from now on: kind runtime in the kernel's map",
                            f"it is {it.kind_at(page)}", step=3,
                            read="lib/memory_map.h")
            if may:
                break
    is_free = live.symbol("boot_services_free")
    it.debugger.write(is_free, b"\1")
    page = it.pages()["boot-services"]
    status = live.status("efi_grant", table, page, False)
    it.debugger.write(is_free, b"\0")
    if status != REFUSED:
        raise Wrong(f"STATUS_REFUSED for {page:#x}, of kind boot-services, once "
                    "boot_services_free is true: the kernel's allocator has it",
                    name_of(status), step=3, read="mm/frames.h")
    for kind, va in it.region_pages().items():
        its_own(it, kind, va, table)


def its_own(it: Gate, kind: int, va: int, table: int) -> None:
    """A page of a region that the firmware has may get all rights of that, but
    only if it lacks one."""
    live, want = it.live, {CODE: "rwx", DATA: "rw-"}[kind]
    before = paging.rights(live.walk(va, table))
    status = live.status("efi_grant", table, va, False)
    found = paging.rights(live.walk(va, table))
    lacks = "w" not in before
    if status != (0 if lacks else REFUSED) or found != (want if lacks
                                                        else before):
        raise Wrong(f"{va:#x}, of a region of type {kind}, {before}: "
                    + (f"STATUS_OK, and it is {want}" if lacks else
                       "STATUS_REFUSED, not for a fetch: it lacks nothing, "
                       "and would fault again and again"),
                    f"{name_of(status)}, and it is {found}",
                    live.explain(va, table), step=3,
                    look=f"pt {va:#x} {table:#x}", read="efi/guard/memory.h")


@check(3, needs="grant fault")
def mend(w):
    """Firmware that touches such a page goes on, as if it had had it."""
    it = gate(w)
    kind = w.dice.choice(list(GRANTED.keys() & it.pages().keys()))
    page = it.pages()[kind] + w.dice.randrange(PAGE)
    it.enter()
    it.plant("0fb601 31c0 c3")  # reads a byte at rcx, and returns EFI_SUCCESS
    it.debugger.set_register("rcx", page)
    status = it.come_home(f"firmware that reads {page:#x}")
    if status:
        raise Wrong(f"EFI_SUCCESS from firmware that reads {page:#x}, of kind "
                    f"{kind}, with efi.fault=retry", f"{status:#x}", step=3,
                    read="docs/design.md, the call gate")


# What the firmware does, as code that returns EFI_SUCCESS.
SPOILS = {
    "CR4": "0f20e0 4883f00c 0f22e0 31c0 c3",  # TSD, DE
    "CR8": "b805000000 440f22c0 31c0 c3",
    "CR0": "0f20c0 480fbaf010 0f22c0 31c0 c3",  # WP
    "EFER": "b9800000c0 0f32 83f001 0f30 31c0 c3",  # SCE
    "GDT": "4883ec10 0f010424 66832c2408 0f011424 4883c410 31c0 c3",
    "IDT": "fa 4883ec10 0f010c24 66832c2410 0f011c24 4883c410 31c0 c3",
    "PAT": "b977020000 0f32 83f001 0f30 31c0 c3",
    "DR7": "0f21f8 83c801 0f23f8 31c0 c3",
    "XMM7": "660fefff 31c0 c3",
}


@check(7, needs="boots")
def registers(w):
    """What the firmware must keep is put back, whatever it did."""
    it = gate(w)
    before = shown(it)
    for name, code in SPOILS.items():
        it.enter()
        it.plant(code)
        it.come_home(f"firmware that changes {name}")
        after = shown(it)
        for key, value in before.items():
            if after[key] != value:
                raise Wrong(f"{key} is {value} again, after a service that "
                            f"changed {name}", after[key], step=4,
                            read="SDM vol. 3 §2; efi/guard/registers.c",
                            look="info registers")


def shown(it: Gate) -> dict[str, str]:
    """The registers that belong to the kernel, as QEMU has them; PAT as the
    guard notes it, anew."""
    text, live = it.live.machine.human("info registers"), it.live
    live.call("guard_note_machine")
    pat = live.symbol("guard_before") + live.fields(
        "efi/guard/registers.c", "snapshot")["pat"]
    found = {"CR8": hex(it.debugger.register("cr8")),
             "PAT": hex(it.debugger.word(pat))}
    for name in "CR0 CR4 EFER GDT IDT DR7 XMM07".split():
        line = text.partition(f"{name}=")[2]
        size = 2 if name in ("GDT", "IDT") else 1
        found[name] = " ".join(line.split()[:size])
    return found


@check(3, needs="deaf mend registers", beside=True)
def sins(w):
    """Two generations live with one of your firmware's sins."""
    sin = w.dice.choice(seed.sins(w.seed))
    w.counts(w.run("efi=fixed efi.timeout=1 generations=2 end=exit",
                   sin=sin), 2)
