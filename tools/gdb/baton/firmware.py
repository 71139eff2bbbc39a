"""efi-regions, efi-mode, step-firmware, finish-firmware.

The kernel's data about the firmware are in `firmware` (efi/firmware.h). A call
in progress is in `gate_current` (efi/gate.h). gate_enter (efi/gate.asm) calls
gate_plain, which is one jump, or guard_enter (efi/guard) if that is linked:
there is the instruction that enters the firmware.
"""

from functools import lru_cache
from typing import NamedTuple

import gdb

from . import machine, motion, paging
from .commands import Command

ATTRIBUTES = {  # UEFI 2.10 §7.2.3
    "UC": 0, "WC": 1, "WT": 2, "WB": 3, "UCE": 4, "WP": 12, "RP": 13,
    "XP": 14, "NV": 15, "MORE_RELIABLE": 16, "RO": 17, "SP": 18,
    "CPU_CRYPTO": 19, "RUNTIME": 63,
}
GATE = "gate_enter"


def firmware() -> gdb.Value:
    return gdb.parse_and_eval("*firmware")


def lineage() -> list[gdb.Value]:
    """The kernels before this one, from the handoff."""
    def value(name: str) -> gdb.Value:
        return gdb.parse_and_eval(f"'kernel/chain/lineage.c'::{name}")
    return [value("listed")[i] for i in range(int(value("listed_count")))]


# ---- regions

class Region(NamedTuple):
    """One runtime region, as plain numbers."""

    type: str
    pa: int
    va: int
    size: int
    attribute: int

    @classmethod
    def of(cls, value: gdb.Value) -> "Region":
        return cls(machine.memory_type_name(int(value["type"])),
                   int(value["pa"]), int(value["va"]),
                   int(value["pages"]) * machine.PAGE,
                   int(value["attribute"]))

    def offset(self, place: int) -> int | None:
        """The offset of an address in the region, virtual or physical."""
        for start in self.va, self.pa:
            if start <= place < start + self.size:
                return place - start
        return None


def regions() -> list[Region]:
    table = firmware()["regions"]
    return [Region.of(table["region"][i]) for i in range(int(table["count"]))]


def region_text(place: int) -> str:
    """"RuntimeServicesCode+0x1234", or "in no runtime region"."""
    for region in regions():
        offset = region.offset(place)
        if offset is not None:
            return f"{region.type}+{offset:#x}"
    return "in no runtime region"


def attribute_text(bits: int) -> str:
    return "|".join(n for n, bit in ATTRIBUTES.items() if bits >> bit & 1)


class RegionsCommand(Command):
    """List the firmware's runtime regions and their present mapping.

    efi-regions [ROOT]

    `now` are the rights in the table at ROOT at the region's virtual
    addresses; more than one word if its pages differ. The default of ROOT is
    the table on which this mode calls the firmware."""

    name = "efi-regions"

    def run(self, root: str = "") -> None:
        root_pa = paging.root_of(root) if root else table_of_mode()
        print(f"on the table at {root_pa:#x}:")
        print(f"{'type':20}{'physical':>12} {'virtual':>18} {'size':>9}  "
              f"{'now':8} attributes")
        mapped = list(paging.ranges(root_pa)) if root_pa else []
        for region in regions():
            print(f"{region.type:20}{region.pa:#12x} {region.va:#18x} "
                  f"{machine.size_text(region.size):>9}  "
                  f"{rights_of(mapped, region):8} "
                  f"{attribute_text(region.attribute)}")


def rights_of(mapped: list[paging.Range], region: Region) -> str:
    end = region.va + region.size
    found = {r.rights.split()[0] for r in mapped
             if r.va < end and region.va < r.va + r.size}
    return " ".join(sorted(found)) or "nothing"


# ---- the mode

def table_kind(mode: gdb.Value) -> str:
    return machine.enum_name(mode["table"], "PAGE_TABLE_")


def table_of_mode() -> int:
    """The table on which services are called; 0: there is none yet."""
    mode = firmware()["mode"]
    if int(mode) and table_kind(mode) == "kernel":
        return machine.number("kernel_table.root_pa")
    return int(gdb.parse_and_eval("firmware_table")["root_pa"])


