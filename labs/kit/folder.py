"""Makes a student's folder out of the tree, and the variants that tests need.

What distinguishes a lab is in its folder: `handout/` (an overlay of functions),
`added/` (files that the tree does not have), and `staff/lab.py`, which never
leaves the tree:

    TITLE    of the lab
    FILES    what a student changes, and all of him that is graded
    UNITS    programs of tests/unit about these files
    GONE     {file: functions that go too, for nothing calls them any more}
    EDITS    [(file, old, new)]: what is no function
    DAY0     the checks that fail on the hand-out; others pass or wait for them
    MUTANTS  [Mutant(...)]: a usual error, and the set of checks that it fails
    BY_SEED  True: nothing depends on the nonce, all on the student's seed; may
             be missing
    ABSENT   what checks look up and the hand-out's compiler leaves out
    NEEDS    files of build/ that `make all` does not make; may be missing
    ALSO     files of other labs that a student gets; may be missing
    WITHOUT  annexes that a student does not get, for they are written like what
             was cut; may be missing
    prepare  (folder, seed): adds what else a folder needs to be graded, and
    hand_over  what a student needs besides; may be missing
    tailor   (seed) -> Tailored: what this student's task is; may be missing
    SHAPED   the check that a friend's solution fails, if there is a tailor
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness import cli, paths, tables

from . import cut, seed
from .grade import folder_of, lab_file, load, number_of

STAFF = "staff"
LEFT_OUT = ("tests/boot/", "tests/labs/", "tests/fuzz/", "tests/test_",
            "tests/conftest.py")
KEPT = ("tests/fuzz/fuzz.mk",)
# Of build/: what `make` would make again, and what machines boot from. Not the
# kernel itself, nor the objects of what was cut: they are the solution.
BUILT = ("*.o", "*.d", "built-with", "linked-of", "*.inc", "linker.ld",
         "font.psf", "grub-*")
NOT_BUILT = ("unit", "fuzz", "runs", "linux", "pytest", "saved", "coverage")


@dataclass(frozen=True)
class Mutant:
    """A usual error: `old` in a function becomes `new`."""

    error: str
    file: str
    function: str
    old: str
    new: str
    caught: str  # the checks that fail, and no others


@dataclass
class Tailored:
    """A student's own task, by his seed."""

    says: str  # in the README's place for it
    edits: list = field(default_factory=list)  # like EDITS, for him alone
    solution: str = ""  # a folder of staff/, an overlay
    solved: list = field(default_factory=list)  # edits of the solution


def numbers(root: Path = paths.ROOT) -> list[str]:
    """Of all labs."""
    return sorted(number_of(path.parents[1].name)
                  for path in root.glob("labs/*/staff/lab.py"))


class Lab:
    """A lab of the tree, with what the staff knows."""

    def __init__(self, number: str, root: Path = paths.ROOT):
        self.root, self.folder = root, folder_of(number, root)
        self.name = self.folder.name
        self.number = number_of(self.name)
        self.staff = load(self.folder / STAFF / "lab.py")

    @property
    def shaped(self) -> str:
        return getattr(self.staff, "SHAPED", "")

    def tailored(self, of: int) -> Tailored:
        tailor = getattr(self.staff, "tailor", None)
        return tailor(of) if tailor else Tailored("")

    def texts(self, of: int, changes, base: dict[str, str] = {}
              ) -> dict[str, str]:
        """Files that are not as in the tree, or as in `base`, for the student
        of this seed; `changes(apply)` makes them."""
        found = dict(base)

        def apply(name: str, how, *arguments) -> None:
            text = found.get(name) or (self.root / name).read_text()
            found[name] = how(text, *arguments, name)

        added = self.folder / "added"
        for path in added.rglob("*.*"):
            found[str(path.relative_to(added))] = path.read_text()
        for name, old, new in self.tailored(of).edits:
            apply(name, cut.edit, old, new)
        changes(apply)
        return found

    def overlay(self, folder: Path, apply) -> None:
        for path in sorted(folder.rglob("*.*")):
            name = str(path.relative_to(folder))
            apply(name, cut.overlay, path.read_text())

    def handout(self, of: int, base: dict[str, str] = {}) -> dict[str, str]:
        """What a student begins with; `base`: with more holes in it."""
        def changes(apply) -> None:
            self.overlay(self.folder / "handout", apply)
            for name, gone in self.staff.GONE.items():
                for function in gone:
                    apply(name, cut.remove, function)
            for name, old, new in self.staff.EDITS:
                apply(name, cut.edit, old, new)
        return self.texts(of, changes, base)

    def reference(self, of: int) -> dict[str, str]:
        def changes(apply) -> None:
            if solution := self.tailored(of).solution:
                self.overlay(self.folder / STAFF / solution, apply)
            for name, old, new in self.tailored(of).solved:
                apply(name, cut.edit, old, new)
        return self.texts(of, changes)

    def mutant(self, of: int, wrong: Mutant) -> dict[str, str]:
        texts = self.reference(of)
        before = self.text(texts, wrong.file)
        texts[wrong.file] = cut.mutate(before, wrong.function, wrong.old,
                                       wrong.new, wrong.file)
        return texts

    def text(self, texts: dict[str, str], name: str) -> str:
        return texts.get(name) or (self.root / name).read_text()

    def cut_functions(self, of: int) -> dict[tuple[str, str], str]:
        """(file, function) -> its text in the solution: what must not be in a
        student's folder."""
        solved, handed = self.reference(of), self.handout(of)
        found = {}
        for name, text in handed.items():
            whole = self.text(solved, name)
            kept = {cut.text_of(text, f, False)
                    for f in cut.functions(text, cut.is_asm(name))}
            for function in cut.functions(whole, cut.is_asm(name)):
                body = cut.text_of(whole, function, False)
                if body not in kept:
                    found[name, function.name] = body
        return found


