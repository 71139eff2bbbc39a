"""Common parts of the tools: values checked before anything starts, and
errors of one line.

A check is a function from text to value. It raises Trouble, which says what
is accepted. The same check serves an option (argparse's `type=`) and the
variable of the environment, thus of make, that stands for the option.
"""

import argparse
import os
import shlex
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from . import paths


class Trouble(argparse.ArgumentTypeError):
    """An error that the user can correct; the message says how."""


def variable(name: str, check, default: str):
    """A variable of the environment, checked; empty is the same as not set.

    Exits if the value is wrong, because some are read when a module is loaded.
    """
    text = os.environ.get(name) or default
    try:
        return check(text)
    except Trouble as problem:
        sys.exit(f"{name}={shlex.quote(text)}: {problem}")


def parser(text: str, **more) -> argparse.ArgumentParser:
    """With `text`, a tool's docstring, as its help."""
    return argparse.ArgumentParser(
        description=text, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter, **more)


# Checks


def one_of(*words: str):
    def check(text: str) -> str:
        if text not in words:
            raise Trouble(f"{text!r} is none of {', '.join(filter(None, words))}")
        return text
    return check


def number(low: int, high: int, unit: str = ""):
    """A whole decimal number from `low` to `high`."""
    def check(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) < 20
        if not digits or not low <= int(text) <= high:
            raise Trouble(f"{text!r} is not a whole number from {low} to "
                          f"{high}{unit and ' ' + unit}")
        return int(text)
    return check


def factor(text: str) -> float:
    """A number above zero, with or without a fraction."""
    with suppress(ValueError):
        if 0 < float(text) < 10000:
            return float(text)
    raise Trouble(f"{text!r} is not a number above 0 and below 10000")


def switch(text: str) -> bool:
    return one_of("", "0", "1")(text) == "1"


def file(text: str) -> Path:
    """A file that can be read."""
    try:
        open(text, "rb").close()
    except OSError as problem:
        raise Trouble(f"cannot read {text!r}: {problem.strerror}") from None
    return Path(text)


def words(text: str) -> list[str]:
    """Words as a shell would split them: blanks inside quotes stay."""
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise Trouble(f"{text!r}: {str(problem).lower()}") from None


def built(path: Path, target: str = "") -> Path:
    """A file that make must have built before."""
    if not path.exists():
        command = f"make {target}".strip()
        raise Trouble(f"there is no {path.relative_to(paths.ROOT)} yet: run "
                      f"`{command}`")
    return path


# Errors

EXPECTED = (Trouble, OSError, subprocess.SubprocessError, RuntimeError,
            AssertionError, ImportError)


def plain_errors() -> None:
    """From here on, errors of this program are one line."""
    sys.excepthook = _tell


def _tell(kind, problem, trace) -> None:
    if issubclass(kind, (KeyboardInterrupt, BrokenPipeError)):
        return
    name = Path(sys.argv[0]).name
    print(f"{name}: {_in_words(problem)}", file=sys.stderr)
    if not issubclass(kind, EXPECTED):
        note = paths.BUILD / "traceback.txt"
        with suppress(OSError):
            note.parent.mkdir(exist_ok=True)
            note.write_text("".join(
                traceback.format_exception(kind, problem, trace)))
            print(f"{name}: this is a bug in the tool; the traceback "
                  f"is in {note}", file=sys.stderr)


def _in_words(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        place = f": {problem.filename}" if problem.filename else ""
        return problem.strerror + place
    if isinstance(problem, subprocess.CalledProcessError):
        command = problem.cmd if isinstance(problem.cmd, str) else \
            shlex.join(str(word) for word in problem.cmd)
        said = problem.stderr or problem.stdout or b""
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
        return f"{command}: exit status {problem.returncode}\n{said}".strip()
    if isinstance(problem, EXPECTED):
        return str(problem)
    return f"{type(problem).__name__}: {problem}"
