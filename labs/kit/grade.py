#!/usr/bin/python3
"""Grade this folder: run the checks of its lab, each on a machine that they use.

Each check is a function of labs/NN-name/checks.py. Those that depend on a check
which failed are not tried: one cause is one ✗. A check with machines of its own
runs beside the others, and has its verdict ready when it is its turn. With the
nonce that is printed at the end a run can be repeated.

In a student's folder the file LAB says which lab it is, and whose. There each
run is noted, with the files that were judged, in refs/labs/grades of the
repository: `git log refs/labs/grades`.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "tests"), str(HERE.parents[1])]

from harness import cli, paths  # noqa: E402
from harness.machine import Machine  # noqa: E402
from kit import report, seed  # noqa: E402
from kit.outside import USED, Lost, Outside, Wrong  # noqa: E402
from kit.report import Result  # noqa: E402


def lab_file(root: Path = paths.ROOT) -> dict[str, str]:
    """LAB: which lab this folder is, and whose."""
    try:
        rows = (root / "LAB").read_text().splitlines()
    except FileNotFoundError:
        raise cli.Trouble(f"{root} is no lab's folder: make lab N=3 makes one"
                          ) from None
    return dict(row.split(" = ", 1) for row in rows if " = " in row)


def number_of(folder: str) -> str:
    """3 of 03-paging, 8b of 08b-diagnosis, c4 of c4-gate."""
    return folder.partition("-")[0].removeprefix("0") or "0"


def folder_of(number: str, root: Path = paths.ROOT) -> Path:
    """labs/03-paging of number 3."""
    for path in (root / "labs").glob("*-*"):
        if number_of(path.name) == number:
            return path
    raise cli.Trouble(f"there is no lab {number}")


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
    outside.dice, outside.measure = seed.dice(nonce, function.check), None
    begin = time.monotonic()
    try:
        function(outside)
    except Wrong as wrong:
        result.status, result.details = "fail", wrong.details
        outside.drop()
    except AssertionError as odd:  # of the debugger
        lost = Wrong("memory where the kernel points to", str(odd))
        result.status, result.details = "fail", lost.details
        outside.drop()
    result.seconds = time.monotonic() - begin
    result.measure = outside.measure
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
    """All verdicts, each reported as it is found."""
    results: dict[str, Result] = {}
    with beside() as begin:
        begun = {}
        for function in checks:
            open_needs = [need for need in function.needs
                          if results[need].status != "pass"]
            if open_needs:
                result = blocked(function, open_needs)
            elif function in begun:
                result = begun[function].result()
            else:
                result = run_check(function, outside, nonce)
            results[result.name] = result
            tell(result)
            if fast and result.status == "fail":
                break
            if len(results) == 1 and result.status == "pass":
                begun = {f: begin(alone, f, outside.twin(), nonce)
                         for f in checks if f.beside}
        outside.drop()
    return list(results.values())


def alone(function, outside: Outside, nonce: int) -> Result:
    """A check that runs beside others, on machines of its own."""
    try:
        return run_check(function, outside, nonce)
    finally:
        outside.drop()


@contextmanager
def beside():
    """What begins a call in another thread. At the end nobody needs those any
    more that still run: their machines are killed, which ends them."""
    begun = []
    with ThreadPoolExecutor() as pool:
        def begin(*call):
            begun.append(pool.submit(*call))
            return begun[-1]

        try:
            yield begin
        finally:
            while wait(begun, 0.05).not_done:
                Machine.kill_all()


def repeated(checks: list, times: int, make_outside) -> list[Result]:
    """All verdicts of the first run with a check that does not pass; of the
    last one if there is none. Each run has a nonce of its own."""
    for _ in range(times):
        nonce = seed.fresh_nonce()
        results = grade(checks, make_outside(nonce), nonce, False,
                        lambda _: None)
        if any(result.status != "pass" for result in results):
            break
    return results, nonce


def followed(checks: list, outside: Outside, nonce: int,
             seeds: list[int]) -> list[int]:
    """Of `seeds` the first by which the last check passes: whose task it is
    that was solved. Empty: of no student, or what that check needs fails."""
    *needed, shaped = checks
    try:
        if any(run_check(f, outside, nonce).status != "pass" for f in needed):
            return []
        for outside.seed in seeds:
            if _passes(shaped, outside, nonce):
                return [outside.seed]
        return []
    finally:
        outside.drop()


def _passes(function, outside: Outside, nonce: int) -> bool:
    """Like run_check(), but the machine stays for the next try."""
    outside.dice = seed.dice(nonce, function.check)
    try:
        function(outside)
        return True
    except Lost:
        outside.drop()
    except Wrong:
        pass
    return False


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
    add("--machine", help="the seed that chooses the machine's memory")
    add("--repeat", type=int, default=1, metavar="TIMES",
        help="until a check fails, each time with another nonce")
    add("--follows", metavar="SEED,…",
        help="by which of these seeds does CHECK pass?")
    add("--form", choices=report.FORMS, default="text")
    add("--out", type=Path, help="write the report to this file")
    add("--report", action="append", default=[], metavar="FORM:FILE",
        help="and another report, to a file")
    return parser.parse_args()


def main() -> int:
    cli.plain_errors()
    options = arguments()
    lab = lab_file()
    nonce = int(options.nonce, 0)
    mine = int(options.seed or lab["seed"], 0)
    checks = chosen(checks_of(folder_of(lab["lab"])), options.check)
    machine = int(options.machine or hex(mine), 0)
    if options.follows:
        seeds = [int(word, 0) for word in options.follows.split(",")]
        print(json.dumps(followed(checks, Outside(mine, nonce, machine), nonce,
                                  seeds)))
        return 0
    shown = options.form == "text" and not options.out

    def tell(result: Result) -> None:
        if shown:
            print(report.line(result), flush=True)

    if options.repeat > 1:
        results, nonce = repeated(checks, options.repeat, lambda nonce: Outside(
            mine, nonce, machine))
    else:
        results = grade(checks, Outside(mine, nonce, machine), nonce,
                        options.fast, tell)
    score, most = report.total(results)
    more = {"used": sorted(USED)} if options.form == "raw" else {}
    text = report.FORMS[options.form](results, nonce, **more)
    if options.out:
        options.out.write_text(text)
    elif not shown:
        print(text, end="")
    else:
        print(f"{score} of {most} points (again: make grade NONCE={nonce:#x})")
    for word in options.report:
        form, _, file = word.partition(":")
        with open(file, "a") as out:
            out.write(report.FORMS[form](results, nonce))
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
    if (paths.ROOT / ".git").exists():
        keep(f"{score}/{most}, NONCE={nonce:#x}, ✗ {' '.join(failed) or '-'}")


def keep(message: str) -> None:
    """Commit the work tree to refs/labs/grades, past branch and index: with
    its nonce, each run of the grader can be repeated on the files it saw."""
    ref = "refs/labs/grades"
    index = {"GIT_INDEX_FILE": str(paths.ROOT / ".git/grades-index")}

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Baton", "-c", "user.email=baton@localhost",
             *words], cwd=paths.ROOT, env={**os.environ, **index}, text=True,
            capture_output=True)
        return done.stdout.strip()

    git("add", "-A")
    before = git("rev-parse", "-q", "--verify", ref)
    commit = git("commit-tree", git("write-tree"), "-m", message,
                 *(["-p", before] if before else []))
    git("update-ref", ref, commit)


if __name__ == "__main__":
    sys.exit(main())
