"""Results of checks, in the forms that people and platforms read."""

import json
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

    @property
    def score(self) -> int:
        return self.points if self.status == "pass" else 0


def total(results: list[Result]) -> tuple[int, int]:
    return sum(r.score for r in results), sum(r.points for r in results)


def line(result: Result) -> str:
    """A verdict, as it is found."""
    head = (f"{SIGNS[result.status]} {result.name:10} {result.score:3}/"
            f"{result.points:<3} {result.title}")
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


def markdown(results: list[Result], nonce: int) -> str:
    """For $GITHUB_STEP_SUMMARY."""
    score, most = total(results)
    rows = [f"| {SIGNS[r.status]} | {r.name} | {r.score}/{r.points} | "
            f"{r.title} |" for r in results]
    folds = [f"<details><summary>{r.name}</summary>\n\n```\n"
             + "\n".join(r.details) + "\n```\n</details>"
             for r in results if r.details]
    return "\n".join([f"**{score} of {most} points** (nonce {nonce:#x})", "",
                      "|  | check | points |  |", "|---|---|---|---|", *rows,
                      "", *folds]) + "\n"


def junit(results: list[Result], nonce: int) -> str:
    cases = []
    for r in results:
        body = {"pass": "", "blocked": "<skipped/>",
                "fail": "<failure>" + escape("\n".join(r.details))
                + "</failure>"}[r.status]
        cases.append(f"<testcase name={quoteattr(r.name)} "
                     f'time="{r.seconds:.2f}">{body}</testcase>')
    fails = sum(r.status == "fail" for r in results)
    return (f'<testsuite name="checks" tests="{len(results)}" '
            f'failures="{fails}">' + "".join(cases) + "</testsuite>\n")


def raw(results: list[Result], nonce: int) -> str:
    """For our own tools."""
    return json.dumps({"nonce": nonce, "score": total(results)[0],
                       "of": total(results)[1],
                       "results": [asdict(r) for r in results]}, indent=1)


FORMS = {"text": text, "gradescope": gradescope, "markdown": markdown,
         "junit": junit, "raw": raw}
