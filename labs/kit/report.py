"""Results of checks, in the forms that people and platforms read."""

import json
import re
from dataclasses import asdict, dataclass, field
from xml.sax.saxutils import escape, quoteattr

SIGNS = {"pass": "✓", "fail": "✗", "blocked": "–"}


@dataclass
class Result:
    """One check's verdict. `status`: pass, fail, or blocked by another one."""

    name: str
    title: str
    points: int  # at most
    status: str
    seconds: float = 0
    details: list[str] = field(default_factory=list)
    measure: int | None = None  # what a challenge is won by: the fewest

    def __post_init__(self):
        self.details = [printable(line) for line in self.details]

    @property
    def score(self) -> int:
        return self.points if self.status == "pass" else 0


def printable(line: str) -> str:
    """A line that may come from a student's kernel or compiler: no escape
    sequence of a terminal, nothing that XML forbids."""
    return "".join(c if c.isprintable() else
                   c.encode("unicode_escape").decode()
                   for c in line.expandtabs())


def total(results: list[Result]) -> tuple[int, int]:
    return sum(r.score for r in results), sum(r.points for r in results)


def line(result: Result) -> str:
    """A verdict, as it is found."""
    head = (f"{SIGNS[result.status]} {result.name:10} {result.score:3}/"
            f"{result.points:<3} {result.title}")
    if result.measure is not None:
        head += f" ({result.measure})"
    return "\n".join([head, *(f"      {row}" for row in result.details)])


def text(results: list[Result], nonce: int) -> str:
    score, most = total(results)
    return "\n".join([*map(line, results),
                      f"{score} of {most} points (NONCE={nonce:#x})"]) + "\n"


def gradescope(results: list[Result], nonce: int) -> str:
    """results.json of Gradescope's autograder."""
    return json.dumps({
        "score": total(results)[0],
        "execution_time": round(sum(r.seconds for r in results)),
        "stdout_visibility": "hidden",
        "extra_data": {"nonce": nonce},
        "tests": [{
            "number": str(number), "name": f"{r.name}: {r.title}",
            "score": r.score, "max_score": r.points,
            "status": "passed" if r.status == "pass" else "failed",
            "output": "\n".join(r.details), "output_format": "text",
            "visibility": "visible",
        } for number, r in enumerate(results, 1)],
    }, indent=1)


def _cell(text: str) -> str:
    """A title in a table of Markdown."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def markdown(results: list[Result], nonce: int) -> str:
    """For $GITHUB_STEP_SUMMARY."""
    score, most = total(results)
    rows = [f"| {SIGNS[r.status]} | {r.name} | {r.score}/{r.points} | "
            f"{_cell(r.title)} |" for r in results]
    folds = [f"<details><summary>{r.name}</summary>\n\n"
             + fenced("\n".join(r.details)) + "\n</details>"
             for r in results if r.details]
    return "\n".join([f"**{score} of {most} points** (nonce {nonce:#x})", "",
                      "|  | check | points |  |", "|---|---|---|---|", *rows,
                      "", *folds]) + "\n"


def fenced(text: str) -> str:
    """A block of code that its own text cannot end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def junit(results: list[Result], nonce: int) -> str:
    cases = []
    for r in results:
        body = {"pass": "", "blocked": "<skipped/>",
                "fail": f"<failure message={quoteattr(r.title)}>"
                + escape("\n".join(r.details)) + "</failure>"}[r.status]
        cases.append(f'<testcase classname="checks" name={quoteattr(r.name)} '
                     f'time="{r.seconds:.2f}">{body}</testcase>')
    fails, skipped = (sum(r.status == status for r in results)
                      for status in ("fail", "blocked"))
    seconds = sum(r.seconds for r in results)
    return (f'<testsuite name="checks" tests="{len(results)}" errors="0" '
            f'failures="{fails}" skipped="{skipped}" time="{seconds:.2f}">'
            f'<properties><property name="nonce" value="{nonce:#x}"/>'
            "</properties>" + "".join(cases) + "</testsuite>\n")


def classroom(results: list[Result], nonce: int) -> str:
    """What a grader of GitHub Classroom hands to autograding-grading-reporter,
    before base64."""
    tests = [{"name": f"{r.name}: {r.title}",
              "status": "pass" if r.status == "pass" else "fail",
              "score": r.score, "message": "\n".join(r.details),
              "test_code": f"make grade CHECK={r.name} NONCE={nonce:#x}",
              "filename": "", "line_no": 0,
              "duration": round(1000 * r.seconds)} for r in results]
    score, most = total(results)
    return json.dumps({"version": 1, "max_score": most,
                       "status": "pass" if score == most else "fail",
                       "tests": tests}, indent=1)


def raw(results: list[Result], nonce: int, used: list[str] = []) -> str:
    """For our own tools. used: what of the kernel the checks looked up."""
    return json.dumps({"nonce": nonce, "score": total(results)[0],
                       "of": total(results)[1], "used": used,
                       "results": [asdict(r) for r in results]}, indent=1)


FORMS = {"text": text, "gradescope": gradescope, "markdown": markdown,
         "junit": junit, "classroom": classroom, "raw": raw}
