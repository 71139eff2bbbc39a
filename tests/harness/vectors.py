"""A firmware's results for the vectors of kernel/conformance/vectors.c.

The kernel reports in KTAP; here a report becomes points, and points of several
firmwares become the table of docs/conformance.md.
"""

import re
from dataclasses import dataclass

from . import ktap

COMMAND = "efi vectors"

# A key of qemu.FIRMWARE, and the column of its answers.
COLUMNS = {"pflash": "OVMF", "bios": "OVMF -bios", "smm": "OVMF SMM",
           "ia32": "OVMF IA-32", "uboot": "U-Boot"}

# The text after the '#' of a point.
ANSWER = re.compile(r"(EFI_\w+)(?:, (.*?))? \(([^()]*)\)")

# The attributes of UEFI's own variables (UEFI 2.10 table 3-1; Lang
# and LangCodes: EFI 1.10), where # is a hexadecimal digit.
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
ATTRIBUTES = {
    "-- BS RT": """AuditMode BootCurrent BootOptionSupport ConInDev ConOutDev
        dbDefault dbrDefault dbtDefault dbxDefault DeployedMode ErrOutDev
        KEKDefault LangCodes OsIndicationsSupported PKDefault PlatformLangCodes
        PlatformRecovery#### SecureBoot SetupMode
        SignatureSupport VendorKeys""",
    "NV BS RT": """Boot#### BootNext BootOrder ConIn ConOut Driver####
        DriverOrder ErrOut HwErrRecSupport Key#### Lang OsIndications
        PlatformLang SysPrep#### SysPrepOrder Timeout""",
}
VARIABLE = re.compile(r" +([0-9a-f-]{36}) (.. .. ..) +\d+  (\w+)")


@dataclass(frozen=True)
class Point:
    """One vector, and its result."""

    ok: bool
    service: str
    what: str
    status: str
    note: str  # the expected status; or that a fault was contained
    who: str  # the source of the expectation
    skipped: bool

    @property
    def name(self) -> str:
        return f"{self.service} {self.what}"

    @property
    def answer(self) -> str:
        """As a cell of the table."""
        if self.skipped:
            return "–"
        short = self.status.removeprefix("EFI_")
        return short if self.ok else f"**{short}**"


def points(lines: list[str]) -> list[Point]:
    """All points of a report, which must be complete."""
    report, = ktap.reports(lines)
    found = []
    for result in report.results:
        service, what = result.description.split(" ", 1)
        status, note, who = ANSWER.fullmatch(result.data).groups("")
        found.append(Point(result.ok, service, what, status, note, who,
                           result.directive == "SKIP"))
    assert len({point.name for point in found}) == len(found)
    return found


def global_variables(lines: list[str]) -> dict[str, str]:
    """UEFI's own variables in the list of `efi vars`, and their attributes."""
    found = [m for line in lines if (m := VARIABLE.fullmatch(line))]
    return {m[3]: m[2] for m in found if m[1] == GLOBAL}


def specified(name: str) -> str | None:
    """The specified attributes of one of UEFI's own variables."""
    for attributes, names in ATTRIBUTES.items():
        pattern = "|".join(names.split()).replace("#", "[0-9A-F]")
        if re.fullmatch(pattern, name):
            return attributes
    return None


def table(answers: dict[str, list[Point]]) -> list[str]:
    """Rows of Markdown: a column for each firmware."""
    rows = [["vector", "source", *answers],
            ["---", "---", *("---" for _ in answers)]]
    for same in zip(*answers.values(), strict=True):
        assert len({point.name for point in same}) == 1
        name = same[0].name.replace("|", r"\|")
        rows.append([name, same[0].who, *(point.answer for point in same)])
    return [f"| {' | '.join(row)} |" for row in rows]