def converter(svam: str) -> str:
    """Who called SetVirtualAddressMap."""
    if svam == "called":
        return "by this generation"
    for entry in lineage():
        if machine.enum_name(entry["svam"], "SVAM_", "efi_svam") == "called":
            return (f"generation {int(entry['generation'])} called it, "
                    f"kernel at {int(entry['image_pa']):#x}, "
                    f"efi={entry['mode'].string()}")
    return "by a kernel that is not in the lineage" if svam == "inherited" \
        else "it was not called" if svam == "never" else "unknown"


class ModeCommand(Command):
    """Show how the firmware is called: mode, caller of SVAM, entry points.

    efi-mode

    Two entry points stay physical even if the others are virtual: those
    that SetVirtualAddressMap (SVAM) never converts (UEFI 2.10 §8.4)."""

    name = "efi-mode"

    def run(self) -> None:
        known = firmware()
        if not int(known["mode"]):
            print("the kernel has not opened the firmware (yet)")
            return
        mode, svam = known["mode"], machine.enum_name(known["svam"], "SVAM_")
        for name, text in [
            ("generation", machine.number("'kernel/main.c'::kernel.boot.generation")),
            ("mode", f"{mode['name'].string()}: {mode['proposal'].string()}"),
            ("may be called", "yes" if known["ready"] else "no"),
            ("SetVirtualAddressMap", f"{svam}: {converter(svam)}"),
            ("page table", self._table(mode)),
            ("system table", f"pa {int(known['system_table_pa']):#x}"),
            ("runtime table", f"pa {int(known['runtime_table_pa']):#x}"),
            ("gate", gate_text()),
        ]:
            print(f"{name + ':':22}{text}")
        self._services(known)

    @staticmethod
    def _table(mode: gdb.Value) -> str:
        text = {"kernel": "the kernel's",
                "own": "a private one, VA = PA: CR3 changes with each call"}
        return f"{table_of_mode():#x}, {text[table_kind(mode)]}"

    @staticmethod
    def _services(known: gdb.Value) -> None:
        print(f"{'service':27}{'entry':>18}  where")
        services = known["runtime"]["service"]
        low, high = services.type.range()
        for i in range(low, high + 1):
            entry = int(services[i])
            print(f"{machine.service_name(i):27}{entry:#18x}  "
                  f"{region_text(entry)}")


# ---- a call

def call() -> gdb.Value | None:
    """struct gate_call of the call in progress."""
    current = gdb.parse_and_eval("gate_current")
    return current.dereference() if int(current) else None


def service_of(function: int) -> str:
    """The service with this entry address."""
    table = firmware()["entry"]
    low, high = table.type.range()
    for i in range(low, high + 1):
        if int(table[i]) == function:
            return machine.service_name(i)
    return f"{function:#x}"


def gate_text() -> str:
    now = call()
    if not now:
        return "no call is in progress"
    return f"{service_of(int(now['function']))} is in progress"


@lru_cache
def gate_code() -> list[dict]:
    """gate_enter's instructions, up to its `ret`. They are the same in every
    generation, so they are read once."""
    here = gdb.selected_inferior().architecture()
    code = here.disassemble(machine.address(GATE),
                            machine.address("gate_plain") - 1)
    ends = [i for i, line in enumerate(code) if line["asm"].startswith("ret")]
    return code[:ends[0] + 1]


def is_mapped() -> bool:
    """Can the kernel's memory be read, or is it too early for that?"""
    try:
        return bool(machine.read_words(machine.address(GATE), 1))
    except gdb.MemoryError:
        return False


def gate_call() -> tuple[int, int]:
    """The address of gate_enter's call instruction, and its return address."""
    for line in gate_code():
        if line["asm"].startswith("call"):
            return line["addr"], line["addr"] + line["length"]
    raise gdb.GdbError(f"{GATE} has no call instruction")


@lru_cache
def call_instruction() -> tuple[int, int]:
    """The address of the instruction that enters the firmware, and the return
    address: the first call or jump in the code that gate_enter calls."""
    here, at = gdb.selected_inferior().architecture(), around()
    while True:
        line, = here.disassemble(at, count=1)
        behind = at + line["length"]
        if line["asm"].startswith("call"):
            return at, behind
        if line["asm"].startswith("jmp"):
            return at, gate_call()[1]
        at = behind


