"""The checks of challenge C3: the firmware at VA = PA on the kernel's own table,
and nothing there between calls.

The machine stands where the firmware is open. The kernel is made to call
GetTime; the grader looks at its first instruction, and when the call is over.
Interrupts would come in between, so nothing that sends any is started.
"""

from harness import paging
from harness.layouts import REGION, SERVICES
from harness.rsp import GENERAL
from kit.outside import PAGE, Wrong, check

LOWER_HALF, NOWHERE = 1 << 47, 0x300000000000
SVAM_CALLED = 1
STEPS = 400  # from gate_enter to the service, at most
SENDERS = "stage_00_timer", "stage_10_watchdog"  # of interrupts
ABORTED = 1 << 63 | 21  # EFI_ABORTED
LOAD = b"\x8a\x00"  # mov al, [rax]


class Opened:
    """A machine whose firmware has just been opened in mode user."""

    def __init__(self, w):
        self.live = live = w.start("efi=user end=exit")
        self.debugger = live.debugger
        for row in SENDERS:
            live.run_to(row)
            self.debugger.leave(0)
        live.run_to("proof_run")
        self.here = self.debugger.register("rip")
        self.rsp = self.debugger.register("rsp")
        live.scratch = self.rsp - 6 * PAGE & -16
        record = self.debugger.word(live.symbol("firmware"))
        self.fields = live.fields("efi/services.c", "efi_firmware")
        self.svam = self.debugger.word(record + self.fields["svam"]
                                       ) & 0xFFFFFFFF
        at = record + self.fields["regions"]
        data = self.debugger.read(at, 8 + REGION.size * self.debugger.word(at))
        self.rows = list(REGION.iter_unpack(data[8:]))
        self.entry = self.debugger.word(
            record + self.fields["entry"] + 8 * SERVICES.index("GetTime"))
        self.before, self.during = self.lower_half(), []

    def close(self) -> None:
        self.live.close()

    def enter(self) -> None:
        """The kernel calls GetTime: to its first instruction, when it can be
        executed. Its address may not be mapped before, so no breakpoint can be
        there: the last steps are single ones."""
        debugger, stack = self.debugger, (self.rsp - 256 & ~15) - 8
        debugger.write(stack, self.here.to_bytes(8, "little"))
        for name, value in (("rip", self.live.symbol("efi_get_time")),
                            ("rsp", stack), ("rdi", self.live.scratch)):
            debugger.set_register(name, value)
        self.live.run_to("gate_enter")
        self.step_to_entry()
        if not self.leads(self.entry):
            debugger.command("s")  # into the trap
            self.live.run_to("trap_handler")
            self.live.run_to_address(
                debugger.word(debugger.register("rsp")),
                "the end of trap_handler(), where the firmware has faulted")
            self.must_lead_there()
            self.live.run_to_address(self.entry, "GetTime, after its fault")

    def step_to_entry(self) -> None:
        for _ in range(STEPS):
            self.debugger.command("s")
            if self.debugger.register("rip") == self.entry:
                return
        raise Wrong(f"the gate comes to GetTime, at {self.entry:#x}",
                    f"it does not, within {STEPS} instructions", look="bt",
                    step=1)

    def must_lead_there(self) -> None:
        if not self.leads(self.entry):
            raise Wrong(f"GetTime, at {self.entry:#x}, is mapped when it is "
                        "called, or when the handler of its fault returns",
                        "it is not", self.live.explain(self.entry), step=1,
                        look=f"pt {self.entry:#x}")

    def come_home(self) -> int:
        """The firmware goes on, to the kernel; what the caller gets."""
        self.live.run_to_address(self.here, "the kernel, after GetTime")
        status = self.debugger.register("rax")
        self.debugger.set_register("rsp", self.rsp)
        return status

    def must_succeed(self, when: str) -> None:
        if status := self.come_home():
            raise Wrong(f"GetTime succeeds {when}", f"it returns {status:#x}",
                        step=2)

    def works(self, when: str) -> None:
        self.enter()
        self.must_succeed(when)

    def leads(self, va: int) -> bool:
        return paging.target(self.live.walk(va)) is not None

    def lower_half(self) -> list[paging.Range]:
        return [leaf for leaf in self.live.leaves() if leaf.va < LOWER_HALF]

    def must_be_empty(self, when: str) -> None:
        for leaf in self.lower_half():
            raise self.is_not_empty(when, leaf)

    def is_not_empty(self, when: str, leaf: paging.Range) -> Wrong:
        return Wrong(f"{when}, the lower half of the kernel's table is empty",
                     f"{leaf.va:#x} leads to {leaf.pa:#x}",
                     self.live.explain(leaf.va), look=f"pt {leaf.va:#x}",
                     step=1)


