#!/usr/bin/python3
"""Open a machine of this lab as it died, with GDB in front of it: look.py a.

It stands where the kernel's trap handler has found that a firmware's service
has faulted, and does not go on. All commands of `make debug` work.
"""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from harness import cli, gdb, machine, media, paths, qemu  # noqa: E402

CONFIG = qemu.Config(medium="saved", ram_mib=128, paused=True)


def prepare(case: str) -> Path:
    """The folder of a machine that goes on from the dump."""
    home, dumps = paths.RUNS / f"dump-{case}", ROOT / "dumps"
    if not (dumps / f"{case}.gz").exists():
        raise cli.Trouble(f"there is no machine {case} in {dumps}: a, b or c")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with gzip.open(dumps / f"{case}.gz") as source, \
            open(home / "state", "wb") as state:
        shutil.copyfileobj(source, state)
    shutil.copy(dumps / f"{case}.vars.fd", home / "vars.fd")
    (home / "loader.img").symlink_to(media.loader())
    media.cargo(home / "cargo.img", {})
    machine.describe(home, CONFIG)
    return home


def command(home: Path, *steps: str) -> list[str]:
    """GDB with the symbols of the kernel that died."""
    words = gdb.command(home, *steps)
    return [str(ROOT / "dumps/baton.elf") if word == str(paths.SYMBOLS)
            else word for word in words]


def main() -> None:
    cli.plain_errors()
    parser = cli.parser(__doc__)
    parser.add_argument("case", choices=list("abc"), help="the machine")
    parser.add_argument("steps", nargs="*", help="commands for GDB, that then "
                        "ends, instead of its prompt")
    options = parser.parse_args()
    home = prepare(options.case)
    with machine.background(home, CONFIG, prepared=True):
        more = ["-nx", "-batch"] if options.steps else []
        subprocess.run(command(home, *options.steps) + more, cwd=ROOT)


if __name__ == "__main__":
    main()