def tracked(root: Path) -> list[str]:
    words = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(words, cwd=root, text=True, check=True,
                           capture_output=True).stdout.split("\0")
    return [name for name in names if name and (root / name).exists()]


def version(root: Path) -> str:
    """The commit that a folder is made from: its functions fit that one."""
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root,
                          text=True, capture_output=True)
    return done.stdout.strip() or "unknown"


def is_for_students(name: str, lab: "Lab") -> bool:
    """Tests of other files say how these are written, now and then."""
    part = name.split("/")
    if part[0] == "labs":
        mine = part[1] in ("kit", lab.name) and (
            len(part) < 3 or part[2] not in (STAFF, "handout", "added"))
        return mine or len(part) == 2 or \
            name in getattr(lab.staff, "ALSO", ())
    if name.startswith("tests/unit/test_"):
        return Path(name).stem in lab.staff.UNITS
    if is_left_out(name, lab):
        return False
    return name in KEPT or not name.startswith(LEFT_OUT)


def is_left_out(name: str, lab: "Lab") -> bool:
    """A file of an annex, or its object, that the lab is without."""
    return any(annex in map(str, Path(name).parents)
               for annex in getattr(lab.staff, "WITHOUT", ()))


def copy_tree(lab: Lab, target: Path) -> None:
    """Sources and objects, each as old as it is: nothing is to be compiled."""
    for name in tracked(lab.root):
        if is_for_students(name, lab):
            _copy(lab.root / name, target / name)
    build = lab.root / "build"
    for name in getattr(lab.staff, "NEEDS", []):
        build_also(name, lab.root)
        _copy(lab.root / name, target / name)
    for pattern in BUILT:
        for path in build.rglob(pattern):
            place = path.relative_to(build)
            if place.parts[0] not in NOT_BUILT and path.is_file() and \
                    not is_left_out(str(place), lab):
                _copy(path, target / "build" / place)


