"""What a firmware answers to the vectors of kernel/conformance/vectors.c.

The kernel reports in KTAP; here a report becomes points, and points of several
firmwares become the table of docs/conformance.md.
"""

import re
from dataclasses import dataclass

COMMAND = "efi vectors"

# A key of qemu.FIRMWARE, and the column of its answers.
COLUMNS = {"pflash": "OVMF", "bios": "OVMF -bios", "smm": "OVMF SMM",
           "uboot": "U-Boot"}

POINT = re.compile(r"(not )?ok (\d+) - (\w+) (.*): (EFI_\w+)(?:, (.*?))? "
                   r"\(([^()]*)\)( # SKIP .*)?")


@dataclass(frozen=True)
class Point:
    """One vector, and how it went."""

    ok: bool
    service: str
    what: str
    status: str
    note: str  # what was wanted instead; that a fault was contained
    who: str  # says what is right
    skipped: bool

    @property
    def name(self) -> str:
        return f"{self.service} {self.what}"

    @property
    def answer(self) -> str:
        """As it stands in a table."""
        if self.skipped:
            return "–"
        short = self.status.removeprefix("EFI_")
        return short if self.ok else f"**{short}**"


def points(lines: list[str]) -> list[Point]:
    """All of a report, which has to be whole."""
    plan, = [int(m[1]) for line in lines
             if (m := re.fullmatch(r"1\.\.(\d+)", line))]
    found = [m for line in lines if (m := POINT.fullmatch(line))]
    assert [int(m[2]) for m in found] == [*range(1, plan + 1)]
    return [Point(not m[1], m[3], m[4], m[5], m[6] or "", m[7], bool(m[8]))
            for m in found]


def table(answers: dict[str, list[Point]]) -> list[str]:
    """Rows of Markdown: a column for each firmware."""
    rows = [["vector", "who says so", *answers],
            ["---", "---", *("---" for _ in answers)]]
    for same in zip(*answers.values(), strict=True):
        assert len({point.name for point in same}) == 1
        name = same[0].name.replace("|", r"\|")
        rows.append([name, same[0].who, *(point.answer for point in same)])
    return [f"| {' | '.join(row)} |" for row in rows]
