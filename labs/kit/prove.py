"""What has to hold of a lab: its hand-out fails just what it says, the reference
passes whatever the nonce, and each usual error fails its own checks.

tests/labs and `tools/lab check` ask the same questions here. One folder serves
all variants of a lab: only the files that differ are written, so a variant is
compiled in a second.
"""

import json
import re
import subprocess
import tempfile
import textwrap
from pathlib import Path

from harness import documents

from . import cut, seed
from .folder import Lab, variant, write

NAME = "a"  # whose rules are those of the tree, where a lab has variants
NOTES_NONCE = 1  # of the runs whose messages are in staff/NOTES.md
MESSAGE_WIDTH = 90  # characters of a cell of its table


class Bench:
    """A folder in which one variant of a lab after the other is tried."""

    def __init__(self, number: str, home: Path, name: str = NAME):
        self.lab, self.folder = Lab(number), home / f"lab{number}"
        self.seed = seed.of_student(name)
        self.texts = self.lab.handout(self.seed)
        variant(self.lab, self.folder, self.texts, name)

    def put(self, texts: dict[str, str], **variables: str) -> None:
        """Write these files and build."""
        write(texts, self.folder, self.texts)
        self.texts = texts
        words = [f"{name}={value}" for name, value in variables.items()]
        done = subprocess.run(["make", "-s", "all", *words], cwd=self.folder,
                              text=True, capture_output=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]

    def become(self, name: str) -> None:
        """The folder is another student's from now on."""
        self.seed = seed.of_student(name)
        cut.change(self.folder / "LAB", lambda text: re.sub(
            "^seed = .*", f"seed = {self.seed:#x}", text, flags=re.M))
        if prepare := getattr(self.lab.staff, "prepare", None):
            prepare(self.folder, self.seed)

    def grade(self, nonce: int | None = None, check: str = "",
              repeat: int = 1) -> dict:
        """check -> Result as JSON, of what is built."""
        words = ["--nonce", hex(nonce)] if nonce is not None else []
        words += ["--check", check] if check else []
        words += ["--repeat", str(repeat)]
        done = subprocess.run(
            ["/usr/bin/python3", "labs/kit/grade.py", "--form", "raw", *words],
            cwd=self.folder, text=True, capture_output=True)
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        self.used, self.log = found["used"], done.stdout
        return {row["name"]: row for row in found["results"]}

    def failed(self, **how) -> set[str]:
        return failed(self.grade(**how))

    def friend(self) -> str:
        """Someone whose task has another shape."""
        mine = self.lab.tailored(self.seed)
        return next(name for name in map(str, range(100)) if self.lab.tailored(
            seed.of_student(name)) != mine)

    def friends_solution(self) -> dict[str, str]:
        """His FILES, on our hand-out."""
        theirs = self.lab.reference(seed.of_student(self.friend()))
        return {**self.lab.handout(self.seed),
                **{name: self.lab.text(theirs, name)
                   for name in self.lab.staff.FILES}}

    def follows(self, names: list[str]) -> str | None:
        """By whose seed the check passes that a seed shapes."""
        seeds = {hex(seed.of_student(name)): name for name in names}
        done = subprocess.run(
            ["/usr/bin/python3", "labs/kit/grade.py", "--check",
             self.lab.shaped, "--follows", ",".join(seeds)],
            cwd=self.folder, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return next((seeds[hex(of)] for of in json.loads(done.stdout)), None)

    def missing(self, used: list[str]) -> list[str]:
        """What a grader looks up and is not in what is built."""
        return self._evaluate("outside.missing(data)", used)

    def boot(self, cmdline: str, sin: str = "") -> list[str]:
        """The log of what is built, from its start to its end."""
        return self._evaluate("outside.Outside(0, 0).run(*data).lines",
                              [cmdline, sin])

    def _evaluate(self, expression: str, data):
        """An expression of Python, with the harness and the kit of the folder,
        about the kernel that is built there."""
        probe = ("import json, sys; sys.path[:0] = ['tests', 'labs'];"
                 "from kit import outside; data = json.load(sys.stdin);"
                 f"print(json.dumps({expression}))")
        done = subprocess.run(["/usr/bin/python3", "-c", probe], text=True,
                              cwd=self.folder, input=json.dumps(data),
                              capture_output=True, check=True)
        return json.loads(done.stdout)

    def left_over(self) -> list[str]:
        """Passages of functions that were cut, found in the hand-out."""
        texts = {str(path.relative_to(self.folder)): path.read_text()
                 for path in self.folder.rglob("*.*")
                 if path.suffix in (".c", ".h", ".asm", ".inc", ".md", ".py")
                 and self.folder / "build" not in path.parents}
        handed = {name: cut.shingles(text) for name, text in texts.items()}
        own = set().union(*(cut.shingles(text) for path in
                            (self.lab.folder / "handout").rglob("*.*")
                            for text in [path.read_text()]))
        return [f"{name} has lines of {function}"
                for (_, function), text in
                self.lab.cut_functions(self.seed).items()
                for name, there in handed.items()
                if (cut.shingles(text) - own) & there]


def failed(found: dict[str, dict]) -> set[str]:
    return {name for name, row in found.items() if row["status"] == "fail"}


def message(found: dict[str, dict]) -> list[str]:
    """What the first check that fails says: expected, found."""
    first = next(row for row in found.values() if row["status"] == "fail")
    said = dict(line.split(":", 1) for line in reversed(first["details"])
                if line.startswith(("expected:", "found:")))
    return [" ".join(said[head].split()) for head in ("expected", "found")]


def cell(text: str) -> str:
    return textwrap.shorten(text.replace("|", "/"), MESSAGE_WIDTH,
                            placeholder=f" {documents.CUT}")


def differ(noted: list[str], said: list[str]) -> list[str]:
    """What of a message in staff/NOTES.md the grader does not say, numbers
    aside."""
    return [f"{short}\nis said to be\n{whole}"
            for short, whole in zip(noted, said, strict=True)
            if documents.missing([short], [whole.replace("|", "/")])]


def messages(number: str) -> dict[str, list[str]]:
    """error -> expected, found: as cells of a table, for all mutants."""
    with tempfile.TemporaryDirectory(prefix="baton-lab-") as home:
        bench, found = Bench(number, Path(home)), {}
        for wrong in bench.lab.staff.MUTANTS:
            bench.put(bench.lab.mutant(bench.seed, wrong))
            verdicts = bench.grade(nonce=NOTES_NONCE)
            found[wrong.error] = [*map(cell, message(verdicts))]
    return found


def all_of(number: str, nonces: int):
    """(what was tried, whether it is so), one after the other."""
    with tempfile.TemporaryDirectory(prefix="baton-lab-") as home:
        bench = Bench(number, Path(home))
        staff = bench.lab.staff
        bench.put(bench.lab.handout(bench.seed))
        day0 = set(staff.DAY0.split())
        yield _told("hand-out", bench.failed(), day0)
        reference = bench.lab.reference(bench.seed)
        bench.put(reference)
        for _ in range(nonces):
            nonce = seed.fresh_nonce()
            yield _told(f"reference, nonce {nonce:#x}",
                        bench.failed(nonce=nonce), set())
        for wrong in staff.MUTANTS:
            bench.put(bench.lab.mutant(bench.seed, wrong))
            yield _told(wrong.error, bench.failed(), set(wrong.caught.split()))


def _told(what: str, found: set[str], wanted: set[str]) -> tuple[str, bool]:
    def words(names: set[str]) -> str:
        return " ".join(sorted(names)) or "nothing"

    ok = found == wanted
    return (f"{what}: fails {words(found)}"
            + ("" if ok else f", not {words(wanted)}"), ok)