def build_also(name: str, root: Path) -> None:
    """A file that `make all` does not make. We may have been started by make
    ourselves: the variables of `make lab` are not for this one."""
    env = {key: value for key, value in os.environ.items()
           if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    subprocess.run(["make", "-s", name], cwd=root, env=env, check=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def write(texts: dict[str, str], target: Path, before: dict[str, str] = {}):
    """Put these files in place of the tree's, and the tree's in place of those
    of `before`."""
    for name in before.keys() - texts.keys():
        _copy(paths.ROOT / name, target / name)
        os.utime(target / name)
    for name, text in texts.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        old = path.read_text() if path.exists() else ""
        if not old:
            path.write_text(text)
        elif old != text:
            times = path.stat()
            path.write_text(text)
            if name.endswith(".h") and code(old) == code(text):
                # Only a contract is another one: nothing is to be compiled.
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def code(text: str) -> list[str]:
    """A header without its comments, which have lines of their own."""
    return ["" if line.startswith("//") else line
            for line in text.splitlines()]


def variant(lab: Lab, target: Path, texts: dict[str, str], name: str = "",
            key: str = seed.KEY) -> None:
    """A folder as a student's, with these files in it."""
    if target.exists() and any(target.iterdir()):
        raise cli.Trouble(f"{target} is there already: name another one, or "
                          "remove it")
    copy_tree(lab, target)
    write(texts, target)
    for file in texts:
        (target / "build" / file).with_suffix(".o").unlink(missing_ok=True)
    of = seed.of_student(name, key)
    (target / "LAB").write_text(f"lab = {lab.number}\nname = {name}\n"
                                f"seed = {of:#x}\n"
                                f"tree = {version(lab.root)}\n")
    units = " ".join(lab.staff.UNITS)
    (target / "lab.mk").write_text(
        f"UNIT_ONLY := {units}\nLAB_FILES := {' '.join(lab.staff.FILES)}\n"
        "include labs/kit/lab.mk\n")
    workflow = target / ".github/workflows/classroom.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(classroom(lab))
    own = target / "labs" / lab.name
    (own / "answers.md").replace(target / "answers.md")
    cut.change(own / "README.md",
               lambda text: filled(text, target, lab.tailored(of).says))
    if prepare := getattr(lab.staff, "prepare", None):
        prepare(target, of)


def classroom(lab: Lab) -> str:
    """The workflow with which GitHub Classroom grades a student's pushes."""
    return f"""name: Lab {lab.number}
on: [push, workflow_dispatch]
permissions:
  checks: write
  actions: read
  contents: read
jobs:
  run-autograding-tests:
    runs-on: ubuntu-latest
    if: github.actor != 'github-classroom[bot]'
    steps:
      - uses: actions/checkout@v4
      - name: Build
        run: make
      - name: Checks
        id: checks
        run: |
          rm -f results.json
          make grade REPORTS="classroom:results.json \
                              markdown:$GITHUB_STEP_SUMMARY" || true
          test -s results.json
          echo "result=$(base64 -w0 results.json)" >> "$GITHUB_OUTPUT"
      - name: Points
        uses: classroom-resources/autograding-grading-reporter@v1
        env:
          CHECKS_RESULTS: "${{{{ steps.checks.outputs.result }}}}"
        with:
          runners: checks
"""


CONTRACT = re.compile(r"^\{contract (\S+) (\w+)\}$", re.M)


def filled(readme: str, tree: Path, yours: str) -> str:
    """A lab's text, with the contracts out of the headers and the student's
    own task in their places."""
    def excerpt(found: re.Match) -> str:
        return "```c\n" + contract((tree / found[1]).read_text(), found[2]
                                   ) + "```"
    return CONTRACT.sub(excerpt, readme).replace("{yours}", yours)


def contract(header: str, function: str) -> str:
    """The declaration of a function, and the comment above it."""
    lines = header.splitlines()
    at = next((n for n, line in enumerate(lines) if re.match(
        rf"[a-z].*\b{function}\(", line)), None)
    if at is None:
        raise cut.CutError(f"no header declares {function}() there")
    end = at
    while not lines[end].endswith(";"):
        end += 1
    while lines[at - 1].startswith("//"):
        at -= 1
    return "\n".join(lines[at : end + 1]) + "\n"


def make(number: str, target: Path, name: str = "", key: str = seed.KEY,
         carry: Path | None = None) -> Lab:
    """A student's folder, with a repository of its own."""
    lab = Lab(number)
    done, former = carried(carry, lab) if carry else ([], {})
    texts = {**former, **lab.handout(seed.of_student(name, key), former)}
    variant(lab, target, texts, name, key)
    cut.change(target / "LAB", lambda text: f"{text}done = {' '.join(done)}\n")
    if hand_over := getattr(lab.staff, "hand_over", None):
        hand_over(target, seed.of_student(name, key))
    git = ["git", "-c", "user.name=Baton", "-c", "user.email=baton@localhost"]
    with open(target / ".gitignore", "a") as ignored:
        ignored.write("grades.log\nhints.log\nhistory.bundle\n"
                      "submission.tar.gz\n")
    for words in (["init", "-q"], ["add", "-A"],
                  ["commit", "-q", "-m", f"lab {lab.number}: {lab.staff.TITLE}"],
                  ["tag", "handout"]):
        subprocess.run([*git, *words], cwd=target, check=True)
    return lab


def carried(student: Path, lab: Lab) -> tuple[list[str], dict[str, str]]:
    """The labs done so far in a student's folder, and their files as they are
    there: the next hand-out is cut out of these. A file that both labs are
    about stays the student's, but for the functions that the next lab cuts."""
    said = lab_file(student)
    done = sorted({*said.get("done", "").split(), said["lab"]})
    if lab.number in done:
        raise cli.Trouble(f"{student} has lab {lab.number} already")
    names = {name for number in done
             for name in Lab(number, lab.root).staff.FILES}
    return done, {name: (student / name).read_text() for name in sorted(names)}


ERRORS_HEAD = "| error | in | fails | expected | found |"


def errors(lab: Lab, messages: dict[str, list[str]]) -> str:
    """The usual errors, the checks that each fails, and what the first of these
    says: error -> expected, found."""
    rows = [f"| {wrong.error} | `{wrong.function}"
            f"{'' if cut.is_form(wrong.file) else '()'}` | {wrong.caught} | "
            + " | ".join(messages[wrong.error]) + " |"
            for wrong in lab.staff.MUTANTS]
    return "\n".join([ERRORS_HEAD, "|---|---|---|---|---|", *rows]) + "\n"


def messages_in_notes(lab: Lab) -> dict[str, list[str]]:
    """The same messages, from the table in staff/NOTES.md."""
    notes = (lab.folder / STAFF / "NOTES.md").read_text()
    table = notes.partition(ERRORS_HEAD)[2].partition("\n\n")[0]
    cells = [line[2:-2].split(" | ") for line in table.splitlines()]
    return {row[0]: row[3:] for row in cells if len(row) == 5}


def renew_notes(lab: Lab, messages: dict[str, list[str]]) -> None:
    """Replace the table of errors in staff/NOTES.md."""
    tables.renew_file(lab.folder / STAFF / "NOTES.md", errors(lab, messages))
