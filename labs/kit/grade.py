#!/usr/bin/python3
"""Grade this folder: run the checks of its lab, each on a machine that they use.

Each check is a function of labs/NN-name/checks.py. Those that depend on a check
which failed are not tried: one cause is one ✗. With the nonce that is printed
at the end a run can be repeated.

In a student's folder the file LAB says which lab it is, and whose.
"""

import argparse
import importlib.util
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "tests"), str(HERE.parents[1])]

from harness import cli, paths  # noqa: E402
from kit import report, seed  # noqa: E402
from kit.outside import Outside, Wrong  # noqa: E402
from kit.report import Result  # noqa: E402


def lab_file(root: Path = paths.ROOT) -> dict[str, str]:
    """LAB: which lab this folder is, and whose."""
    try:
        rows = (root / "LAB").read_text().splitlines()
    except FileNotFoundError:
        raise cli.Trouble(f"{root} is no lab's folder: make lab N=3 makes one"
                          ) from None
    return dict(row.split(" = ", 1) for row in rows if " = " in row)


def folder_of(number: str, root: Path = paths.ROOT) -> Path:
    """labs/03-paging of number 3."""
    found = sorted((root / "labs").glob(f"{int(number):02}-*"))
    if not found:
        raise cli.Trouble(f"there is no lab {number}")
    return found[0]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checks_of(folder: Path) -> list:
    """The checks of a lab, in the order of its file."""
    module = load(folder / "checks.py")
    return [f for f in vars(module).values() if hasattr(f, "points")]


def run_check(function, outside: Outside, nonce: int) -> Result:
    result = Result(function.check, function.title, function.points, "pass")
    outside.dice = seed.dice(nonce, function.check)
    begin = time.monotonic()
    try:
        function(outside)
    except Wrong as wrong:
        result.status, result.details = "fail", wrong.details
        outside.drop()
    result.seconds = time.monotonic() - begin
    return result


def blocked(function, names: list[str]) -> Result:
    return Result(function.check, function.title, function.points,
                  "blocked", 0, [f"not tried: it needs {', '.join(names)}"])


def chosen(checks: list, only: str) -> list:
    """One check and all that it needs; all, if none is named."""
    named = {f.check: f for f in checks}
    if only and only not in named:
        raise cli.Trouble(f"CHECK={only}: no such check; there are: "
                          f"{', '.join(named)}")
    wanted = [only] if only else list(named)
    for name in wanted:
        wanted += [need for need in named[name].needs if need not in wanted]
    return [f for f in checks if f.check in wanted]


def grade(checks: list, outside: Outside, nonce: int, fast: bool,
          tell) -> list[Result]:
    """All verdicts, each told as it is found."""
    results: dict[str, Result] = {}
    for function in checks:
        open_needs = [need for need in function.needs
                      if results[need].status != "pass"]
        result = blocked(function, open_needs) if open_needs else \
            run_check(function, outside, nonce)
        results[result.name] = result
        tell(result)
        if fast and result.status == "fail":
            break
    outside.drop()
    return list(results.values())


def arguments() -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--check", default=os.environ.get("CHECK", ""), metavar="NAME",
        help="this check and what it needs")
    add("--nonce", default=os.environ.get("NONCE") or hex(seed.fresh_nonce()),
        help="repeat the run that printed it")
    add("--fast", action="store_true",
        default=cli.variable("FAST", cli.switch, ""),
        help="stop at the first check that fails")
    add("--seed", help="judge by this seed instead of the one in LAB")
    add("--form", choices=report.FORMS, default="text")
    add("--out", type=Path, help="write the report to this file")
    return parser.parse_args()


def main() -> int:
    cli.plain_errors()
    options = arguments()
    lab = lab_file()
    nonce = int(options.nonce, 0)
    mine = int(options.seed or lab["seed"], 0)
    checks = chosen(checks_of(folder_of(lab["lab"])), options.check)
    shown = options.form == "text" and not options.out

    def tell(result: Result) -> None:
        if shown:
            print(report.line(result), flush=True)

    results = grade(checks, Outside(mine, nonce), nonce, options.fast, tell)
    score, most = report.total(results)
    text = report.FORMS[options.form](results, nonce)
    if options.out:
        options.out.write_text(text)
    elif not shown:
        print(text, end="")
    else:
        print(f"{score} of {most} points (again: make grade NONCE={nonce:#x})")
    with suppress(OSError):
        note(results, nonce)
    return 0 if score == most else 1


def note(results: list[Result], nonce: int) -> None:
    """The history of a solution: a line for each run."""
    score, most = report.total(results)
    failed = [r.name for r in results if r.status == "fail"]
    with open(paths.ROOT / "grades.log", "a") as log:
        print(time.strftime("%F %T"), f"{score}/{most}", f"{nonce:#x}",
              *failed, file=log)


if __name__ == "__main__":
    sys.exit(main())
