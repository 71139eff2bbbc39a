"""Three machines that die of a firmware at the wrong addresses, each of another
cause, and what is true of each.

The kernel is the tree's; a debugger makes it believe what the planted cause
would have it believe: where the firmware's regions go in each generation, that
what was handed over need not be compared, that a region is missing from the
map for SetVirtualAddressMap. It is stopped where the trap handler has the first
fault of a service.
"""

import gzip
import hashlib
import json
import shutil
import struct
from contextlib import closing, contextmanager
from pathlib import Path

from harness import paths, saved
from harness.layouts import REGION, SERVICES
from kit import seed
from kit.outside import PAGE, Live, Lost

RAM_MIB = 128
CAUSES = ["naive", "moved", "left-out"]
CODE = 5  # EFI_RUNTIME_SERVICES_CODE
DIRECT, STEP = 0xFFFF800000000000, 1 << 38  # mm/layout.h: DIRECT_MAP_ALIGN
IOREMAP, APART = 0xFFFFFFFFD0000000, 64 << 20  # more than all regions take
VECTOR = 15 * 8  # where it is in struct trap_frame
PAGE_FAULT = 14


def causes(of: int) -> dict[str, str]:
    """Which machine died of what."""
    order = list(CAUSES)
    seed.dice(of, "causes").shuffle(order)
    return dict(zip("abc", order))


class Planted(Live):
    """A machine with one cause in it. `attempt`: another region left out."""

    def __init__(self, of: int, case: str, attempt: int):
        self.dice, self.cause = seed.dice(of, case), causes(of)[case]
        self.attempt = attempt
        self.bases = [DIRECT + self.dice.randrange(n, n + 16) * STEP
                      for n in (1, 20)]
        words = ",".join(hex(base) for base in self.bases)
        super().__init__(f"efi=fixed generations=2 end=exit direct_base={words}",
                         RAM_MIB, "")
        self.old = self.placed(0)
        if self.cause == "left-out":
            self.leave_out()
        else:
            self.run_to("kexec_jump")
            self.run_to("efi_adopt_by_rule")
            self.skip()  # what was handed over is taken as it is
            self.now = self.placed(1)
            self.run_to("check_pointers")
            self.skip()
        self.generation = int(self.cause != "left-out")

    def regions(self) -> tuple[int, list[list[int]]]:
        """Where the first one is, and (type, pa, va, pages, …) of each."""
        at = (self.debugger.word(self.symbol("firmware")) + self.fields(
            "efi/services.c", "efi_firmware")["regions"])
        data = self.debugger.read(at + 8, REGION.size * self.debugger.word(at))
        return at + 8, [list(row) for row in REGION.iter_unpack(data)]

    def placed(self, generation: int) -> list[list[int]]:
        """The regions, placed as the cause would have it."""
        self.run_to("efi_services_init")
        at, rows = self.regions()
        # Apart from the other generation's, or an old pointer leads somewhere.
        va = IOREMAP + generation * APART + self.dice.randrange(1 << 10) * PAGE
        for row in rows:
            if self.cause == "moved":
                row[2] = self.bases[generation] + row[1]
            elif self.cause == "naive":
                row[2], va = va, va + (row[3] + 1) * PAGE
        self.debugger.write(at, b"".join(REGION.pack(*row) for row in rows))
        return rows

    def skip(self) -> None:
        """A function returns STATUS_OK instead of being run."""
        self.debugger.leave(0)

    def leave_out(self) -> None:
        """A region without code is not in the map for SetVirtualAddressMap."""
        self.now = self.old
        others = [row for row in self.old if row[0] != CODE]
        self.dice.shuffle(others)
        pa = others[self.attempt][1]
        debugger = self.debugger
        self.run_to("efi_set_virtual_address_map")
        at, size, step = (debugger.register(name)
                          for name in ("rdi", "rsi", "rdx"))
        rows = [debugger.read(at + n, step) for n in range(0, size, step)]
        kept = [row for row in rows if struct.unpack_from("<Q", row, 8)[0] != pa]
        debugger.write(at, b"".join(kept))
        debugger.set_register("rsi", step * len(kept))
        self.run_to("check_pointers")
        self.skip()

    def truth(self) -> dict[str, str]:
        """What a diagnosis has to say; this goes on to the fault."""
        self.run_to("gate_contain")
        debugger = self.debugger
        frame = debugger.register("rdi")
        call = debugger.word(self.symbol("gate_current"))
        service = debugger.read(call + self.fields("efi/gate.c", "gate_call")
                                ["service"], 1)[0]
        assert debugger.word(frame + VECTOR) == PAGE_FAULT
        pointer = debugger.register("cr2")
        column = 1 if self.cause == "left-out" else 2
        at, row = next((n, row) for n, row in enumerate(self.old)
                       if 0 <= pointer - row[column] < row[3] * PAGE)
        offset = pointer - row[column]
        return {"service": SERVICES[service].lower(), "cause": self.cause,
                "generation": hex(self.generation), "pointer": hex(pointer),
                "region": hex(row[1]), "physical": hex(row[1] + offset),
                "here": hex(self.now[at][2] + offset)}


@contextmanager
def stands(of: int, case: str):
    """(machine, truth): it stands at its fault. Not every region that is left
    out leads to one."""
    for attempt in range(8):
        with closing(Planted(of, case, attempt)) as live:
            try:
                truth = live.truth()
            except (Lost, StopIteration):
                continue
            yield live, truth
            return


def truths(of: int) -> dict[str, str]:
    """"a.cause" and the like, and what is true. Kept in build/, by the kernel
    and by what is planted."""
    made_of = hashlib.sha256(paths.KERNEL.read_bytes()
                             + Path(__file__).read_bytes()).hexdigest()[:12]
    kept = paths.BUILD / "truths" / f"{of:x}-{made_of}.json"
    if not kept.exists():
        found = {}
        for case in "abc":
            with stands(of, case) as (_, truth):
                found |= {f"{case}.{key}": v for key, v in truth.items()}
        paths.replace(kept, json.dumps(found, indent=1).encode())
    return json.loads(kept.read_text())


DEBUGGED, PAUSED = b"debug\0", b"paused\0"


def dump(of: int, case: str, target: Path) -> None:
    """The whole machine as it stands there, for QEMU's -incoming. QEMU notes
    that a debugger has stopped it, and would not restore that."""
    with stands(of, case) as (live, _):
        home, qmp = live.machine.run.home, live.machine.qmp
        qmp.execute("migrate", uri="exec:cat >stopped")
        qmp.wait("MIGRATION", status="completed")
        state = bytearray((home / "stopped").read_bytes())
        section = state.rfind(saved.SECTION)
        at = state.index(DEBUGGED, section)
        state[at : at + len(PAUSED)] = PAUSED
        (target / f"{case}.gz").write_bytes(gzip.compress(state, 1))
        shutil.copy(home / "vars.fd", target / f"{case}.vars.fd")
