"""The checks of lab 8b: each value of diagnosis.txt, by its digest.

The machines and what is true of them were made with this folder; here are only
digests of the right values, salted with the seed.
"""

import hashlib
import json
import re

from harness import paths
from kit.outside import Wrong, check

KEYS = "service generation pointer region physical here cause".split()
ROW = re.compile(r"^([abc]\.\w+)[ \t]*=[ \t]*([^#\s]*)", re.M)
LOOK = {"service": "print *gate_current", "generation": "print kernel.boot",
        "pointer": "print/x $cr2, and print *frame",
        "region": "the addresses that were handed over: kernel.boot.efi",
        "physical": "pt, efi-regions", "here": "efi-regions",
        "cause": "the README's list, and what differs between both kernels"}


def normal(text: str) -> str:
    """A number in one form, a word in small letters."""
    try:
        return hex(int(text, 0))
    except ValueError:
        return text.lower()


def digest(of: int, key: str, value: str) -> str:
    text = f"{of:#x}/{key}/{normal(value)}"
    return hashlib.sha256(text.encode()).hexdigest()


def diagnosis() -> dict[str, str]:
    text = (paths.ROOT / "diagnosis.txt").read_text(errors="replace")
    return dict(ROW.findall(text))


def must_be_right(w, case: str, *keys: str, step: int) -> None:
    said = diagnosis()
    truth = json.loads((paths.ROOT / "dumps/digests.json").read_text())
    for key in keys:
        value, name = said.get(f"{case}.{key}", ""), f"{case}.{key}"
        if digest(w.seed, name, value) != truth[name]:
            raise Wrong(f"the right {name}", value or "nothing", step=step,
                        look=LOOK[key], read="the README of this lab")


@check(2)
def form(w):
    """The form is filled in, all 21 values."""
    said = diagnosis()
    empty = [f"{case}.{key}" for case in "abc" for key in KEYS
             if not said.get(f"{case}.{key}")]
    if empty:
        raise Wrong("21 values in diagnosis.txt",
                    f"{21 - len(empty)}; without {', '.join(empty[:4])}")


# Of each machine: (check, points, what it needs, title, keys).
ASKED = [
    ("where", 8, "form", "Where machine {} was, and with which pointer.",
     "service generation pointer"),
    ("owner", 9, "{}-where", "What machine {} meant by it.",
     "physical region"),
    ("cause", 9, "{}-owner", "What machine {} died of.", "here cause"),
]


def ask(case: str, step: int) -> None:
    """Makes one of these a check."""
    name, points, needs, title, keys = ASKED[step - 1]

    def asked(w):
        must_be_right(w, case, *keys.split(), step=step)

    asked.__name__, asked.__doc__ = f"{case}-{name}", title.format(case)
    globals()[asked.__name__] = check(points, needs.format(case))(asked)


for number in range(9):
    ask("abc"[number // 3], number % 3 + 1)
