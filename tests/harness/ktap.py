"""Reports in KTAP (https://docs.kernel.org/dev-tools/ktap.html): version 1
without nesting, which is what Baton writes.
"""

import re
from dataclasses import dataclass, field

VERSION = "KTAP version 1"
PLAN = re.compile(r"1\.\.(\d+)")
RESULT = re.compile(r"(ok|not ok) (\d+)(?: ([^#]+?))?"
                    r"(?: #(?: (SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b)?(?: (.*))?)?")


@dataclass(frozen=True)
class Result:
    """The result of one test."""

    ok: bool
    description: str
    directive: str
    data: str


@dataclass
class Report:
    """The lines from a version line to the last test of the plan."""

    planned: int
    results: list[Result] = field(default_factory=list)


def reports(lines: list[str]) -> list[Report]:
    """All reports of a log; other lines in between are ignored."""
    found = []
    for before, line in zip(["", *lines], lines):
        if before == VERSION:
            found.append(Report(int(PLAN.fullmatch(line)[1])))
        elif line.startswith(("ok", "not ok")):
            match, results = RESULT.fullmatch(line), found[-1].results
            assert match and int(match[2]) == len(results) + 1, line
            results.append(Result(match[1] == "ok", match[3] or "",
                                  match[4] or "", match[5] or ""))
    for report in found:
        assert len(report.results) == report.planned
    return found
