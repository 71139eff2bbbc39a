#!/usr/bin/python3
"""The work that a workflow divides into jobs: a row for each.

A job is a command that leaves a report in a folder of its own; workflows/job
says when that is a result. All rows share one Snakefile, which knows nothing of
what is tested. Values of the command line (NAME=VALUE) are in a dictionary.
"""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "labs")]

from harness import powercut  # noqa: E402
from harness.chain import EXPECTED, FIRMWARES  # noqa: E402

FAILED = 1  # of pytest and of our tools: something was found
PYTEST = "/usr/bin/python3 -m pytest -q -n 0 -m '' --junit-xml={home}/junit.xml"
CODE_ENDINGS = (".fd", ".rom", ".bin")


@dataclass(frozen=True)
class Work:
    about: str  # and the values it takes, with their defaults
    # Name of a job -> its command, in which {home} is the job's folder.
    jobs: Callable[[dict], dict[str, str]]
    report: str = "junit.xml"  # that it leaves there; a pattern
    results: tuple[int, ...] = (0, FAILED)  # exit statuses: see workflows/job
    before: Callable[[dict], str] = lambda _: "make -s all"  # once
    after: Callable[[dict], str] = lambda _: "true"  # once; {out}


def words(config: dict, name: str, known) -> list[str]:
    return str(config.get(name) or ",".join(known)).split(",")


def matrix(config: dict) -> dict[str, str]:
    return {f"{firmware}-{mode}": f"{PYTEST} tests/boot/test_matrix.py -k "
            f"'test_step and {firmware}-{mode}-'"
            for firmware in words(config, "firmwares", FIRMWARES)
            for mode in words(config, "modes", EXPECTED)}


def cuts(config: dict) -> dict[str, str]:
    return {f"{scenario}-{firmware}": f"{PYTEST} tests/boot/test_powercut.py "
            f"-k 'test_many_instants and {scenario}-{firmware}'"
            for scenario in words(config, "scenarios", powercut.SCENARIOS)
            for firmware in words(config, "firmwares", powercut.FIRMWARES)}


def reports(config: dict) -> dict[str, str]:
    """A folder with one firmware, and what belongs to all, for each job."""
    more = f" --only {config['only']}" if "only" in config else ""
    files = set(Path(config["folder"]).resolve().iterdir())
    builds = {path for path in files
              if path.suffix in CODE_ENDINGS and "VARS" not in path.name}
    return {path.stem: "mkdir -p {home}/one && ln -sf "
            f"{shlex.join(map(str, sorted(files - builds | {path})))} "
            "{home}/one && tools/check-firmware --all {home}/one --out {home}"
            f"{more}" for path in sorted(builds)}


def roster(config: dict) -> list[tuple[str, Path]]:
    from kit import staff
    return staff.roster(Path(config["roster"]).resolve())


def grades(config: dict) -> dict[str, str]:
    """A roster with one student for each job."""
    return {name: "printf 'name,folder\\n%s,%s\\n' "
            f"{shlex.quote(name)} {shlex.quote(str(folder))} "
            ">{home}/roster.csv && "
            f"tools/lab class {config['lab']} {{home}}/roster.csv --jobs 1"
            for name, folder in roster(config)}


def gradebook(config: dict) -> str:
    """From the jobs' reports: tools/lab grades nobody twice."""
    book = shlex.quote(str(Path(config["roster"]).with_suffix(".grades")))
    return (f"mkdir -p {book} && cp {{out}}/*/roster.grades/*.json {book} && "
            f"tools/lab class {config['lab']} {shlex.quote(config['roster'])}")


def mutants(config: dict) -> dict[str, str]:
    """Shares: each has a copy of the project of its own, and builds it."""
    count, share = (int(config.get(name, default))
                    for name, default in (("count", 500), ("share", 100)))
    return {f"{low}-{min(low + share - 1, count)}":
            f"{mutate(config)} --only {low}-{min(low + share - 1, count)} "
            "--home {home}" for low in range(1, count + 1, share)}


def mutate(config: dict) -> str:
    return " ".join(["tools/mutate", *(
        f"--{name} {config[name]}" for name in ("seed", "count", "budget")
        if name in config)])


def fuzz(config: dict) -> dict[str, str]:
    targets = sorted(path.stem for path in (ROOT / "tests/fuzz").glob("*.c")
                     if path.stem != "replay")
    return {f"{target}-{number}": f"tools/fuzz --junit {{home}}/junit.xml "
            f"--seconds {config.get('seconds', 60)} {target}"
            for target in words(config, "targets", targets)
            for number in range(1, int(config.get("times", 1)) + 1)}


WORK = {
    "matrix": Work("changes of mode: firmwares=,… modes=,…", matrix),
    "cuts": Work("power cuts: scenarios=,… firmwares=,…", cuts),
    "reports": Work("firmware reports: folder=FOLDER [only=RUN,…]", reports,
                    "*/junit.xml"),
    "class": Work(
        "a lab of a class: lab=N roster=FILE", grades,
        "roster.grades/*.json", (0,), after=gradebook),
    "mutants": Work(
        "tests of the tests: [count=500 share=100 seed=1 budget=SECONDS]",
        mutants, "results.json", (0,),
        before=lambda config: f"{mutate(config)} --prepare "
        + config.get("tests", ""),  # are recorded
        after=lambda config: f"{mutate(config)} --home {{out}}/merged "
        "--merge {out}/*-*/results.json"),
    "fuzz": Work(
        "fuzzing: [targets=,… seconds=60 times=1 into=FOLDER]", fuzz,
        before=lambda _: "make -s -f tests/fuzz/fuzz.mk fuzz-programs",
        after=lambda config: "tools/fuzz --keep --into "
        + shlex.quote(config.get("into", "{out}/corpus")) + " "
        + " ".join(words(config, "targets", [])).strip()),
}

if __name__ == "__main__":
    for name, row in WORK.items():
        print(f"{name:8} {row.about}")
