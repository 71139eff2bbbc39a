#!/usr/bin/python3
"""Show the next hint for a step of the lab: make hint STEP=2.

The hints are in the lab's README as folded paragraphs, from a nudge to nearly
the solution. Each that was opened is noted in hints.log.
"""

import re
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[n] / m)
                for n, m in ((2, "tests"), (1, ""))]

from harness import cli, paths  # noqa: E402
from kit.grade import folder_of, lab_file  # noqa: E402

FOLD = re.compile(r"<details><summary>Step (\d+), hint (\d+)</summary>\n\n"
                  r"(.*?)\n\n</details>", re.S)


def hints(readme: str) -> dict[tuple[int, int], str]:
    """(step, which) -> text."""
    return {(int(step), int(which)): text
            for step, which, text in FOLD.findall(readme)}


def main() -> None:
    cli.plain_errors()
    step = cli.number(1, 9)(sys.argv[1] if len(sys.argv) > 1 else "1")
    lab = folder_of(lab_file()["lab"])
    found = hints((lab / "README.md").read_text())
    log = paths.ROOT / "hints.log"
    opened = log.read_text().count(f" step {step} ") if log.exists() else 0
    if (step, opened + 1) not in found:
        raise cli.Trouble(f"step {step} has no further hint: see the README")
    with open(log, "a") as file:
        print(time.strftime("%F %T"), f"step {step} hint {opened + 1}",
              file=file)
    print(found[step, opened + 1])


if __name__ == "__main__":
    main()