def opened(w) -> Opened:
    return w.keep("opened", lambda: Opened(w))


@check(5)
def boots(w):
    """The firmware is opened in mode user."""
    opened(w)


@check(10, needs="boots")
def svam(w):
    """SetVirtualAddressMap was called, with VA = PA."""
    it = opened(w)
    moved = [row for row in it.rows if row[1] != row[2]]
    if it.svam != SVAM_CALLED or moved:
        raise Wrong("firmware->svam is SVAM_CALLED, and each region is at its "
                    "physical address", f"it is {it.svam}; "
                    f"{len(moved)} regions are elsewhere",
                    look="efi-regions", step=1)


@check(15, needs="svam")
def table(w):
    """The firmware runs on the kernel's own table, at VA = PA."""
    it = opened(w)
    live = it.live
    kernel = live.debugger.word(live.symbol("kernel_table"))
    it.enter()
    if live.debugger.register("cr3") & paging.ADDRESS != kernel:
        raise Wrong(f"CR3 is {kernel:#x}, the kernel's, at the first "
                    "instruction of GetTime",
                    f"{live.debugger.register('cr3'):#x}", step=1)
    it.during = it.lower_half()
    for _, pa, _, pages, _, _ in it.rows:
        page = pa + w.dice.randrange(pages) * PAGE
        if paging.target(live.walk(page)) != page:
            raise Wrong(f"{page:#x}, of a runtime region, leads to itself "
                        "during a call", "it does not", live.explain(page),
                        look=f"pt {page:#x}", step=1)
    it.must_succeed("on the kernel's table")


@check(10, needs="table")
def user(w):
    """Nothing else is in the lower half, not even during a call."""
    it = opened(w)
    for leaf in it.during:
        end = leaf.va + leaf.size
        its = sum(max(0, min(end, pa + pages * PAGE) - max(leaf.va, pa))
                  for _, pa, _, pages, _, _ in it.rows)
        if its < leaf.size:
            raise Wrong("only the firmware's regions in the lower half, during "
                        "a call", f"{leaf.va:#x} to {end:#x}, {leaf.rights}",
                        look=f"pt {leaf.va:#x}", step=1)


@check(10, needs="table")
def stale(w):
    """After a call no translation is left over in the TLB."""
    it = opened(w)
    live, debugger = it.live, it.debugger
    if it.leads(it.entry):
        return  # by the table: see `empty`
    before = {name: debugger.register(name) for name in (*GENERAL, "eflags")}
    under = debugger.read(it.here, len(LOAD))
    debugger.write(it.here, LOAD)
    debugger.set_register("rax", it.entry)
    if not live.run_to_one({live.symbol("trap_handler"): True,
                            it.here + len(LOAD): False},
                           f"`mov al, [rax]`, rax {it.entry:#x}"):
        raise Wrong(f"a page fault of a kernel that reads {it.entry:#x} after "
                    "the call", "it can read there, by a translation that is "
                    "no longer in the table", read="SDM vol. 3 §4.10.4",
                    step=1)
    debugger.write(it.here, under)
    for name, value in before.items():
        debugger.set_register(name, value)


@check(15, needs="stale")
def empty(w):
    """Between calls nothing is there."""
    it = opened(w)
    for leaf in it.before:
        raise it.is_not_empty("before the first call", leaf)
    for count in "first", "second", "third":
        it.enter()
        it.come_home()
        it.must_be_empty(f"after the {count} call")


@check(5, needs="empty")
def fault(w):
    """A firmware that faults is ended, and nothing is left of its call."""
    it = opened(w)
    for _ in range(2):
        it.enter()
        it.debugger.set_register("rip", NOWHERE + w.dice.randrange(1 << 40))
        status = it.come_home()
        if status != ABORTED:
            raise Wrong("EFI_ABORTED from firmware that jumps to nowhere",
                        f"{status:#x}", step=2)
        it.must_be_empty("after a call that was ended")
        it.works("after that")


@check(5, needs="empty")
def other(w):
    """A call on another page table changes nothing."""
    it = opened(w)
    it.live.call("efi_set_virtual_address_map", it.live.scratch, 0, 48, 1)
    it.must_be_empty("after SetVirtualAddressMap")
    it.works("after SetVirtualAddressMap was called again")


@check(5, needs="user fault other", beside=True)
def lives(w):
    """Three generations call the firmware there."""
    w.counts(w.run("efi=user generations=3 end=exit"), 3)
