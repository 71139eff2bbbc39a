"""Where a fault can be planted in a source, and what it would be.

C is read token by token, so comments, strings and preprocessor lines are left
alone, but not parsed: a fault may turn out not to compile. NASM is read line by
line. What the faults are is data, at the top of each half.
"""

import bisect
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`before`, at an offset of the file, becomes `after`."""

    file: str
    kind: str
    line: int
    offset: int
    before: str
    after: str
    context: str  # the line, without blanks around it
    nth: int  # among the same faults in lines with the same text

    def __str__(self) -> str:
        """What identifies it while other lines change."""
        before, after = (" ".join(text.split()) or "nothing"
                         for text in (self.before, self.after))
        nth = f" #{self.nth + 1}" if self.nth else ""
        return f"{self.file}: {self.context} | {before} -> {after}{nth}"

    def planted(self, text: str) -> str:
        end = self.offset + len(self.before)
        assert text[self.offset : end] == self.before
        return text[: self.offset] + self.after + text[end:]


def mutants(file: str, text: str) -> list[Mutant]:
    """All faults for that file, in the order of their places."""
    find = in_c if file.endswith((".c", ".h")) else in_nasm
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    lines = text.split("\n")
    seen: dict = {}
    found = []
    for offset, kind, before, after in sorted(set(find(text))):
        line = bisect.bisect_right(starts, offset)
        context = lines[line - 1].strip()
        same = (context, before, after)
        found.append(Mutant(file, kind, line, offset, before, after, context,
                            seen.get(same, 0)))
        seen[same] = seen.get(same, 0) + 1
    return found


# ---- C

OPERATORS = {
    "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "&&": "||", "||": "&&", "+": "-", "-": "+", "/": "*", "%": "/",
    "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "|", "+=": "-=",
    "-=": "+=", "|=": "&=", "&=": "|=", "++": "--", "--": "++",
}
EITHER = {"true": "false", "false": "true"}
UNARY_TOO = {"+", "-", "&"}  # an operand stands before a binary one

KEYWORDS = set("""return if else while for do switch case default break
    continue goto sizeof typedef struct enum union static extern const""".split())
ASSIGNMENTS = {"=", "+=", "-=", "|=", "&=", "^=", "<<=", ">>=", "*=", "/="}

TOKEN = re.compile(r"""
    (?P<skip> //[^\n]* | /\*.*?\*/ | ^[ \t]*\#(?:[^\n]*\\\n)*[^\n]* | \s+ )
  | (?P<text> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
  | (?P<number> 0[xX][0-9a-fA-F]+[uUlL]* | [0-9]+[uUlL]* )
  | (?P<name> [A-Za-z_]\w* )
  | (?P<sign> <<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|. )
    """, re.X | re.S | re.M)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int

    @property
    def end(self) -> int:
        return self.at + len(self.text)


class Code:
    """The tokens of a C source, and which bracket closes which."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = [Token(match.lastgroup, match[0], match.start())
                       for match in TOKEN.finditer(text)
                       if match.lastgroup != "skip"]
        self.pair: dict[int, int] = {}
        open_at: list[int] = []
        for i, token in enumerate(self.tokens):
            if token.kind == "sign" and token.text in "([{":
                open_at.append(i)
            elif token.kind == "sign" and token.text in ")]}" and open_at:
                other = open_at.pop()
                self.pair[i], self.pair[other] = other, i

    def word(self, i: int) -> str:
        """The token's text; "" outside the source."""
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def is_name(self, i: int) -> bool:
        return (0 <= i < len(self.tokens) and self.tokens[i].kind == "name"
                and self.word(i) not in KEYWORDS)

    def is_operand_end(self, i: int) -> bool:
        return self.is_name(i) or self.word(i) in (")", "]") or (
            i >= 0 and self.tokens[i].kind == "number")

    def between(self, first: int, last: int) -> str:
        """The source from one token to another, inclusive."""
        return self.text[self.tokens[first].at : self.tokens[last].end]

    def until(self, i: int, *ends: str) -> int:
        """The next of these tokens outside any bracket that opens from i on;
        the bracket that closes around i, if that comes first."""
        while i < len(self.tokens) and self.word(i) not in ends:
            if self.pair.get(i, i) < i:
                return i
            i = self.pair.get(i, i) + 1
        return i


def in_c(text: str):
    code = Code(text)
    for i, token in enumerate(code.tokens):
        for rule in RULES:
            for at, before, after in rule(code, i, token):
                yield at, rule.__name__, before, after


def operator(code: Code, i: int, token: Token):
    if token.kind == "sign" and token.text in OPERATORS:
        if token.text not in UNARY_TOO or code.is_operand_end(i - 1):
            yield token.at, token.text, OPERATORS[token.text]


def constant(code: Code, i: int, token: Token):
    if token.text in EITHER:
        yield token.at, token.text, EITHER[token.text]
    if token.kind == "number":
        digits = token.text.rstrip("uUlL")
        base = 16 if digits[:2].lower() == "0x" else 10
        more = format(int(digits, base) + 1, "#x" if base == 16 else "")
        yield token.at, token.text, more + token.text[len(digits):]


def condition(code: Code, i: int, token: Token):
    if token.text in ("if", "while") and code.word(i + 1) == "(":
        inner = code.between(i + 2, code.pair[i + 1] - 1)
        yield code.tokens[i + 2].at, inner, f"!({inner})"
    if token.text == "!":
        yield token.at, "!", ""


def statement(code: Code, i: int, token: Token):
    """A call or an assignment that is left out."""
    if not code.is_name(i) or not begins_statement(code, i):
        return
    end = code.until(i, ";")
    if code.word(end) != ";" or code.is_name(i + 1) or code.word(i + 1) in "*:":
        return
    words = {code.word(k) for k in range(i, end)}
    if code.word(i + 1) == "(" or words & (ASSIGNMENTS | {"++", "--"}):
        yield token.at, code.between(i, end), ";"


def begins_statement(code: Code, i: int) -> bool:
    before = code.word(i - 1)
    if before == ")":
        return code.word(code.pair[i - 1] - 1) in ("if", "while", "for")
    return before in (";", "{", "}", "else")


def arguments(code: Code, i: int, token: Token):
    """The first two arguments of a call change places."""
    if not code.is_name(i) or code.word(i + 1) != "(":
        return
    close = code.pair[i + 1]
    declared = code.word(close + 1) == "{" or code.is_name(i - 1)
    comma = code.until(i + 2, ",")
    if declared or comma >= close:
        return
    end = code.until(comma + 1, ",")
    first = code.between(i + 2, comma - 1)
    second = code.between(comma + 1, end - 1)
    if first != second:
        yield (code.tokens[i + 2].at, code.between(i + 2, end - 1),
               f"{second}, {first}")


RULES = (operator, constant, condition, statement, arguments)

# ---- NASM

INSTRUCTIONS = {
    "jz": "jnz", "jnz": "jz", "je": "jne", "jne": "je", "jc": "jnc",
    "jnc": "jc", "jb": "jbe", "jbe": "jb", "ja": "jae", "jae": "ja",
    "add": "sub", "sub": "add", "and": "or", "or": "and", "shl": "shr",
    "shr": "shl", "inc": "dec", "dec": "inc", "bts": "btr", "btr": "bts",
    "cli": "sti", "sti": "cli", "cld": "std",
}
DIRECTIVES = set("""global extern section align bits db dw dd dq times resb
    resq equ default struc endstruc istruc iend at""".split())

LINE = re.compile(r"^[ \t]+(?P<word>[a-z]\w*)\b(?P<rest>[^;\n]*)", re.M)
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F]+|[0-9]+)\b")


def in_nasm(text: str):
    for match in LINE.finditer(text):
        word, at = match["word"], match.start("word")
        if word in DIRECTIVES:
            continue
        if word in INSTRUCTIONS:
            yield at, "operator", word, INSTRUCTIONS[word]
        for number in NUMBER.finditer(match["rest"]):
            yield (match.start("rest") + number.start(), "constant",
                   number[0], f"{int(number[0], 0) + 1:#x}")
        yield at, "statement", match[0].strip(), ""
