"""A run of several generations, and what each of them proved.

The kernel's own verdicts (`@proof`) are one side. The other is what it cannot
fake: how the machine ended, and what is in the flash file after power-off.
The demonstration and the tests judge by the same tables, here.
"""

import itertools
from dataclasses import dataclass

from . import flash, machine
from .events import Event
from .machine import Run

# What a generation proves about the firmware that it calls, in its order.
CHECKS = ("time", "variable", "enumerate", "space", "services", "again",
          "mapping", "wx", "gate")


@dataclass(frozen=True)
class Expectation:
    """How a mode must turn out, with three generations."""

    first: str  # SetVirtualAddressMap in generation 0 …
    later: str  # … and in the others
    end: machine.End
    verdict: str
    counted: int  # BatonGeneration in the flash file afterwards
    last: str  # end=…, what the last generation is told to do


POWERED_OFF = machine.End("guest-shutdown", 0)
REFUSED = machine.End("debug-exit", machine.EXIT["refused"])

EXPECTED = {
    "physical": Expectation("never", "never", POWERED_OFF, "pass", 3,
                            "shutdown"),
    "identity": Expectation("called", "inherited", POWERED_OFF, "pass", 3,
                            "shutdown"),
    "fixed": Expectation("called", "inherited", POWERED_OFF, "pass", 3,
                         "shutdown"),
    "contiguous": Expectation("called", "inherited", POWERED_OFF, "pass", 3,
                              "shutdown"),
    "direct": Expectation("called", "inherited", POWERED_OFF, "pass", 3,
                          "shutdown"),
    "table": Expectation("called", "inherited", POWERED_OFF, "pass", 3,
                         "shutdown"),
    "naive": Expectation("called", "refused", REFUSED, "refused", 1, "exit"),
}
PROVING = tuple(mode for mode, want in EXPECTED.items()
                if want.verdict == "pass")  # the modes that work
LIVES = 3


def expected_proof(mode: str, gen: int, check: str) -> str | None:
    """The verdict of one proof; None where the firmware is not called."""
    if gen and EXPECTED[mode].later == "refused":
        return None
    never_moved = EXPECTED[mode].first == "never"
    return "skip" if check == "again" and never_moved else "pass"


def cmdline(mode: str) -> str:
    return f"efi={mode} lives={LIVES} end={EXPECTED[mode].last}"


@dataclass(frozen=True)
class Region:
    """One runtime region of the firmware, where a generation mapped it."""

    type: str
    pa: int
    va: int
    pages: int

    @classmethod
    def of(cls, event: Event) -> "Region":
        numbers = (event.number(key) for key in ("pa", "va", "pages"))
        return cls(event["type"], *numbers)


@dataclass
class Chain:
    """Questions to a finished run."""

    run: Run

    def regions(self, gen: int) -> list[Region]:
        return [Region.of(e) for e in self.run.all("efi.region", gen=gen)]

    def base(self, gen: int) -> int:
        """Where this generation's kernel lies in physical memory."""
        return self.run.one("boot", gen=gen).number("base")

    def proof(self, gen: int, check: str) -> Event | None:
        hits = self.run.all("proof", gen=gen, check=check)
        return hits[-1] if hits else None

    def counted(self) -> int | None:
        """BatonGeneration in the flash file, read after power-off."""
        return flash.generation(self.run.flash) if self.run.flash else None

    def problems(self, mode: str) -> list[str]:
        """What is not as EXPECTED, in words; nothing when all is well."""
        want = EXPECTED[mode]
        last = self.run.all("end", gen=LIVES - 1)
        table = [
            ("the machine ended", self.run.end, want.end),
            ("the last verdict", last and last[-1]["verdict"], want.verdict),
            ("BatonGeneration in flash", self.counted(), want.counted),
        ]
        for gen, check in itertools.product(range(LIVES), CHECKS):
            proof = self.proof(gen, check)
            table.append((
                f"proof of {check} in generation {gen}",
                proof and proof["verdict"], expected_proof(mode, gen, check),
            ))
        return [
            f"{what}: {value or 'none'}, expected {expected or 'none'}"
            for what, value, expected in table if value != expected
        ]
