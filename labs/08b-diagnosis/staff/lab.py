"""Lab 8b: nothing is cut. Three machines are made, and what is true of them."""

import json
import shutil
from pathlib import Path

from harness import paths
from kit.folder import Tailored
from kit.grade import load

TITLE = "The naive failure, diagnosed"
FILES = ["diagnosis.txt"]
UNITS = []
GONE = {}
EDITS = []
BY_SEED = True
DAY0 = "form"
MUTANTS = []

HERE = Path(__file__).resolve().parent
plant = load(HERE / "plant.py")
checks = load(HERE.parent / "checks.py")


def filled_in(truth: dict[str, str]) -> list[tuple[str, str, str]]:
    """The edits that fill the form in."""
    return [("diagnosis.txt", f"{name:12} =\n", f"{name:12} = {value}\n")
            for name, value in truth.items()]


def tailor(of: int) -> Tailored:
    return Tailored("", solved=filled_in(plant.truths(of)))


def prepare(target: Path, of: int) -> None:
    """What a folder needs to be graded."""
    digests = {name: checks.digest(of, name, value)
               for name, value in plant.truths(of).items()}
    (target / "dumps").mkdir(exist_ok=True)
    (target / "dumps/digests.json").write_text(json.dumps(digests, indent=1))


def hand_over(target: Path, of: int) -> None:
    """And a student besides: the machines themselves."""
    shutil.copy(paths.SYMBOLS, target / "dumps/baton.elf")
    for case in "abc":
        plant.dump(of, case, target / "dumps")
    (target / "dumps/.gitignore").write_text("*.gz\n*.fd\n*.elf\n")