def ending() -> int:
    """Where a call continues after the kernel has ended it."""
    guarded = machine.has("guard_recover")
    return machine.address("guard_recover" if guarded else "gate_recover")


def around() -> int:
    """The code that gate_enter calls."""
    guarded = machine.has("guard_enter")
    return machine.address("guard_enter" if guarded else "gate_plain")


def run_to(*places: int) -> bool:
    """Continue, in GDB's direction, to one of these; False: something else
    stopped the machine."""
    stops = [machine.breakpoint_at(place, internal=True) for place in places]
    try:
        motion.go_on(*places)
    finally:
        for stop in stops:
            stop.delete()
    if gdb.selected_inferior().pid and machine.pc() in places:
        return True
    print("something else stopped the machine first:")
    gdb.execute("frame")
    return False


def describe_entry() -> None:
    """At its first instruction: the service, its address, its arguments."""
    root, here = paging.root_of("$cr3"), machine.pc()
    pa = paging.translate(root, here)
    own = root != machine.number("kernel_table.root_pa")
    print(f"{service_of(here)}, at {here:#x} (pa {pa:#x}, "
          f"{region_text(here)})")
    print(f"  on {'a private table' if own else 'the kernel table'} at "
          f"{root:#x}, stack at {machine.number('$rsp'):#x}")
    words = [f"{name}={machine.number('$' + name):#x}"
             for name in ("rcx", "rdx", "r8", "r9")]
    fifth, = machine.read_words(machine.number("$rsp") + 0x28, 1)
    print(f"  arguments: {' '.join(words)} [rsp+0x28]={fifth:#x}")


class StepCommand(Command):
    """Continue to the next firmware call, and step into it.

    step-firmware [SERVICE]

    Stops at the first instruction of the service. With SERVICE (GetTime,
    SetVariable, …), it waits for a call of that service. Backwards, it is the
    previous call."""

    name = "step-firmware"

    def run(self, service: str = "") -> None:
        known = machine.service_names()
        if service and service not in known:
            raise gdb.GdbError(f"no service is called {service}: "
                               f"{', '.join(known)}")
        if not is_mapped():
            run_to(machine.address("kexec_jump" if motion.is_backwards() else
                                   "kernel_main"))
        if motion.is_backwards():
            self._back(service)
        else:
            self._on(service)

    def _on(self, service: str) -> None:
        inside, _ = call_instruction()
        while machine.pc() == inside or run_to(inside):
            entered = service_of(int(call()["function"]))
            motion.quietly("stepi")
            if service in ("", entered):
                describe_entry()
                return

    def _back(self, service: str) -> None:
        """With a name, to the entry of that service, because every stop on the
        way would cost a second. (The firmware may call it as well.)"""
        if not service:
            self._back_to_any()
            return
        index = machine.service_names().index(service)
        entry = int(firmware()["entry"][index]) & machine.MASK
        while run_to(entry):
            if service_of(int(call()["function"])) == service:
                describe_entry()
                return

    def _back_to_any(self) -> None:
        inside, _ = call_instruction()
        if call() and machine.pc() != inside:
            run_to(inside)  # where this call begins
        if run_to(inside):
            with motion.direction("forward"):
                motion.quietly("stepi")
            describe_entry()


class FinishCommand(Command):
    """Continue to the end of the firmware call in progress.

    finish-firmware

    Stops after the call instruction; or, if the firmware faulted and the
    kernel ended its call, where that continues. Backwards, it stops at the
    call instruction."""

    name = "finish-firmware"

    def run(self) -> None:
        now = call()
        if not now:
            raise gdb.GdbError("no firmware call is in progress")
        service = service_of(int(now["function"]))
        inside, behind = call_instruction()
        recover = ending()
        if not run_to(*([inside] if motion.is_backwards() else [behind, recover])):
            return
        if machine.pc() == inside:
            print(f"{service} is about to be called")
        elif machine.pc() == recover:
            print(f"{service} faulted; the kernel continues")
        else:
            status = machine.number("$rax")
            print(f"{service} returned {machine.status_name(status)} "
                  f"({status:#x})")
        gdb.execute("frame")


COMMANDS = [RegionsCommand, ModeCommand, StepCommand, FinishCommand]
