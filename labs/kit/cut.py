"""Takes functions out of a source file and puts others in their place.

One mechanism makes everything that labs need of the tree: an *overlay* is a
source file that holds some functions of a file in the tree, ordinary C or NASM.
Each takes the place of the function of the same name and signature, with its
comment. So a hand-out is the tree with the overlay that lacks something, a
solution is the tree, a mutant is the tree with one function changed, and a
student's work goes on into the next lab as an overlay of his own.

The finder relies on the form that tests/test_style.py asks for: a function of C
begins in column 0 and ends with a `}` there; one of NASM is a label in column 0
and ends where the next such label or a section begins.
"""

import re
from pathlib import Path
from typing import Callable, NamedTuple

HEAD = re.compile(r"^[A-Za-z_]")
NAME = re.compile(r"(\w+)\(")
ROW = re.compile(r"^([\w.]+) *=")
LABEL = re.compile(r"^(\w+):")
ASM_END = re.compile(r"^(\w+:|section\b)")


class CutError(Exception):
    """An overlay, an edit or a mutant does not fit the tree any more."""


class Function(NamedTuple):
    name: str
    signature: str  # in one line
    start: int  # the first line, of the comment above it
    head: int  # of the function itself
    end: int  # the line behind the last one


def functions(text: str, asm: bool = False) -> list[Function]:
    lines = text.splitlines()
    find = _in_asm if asm else _in_c
    return [Function(name, signature, _comment(lines, head, asm), head, end)
            for name, signature, head, end in find(lines)]


def _in_c(lines: list[str]):
    at = 0
    while at < len(lines):
        end = _end_of_head(lines, at) if HEAD.match(lines[at]) else None
        if end is None:
            at += 1
            continue
        head = " ".join(" ".join(lines[at : end + 1]).split())
        close = lines.index("}", end)
        plain = re.sub(r"__attribute__\(\(.*?\)\) ?", "", head)
        yield NAME.search(plain)[1], head.rstrip("{ "), at, close + 1
        at = close + 1


def _end_of_head(lines: list[str], at: int) -> int | None:
    """The line with the opening brace of a function that begins at `at`."""
    for end in range(at, min(at + 8, len(lines))):
        line = lines[end]
        if end > at and not line[:1].isspace():
            return None
        if line.endswith("{"):
            return end if "(" in lines[at] and ") = {" not in line and \
                "=" not in lines[at].partition("(")[0] else None
        if line.endswith(";"):
            return None
    return None


def _in_asm(lines: list[str]):
    for at, line in enumerate(lines):
        if found := LABEL.match(line):
            end = at + 1
            while end < len(lines) and not ASM_END.match(lines[end]):
                end += 1
            while _is_between(lines[end - 1]):
                end -= 1
            yield found[1], f"{found[1]}:", at, end


def _is_between(line: str) -> bool:
    """Blank, or a comment in column 0: it belongs to what comes next."""
    return not line.strip() or line.startswith(";")


def _comment(lines: list[str], head: int, asm: bool) -> int:
    mark = ";" if asm else "//"
    while head > 0 and lines[head - 1].startswith(mark):
        head -= 1
    return head


def is_asm(name: str) -> bool:
    return name.endswith(".asm")


def is_form(name: str) -> bool:
    return name.endswith(".txt")


def rows(text: str) -> list[Function]:
    """The lines `name = value` of a form, which are changed like functions."""
    return [Function(found[1], found[1], at, at, at + 1)
            for at, line in enumerate(text.splitlines())
            if (found := ROW.match(line))]


def find(text: str, function: str, where: str) -> Function:
    there = rows(text) if is_form(where) else functions(text, is_asm(where))
    hits = [f for f in there if f.name == function]
    if len(hits) != 1:
        raise CutError(f"{where}: {len(hits)} functions are called {function}")
    return hits[0]


def text_of(text: str, function: Function, whole: bool = True) -> str:
    """A function with its comment, or without."""
    start = function.start if whole else function.head
    return "\n".join(text.splitlines()[start : function.end]) + "\n"


def _spliced(text: str, start: int, end: int, new: list[str]) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:start] + new + lines[end:]) + "\n"


def overlay(text: str, over: str, where: str) -> str:
    """`text` with each function of `over` in place of its namesake."""
    for new in functions(over, is_asm(where)):
        old = find(text, new.name, where)
        if old.signature != new.signature:
            raise CutError(f"{where}: {new.name} is `{old.signature}` in the "
                           f"tree, `{new.signature}` in the overlay")
        text = _spliced(text, old.start, old.end,
                        text_of(over, new).splitlines())
    return text


def remove(text: str, function: str, where: str) -> str:
    """`text` without a function, and without the blank line behind it."""
    old = find(text, function, where)
    lines = text.splitlines()
    more = old.end < len(lines) and not lines[old.end].strip()
    return _spliced(text, old.start, old.end + more, [])


def insert_before(text: str, function: str, new: str, where: str) -> str:
    """`text` with the functions `new` in front of another one."""
    at = find(text, function, where).start
    return _spliced(text, at, at, new.rstrip().splitlines() + [""])


def edit(text: str, old: str, new: str, where: str) -> str:
    if text.count(old) != 1:
        raise CutError(f"{where} has {text.count(old)} times: {old!r}")
    return text.replace(old, new)


def mutate(text: str, function: str, old: str, new: str, where: str) -> str:
    """`text` with one passage of one function changed."""
    place = find(text, function, where)
    body = text_of(text, place, whole=False)
    changed = edit(body, old, new, f"{where}: {function}")
    return _spliced(text, place.head, place.end, changed.splitlines())


def change(path: Path, how: Callable[[str], str]) -> None:
    path.write_text(how(path.read_text()))


# ---- what is left of a text in another


def shingles(text: str, size: int = 3) -> set[str]:
    """All `size` lines in a row, blanks and comments left out: for the question
    whether a solution stands anywhere. A line with no word says nothing."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines
             if re.search(r"\w{2}", line) and not line.startswith(("//", ";"))]
    return {"\n".join(lines[at : at + size])
            for at in range(len(lines) - size + 1)}
