"""A run of several generations, and what each of them proved.

The kernel's own verdicts (`@proof`) are one part. The other is independent of
it: how the machine ended, and the flash file after power-off.
The demonstration and the tests use the same tables, here.
"""

import itertools
from dataclasses import dataclass

from . import flash, machine, qemu
from .events import Event
from .machine import Run

# The proofs of a generation, in order.
CHECKS = ("time", "ticks", "variable", "enumerate", "space", "services",
          "again", "mapping", "wx", "gate")


@dataclass(frozen=True)
class Expectation:
    """The expected results of a mode, with three generations."""

    first: str  # SetVirtualAddressMap in generation 0 …
    later: str  # … and in the others
    end: machine.End
    verdict: str
    counted: int | None  # BatonGeneration in the flash file afterwards
    last: str  # end=…, for the last generation


POWERED_OFF = machine.End("guest-shutdown", 0)
RESET = machine.End("guest-reset", 0)
REFUSED = machine.End("debug-exit", machine.EXIT["refused"])

MOVED = Expectation("called", "inherited", POWERED_OFF, "pass", 3, "shutdown")

EXPECTED = {
    "physical": Expectation("never", "never", POWERED_OFF, "pass", 3,
                            "shutdown"),
    **dict.fromkeys(("identity", "fixed", "contiguous", "offset", "compact",
                     "packed", "direct", "table"), MOVED),
    "naive": Expectation("called", "refused", REFUSED, "refused", 1, "exit"),
}


# A mode that places regions where the firmware has no addresses.
UNREACHABLE = Expectation("refused", "refused", REFUSED, "refused", None,
                          "exit")


def rule_of_linux(regions: list[tuple[int, int]]) -> dict[int, int]:
    """(physical address, pages) in ascending order: {pa: va}. Downwards from
    -4 GiB, the last one first, each at the nearest address that equals
    its own modulo 2 MiB."""
    places, top = {}, 2**64 - (4 << 30)
    for pa, pages in reversed(regions):
        top -= pages * 4096
        top -= (top - pa) % (2 << 20)
        places[pa] = top
    return places


@dataclass(frozen=True)
class Firmware:
    """The features of a firmware that the proofs use."""

    lacks: frozenset = frozenset()  # checks that do not apply
    stores: bool = True  # its variables are in a flash file afterwards
    svam_stays: bool = True  # SetVirtualAddressMap works in any generation
    off: machine.End = POWERED_OFF  # the effect of EfiResetShutdown
    beyond: frozenset = frozenset()  # modes that its addresses do not allow
    quirks: frozenset = frozenset()  # all of its quirks, see efi/quirks/


# Each firmware, by its key in qemu.FIRMWARE.
FIRMWARES = {
    "pflash": Firmware(),
    "smm": Firmware(),
    "ia32": Firmware(beyond=frozenset({"direct", "offset"})),
    "bios": Firmware(stores=False),
    "uboot": Firmware(
        lacks=frozenset({"time", "ticks", "variable", "space", "wx"}), stores=False,
        svam_stays=False, off=RESET,
        quirks=frozenset({"data-in-free-memory", "svam-in-boot-memory",
                          "crc-after-svam", "promise-not-kept"})),
}

FIRMWARES |= {name: FIRMWARES[like] for name, (like, _) in qemu.BUILDS.items()
              if name in qemu.FIRMWARE}

PROVING = tuple(mode for mode, want in EXPECTED.items()
                if want.verdict == "pass")  # the modes that work
GENERATIONS = 3


def expected(mode: str, firmware: str = "pflash") -> Expectation:
    beyond = mode in FIRMWARES[firmware].beyond
    return UNREACHABLE if beyond else EXPECTED[mode]


def expected_proof(mode: str, gen: int, check: str,
                   firmware: str = "pflash") -> str | None:
    """The verdict of one proof; None if the firmware is not called."""
    want = expected(mode, firmware)
    if (want.later if gen else want.first) == "refused":
        return None
    never_moved = want.first == "never"
    if check in FIRMWARES[firmware].lacks or check == "again" and never_moved:
        return "skip"
    return "pass"


def cmdline(mode: str) -> str:
    return f"efi={mode} generations={GENERATIONS} end={EXPECTED[mode].last}"


@dataclass(frozen=True)
class Region:
    """One runtime region of the firmware, as a generation mapped it."""

    type: str
    pa: int
    va: int
    pages: int

    @classmethod
    def of(cls, event: Event) -> "Region":
        numbers = (event.number(key) for key in ("pa", "va", "pages"))
        return cls(event["type"], *numbers)


def translate(run: Run, address: int, source: str, target: str) -> int:
    """Translates an address in the firmware from "pa" to "va" or back."""
    for region in Chain(run).regions(0):
        offset = address - getattr(region, source)
        if 0 <= offset < region.pages * 4096:
            return getattr(region, target) + offset
    raise AssertionError(f"{address:#x} is in no region")


WRONGS = ("efi.violation", "efi.fault", "efi.reject", "efi.touch.outside")


def wrongs(run: Run) -> list[str]:
    """All deviations of the firmware, in any generation."""
    return [str(event) for event in run.events if event.name in WRONGS]


@dataclass
class Chain:
    """The results of a finished run."""

    run: Run

    def regions(self, gen: int) -> list[Region]:
        return [Region.of(e) for e in self.run.all("efi.region", gen=gen)]

    def base(self, gen: int) -> int:
        """The physical address of this generation's kernel."""
        return self.run.one("boot", gen=gen).number("base")

    def proof(self, gen: int, check: str) -> Event | None:
        hits = self.run.all("proof", gen=gen, check=check)
        return hits[-1] if hits else None

    def summary(self, gen: int) -> str:
        """The results of the proofs of one generation, in a few characters."""
        if self.run.all("refused", gen=gen, what="efi"):
            return "refused"
        proofs = [e["verdict"] for e in self.run.all("proof", gen=gen)]
        signs = {"pass": "✓", "skip": "–", "fail": "✗"}
        counts = {sign: proofs.count(word) for word, sign in signs.items()}
        return " ".join(f"{n}{sign}" for sign, n in counts.items() if n)

    def counted(self) -> int | None:
        """BatonGeneration in the flash file, read after power-off."""
        return flash.generation(self.run.flash) if self.run.flash else None

    def problems(self, mode: str) -> list[str]:
        """Differences from EXPECTED, as text; empty if there are none."""
        firmware = self.run.config.firmware
        want, has = expected(mode, firmware), FIRMWARES[firmware]
        end = has.off if want.end == POWERED_OFF else want.end
        counted = want.counted if has.stores else None
        last = self.run.all("end", gen=GENERATIONS - 1)
        table = [
            ("the machine ended", self.run.end, end),
            ("the last verdict", last and last[-1]["verdict"], want.verdict),
            ("BatonGeneration in flash", self.counted(), counted),
            ("deviations of the firmware", wrongs(self.run), []),
        ]
        for gen, check in itertools.product(range(GENERATIONS), CHECKS):
            proof = self.proof(gen, check)
            table.append((
                f"proof of {check} in generation {gen}",
                proof and proof["verdict"],
                expected_proof(mode, gen, check, firmware),
            ))
        return [
            f"{what}: {value or 'none'}, expected {expected or 'none'}"
            for what, value, expected in table if value != expected
        ]
