"""What a teacher does: grade one submission or a class, and compare them.

Of a submission only the lab's FILES and answers.md count. They are put on a
hand-out made here, so nothing else that a student has changed has any effect.
"""

import csv
import gzip
import json
import os
import re
import resource
import stat
import tarfile
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness import cli, paths, qemu, saved

from . import confined, cut, seed
from .folder import Lab, variant, version
from .report import Result

FILE_MOST, ARCHIVE_MOST = 1 << 20, 64 << 20  # bytes
BUILD_SECONDS, GRADE_SECONDS = 120, 180
GRADE = "/usr/bin/python3", "labs/kit/grade.py"
HOURS = re.compile(r"^hours *= *([0-9.]+)", re.M)


class Grader:
    """Grades submissions of one lab on a hand-out of its own."""

    def __init__(self, number: str, key: str, user: str = ""):
        self.lab, self.key, self.user = Lab(number), key, user
        if not user:
            confined.must_be_available()
        for ram_mib in seed.RAM_MIB:  # made here: a confined one cannot
            saved.ready(qemu.Config(medium="saved", ram_mib=ram_mib))

    def grade(self, submission: Path, name: str, nonce: int) -> dict:
        """{"score", "of", "results", …}: what report.raw() writes."""
        with self._on_handout(submission, name) as (folder, taken, tree):
            found = self._judge(folder, name, nonce)
            answers = folder / "answers.md"
            hours = HOURS.search(answers.read_text(errors="replace"))
        return {**found, "name": name, "lab": self.lab.number,
                "hours": hours and hours[1], "written": taken.pop("answers.md"),
                "missing": [file for file, ok in taken.items() if not ok],
                "tree": tree}

    @contextmanager
    def _on_handout(self, submission: Path, name: str):
        """A hand-out of our own with a submission's files: the folder, which
        files were there, and the commit that its own hand-out was made from. A submission is a folder or what `make submit`
        has packed."""
        with tempfile.TemporaryDirectory(prefix="baton-grade-") as scratch:
            folder = Path(scratch) / "lab"
            of = seed.of_student(name, self.key)
            variant(self.lab, folder, self.lab.handout(of), name, self.key)
            names = [*self.lab.staff.FILES, "answers.md", "LAB"]
            source = opened(submission, names, Path(scratch) / "unpacked")
            taken = {file: take(source, file, folder)
                     for file in names if file != "LAB"}
            yield folder, taken, made_from(source)

    def follows(self, submission: Path, name: str, names: list[str]
                ) -> str | None:
        """Whose task this submission solves: `name`, or one of `names`."""
        seeds = {seed.of_student(n, self.key): n for n in (name, *names)}
        with self._on_handout(submission, name) as (folder, *_):
            try:
                if self._build(folder).returncode:
                    return None
                done = self._run(
                    [*GRADE, "--check", self.lab.shaped, "--follows",
                     ",".join(map(hex, seeds))], folder, GRADE_SECONDS)
                return next((seeds[of] for of in json.loads(done.stdout)), None)
            except (confined.Late, json.JSONDecodeError):
                return None

    def _judge(self, folder: Path, name: str, nonce: int) -> dict:
        try:
            built = self._build(folder)
            if built.returncode:
                return self._nothing(nonce, "it does not compile", built.stdout)
            # A second seed chooses the machine: not the one that the student
            # has at home, perhaps.
            machine = seed.of_student(name, f"{self.key}, at the teacher's")
            done = self._run([*GRADE, "--form", "raw", "--nonce", hex(nonce),
                              "--machine", hex(machine), "--out",
                              "results.json"], folder, GRADE_SECONDS)
            return json.loads((folder / "results.json").read_text())
        except confined.Late:
            return self._nothing(nonce, "it was not done in time", "")
        except FileNotFoundError:
            return self._nothing(nonce, "the grader has failed", done.stdout)

    def _run(self, words: list[str], folder: Path, seconds: float,
             **limits):
        return confined.run(words, folder, [paths.SAVED], seconds,
                            {"BATON_SAVED": str(paths.SAVED)}, self.user,
                            **limits)

    def _build(self, folder: Path):
        return self._run(["make", "-s", "all"], folder, BUILD_SECONDS,
                         memory_bytes=confined.COMPILER_BYTES)

    def _nothing(self, nonce: int, why: str, said: str) -> dict:
        return {"nonce": nonce, "score": 0, "of": None, "why": why,
                "said": said[-4000:], "results": []}


def plain(submission: Path, file: str) -> bytes | None:
    """A file of a submission, if it is a regular one of moderate size within
    the folder, and of no other name: a hard link may lead to a file that its
    author cannot read. None of what is there is waited for (a FIFO)."""
    path = submission / file
    if os.path.commonpath(map(os.path.realpath, (submission, path.parent))
                          ) != os.path.realpath(submission):
        return None
    try:
        with open(path, "rb", opener=_without_links) as source:
            found = os.fstat(source.fileno())
            good = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and \
                found.st_size <= FILE_MOST
            return source.read(FILE_MOST) if good else None
    except OSError:
        return None


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def take(submission: Path, file: str, folder: Path) -> bool:
    """Copy a file of a submission, if it is plain."""
    content = plain(submission, file)
    if content is None:
        return False
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(content)
    return True


def made_from(submission: Path) -> str:
    """As it says itself: for a remark, never for points."""
    said = (plain(submission, "LAB") or b"").decode(errors="replace")
    return (re.findall(r"^tree = ([0-9a-f]{1,40})$", said, re.M) or [""])[0]


def opened(submission: Path, names: list[str], scratch: Path) -> Path:
    """A submission's folder: itself or, of an archive, these files."""
    if not submission.is_file():
        return submission
    unpack(submission, names, scratch)
    return scratch


class Limited:
    """A file that ends after so many bytes: a megabyte of gzip may hold a
    gigabyte, and a header of tar announces what has to be read at once."""

    def __init__(self, file, most: int):
        self.file, self.left = file, most

    def read(self, size: int) -> bytes:
        data = self.file.read(min(size, self.left))
        self.left -= len(data)
        return data


def unpack(archive: Path, names: list[str], target: Path) -> None:
    """Those files of submission.tar.gz that are plain and not too long."""
    try:
        with gzip.open(archive) as whole, tarfile.open(
                fileobj=Limited(whole, ARCHIVE_MOST), mode="r|") as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                if name in names and member.isreg() and \
                        member.size <= FILE_MOST:
                    path = target / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(packed.extractfile(member).read())
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error):
        pass  # then files are missing, and that is said


def results_of(found: dict) -> list[Result]:
    if not found["results"]:
        said = found.get("said", "").splitlines()
        return [Result("build", found["why"], 80, "fail", 0, said)]
    return [Result(**row) for row in found["results"]]


# ---- a class


COLUMNS = "name score of failed hours written remark nonce measure".split()


def row_of(found: dict) -> dict:
    failed = [r["name"] for r in found["results"] if r["status"] == "fail"]
    remarks = [found["why"]] if found.get("why") else [
        f"{file} is missing, or no plain file" for file in found["missing"]]
    if found["score"] < 80 and found.get("tree", "") not in (
            "", version(paths.ROOT)):
        remarks.append(f"its hand-out is of commit {found['tree']}, not of this"
                       " one")
    return {"name": found["name"], "score": found["score"],
            "of": found["of"] or 80, "failed": " ".join(failed),
            "hours": found["hours"] or "", "remark": ", ".join(remarks),
            "written": "yes" if found["written"] else "no",
            "nonce": hex(found["nonce"]),
            "measure": next((r["measure"] for r in found["results"]
                             if r.get("measure") is not None), "")}


def board(rows: list[dict]) -> list[tuple[int, str, str]]:
    """(place, name, measure) of those who have all of a challenge, the fewest
    first. Equals share a place."""
    won = sorted((int(row["measure"] or 0), row["name"]) for row in rows
                 if int(row["score"]) == int(row["of"]))
    measures = [measure for measure, _ in won]
    return [(measures.index(measure) + 1, name, str(measure or ""))
            for measure, name in won]


def roster(path: Path) -> list[tuple[str, Path]]:
    """(name, folder) of each row; the folder is relative to the roster."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"name", "folder"} <= rows[0].keys():
        raise cli.Trouble(f"{path} needs a first row `name,folder`")
    names = [seed.name_of(row["name"]) for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise cli.Trouble(f"{path} has more than once: {', '.join(twice)}")
    return [(name, path.parent / row["folder"])
            for name, row in zip(names, rows)]


def grade_class(grader: Grader, path: Path, jobs: int, tell) -> Path:
    """All of a roster; what is graded already is not graded again."""
    home = path.with_suffix(".grades")
    home.mkdir(exist_ok=True)
    students = roster(path)

    def one(student: tuple[str, Path]) -> dict:
        name, folder = student
        kept = home / f"{name}.json"
        if not kept.exists():
            found = grader.grade(folder, name, seed.fresh_nonce())
            paths.replace(kept, json.dumps(found, indent=1).encode())
        found = json.loads(kept.read_text())
        tell(found, len(students))
        return row_of(found)

    with ThreadPoolExecutor(jobs) as pool:
        rows = list(pool.map(one, students))
    book = path.with_name("gradebook.csv")
    with open(book, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return book


def processor_seconds() -> float:
    """What this process and its children have used so far."""
    return sum(used.ru_utime + used.ru_stime for used in map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


# ---- whose it is


def alike(a: str, b: str, asm: bool) -> float:
    """How much of the smaller text is in the other one, names aside: the share
    of winnowed fingerprints (Schleimer et al. 2003) that both have."""
    one, other = fingerprints(a, asm), fingerprints(b, asm)
    return len(one & other) / max(min(len(one), len(other)), 1)


def fingerprints(text: str, asm: bool, size: int = 12, window: int = 6) -> set:
    text = re.sub(r";.*" if asm else r"//.*", "", text)
    words = re.findall(r"\w+|[^\w\s]", text)
    words = [w if w in KEYWORDS or not w[0].isalpha() else "v" for w in words]
    grams = [hash(tuple(words[i : i + size]))
             for i in range(len(words) - size + 1)]
    return {min(grams[i : i + window]) for i in range(len(grams))}


KEYWORDS = set("if else while for do return switch case break struct static "
               "unsigned TRY fail".split())


def own(lab: Lab, of: int, submission: Path) -> dict[str, str]:
    """The functions of a submission in place of those that were cut, without
    those that are as in the hand-out."""
    handed = {cut.text_of(text, f, False)
              for name, text in lab.handout(of).items()
              for f in cut.functions(text, cut.is_asm(name))}
    with tempfile.TemporaryDirectory(prefix="baton-own-") as scratch:
        source = opened(submission, lab.staff.FILES, Path(scratch))
        texts = {file: plain(source, file) for file in lab.staff.FILES}
    return {f"{file}:{name}": body
            for file, name in lab.cut_functions(of) if texts.get(file)
            for body in bodies(texts[file].decode(errors="replace"), file, name)
            if body not in handed}


def bodies(text: str, file: str, name: str) -> list[str]:
    """The functions of that name in a student's file, which may be no C."""
    try:
        return [cut.text_of(text, f, False)
                for f in cut.functions(text, cut.is_asm(file))
                if f.name == name]
    except (ValueError, TypeError):
        return []


def borrowed(grader: Grader, submissions: list[tuple[str, Path]], jobs: int):
    """(name, whose): who solves another student's task, not their own."""
    names = [name for name, _ in submissions]

    def one(student: tuple[str, Path]) -> tuple[str, str | None]:
        name, folder = student
        return name, grader.follows(folder, name, names)

    with ThreadPoolExecutor(jobs) as pool:
        for name, found in pool.map(one, submissions):
            if found not in (None, name):
                yield name, found


def whose(lab: Lab, submissions: list[tuple[str, Path]], key: str):
    """(a, b, share) of pairs that are alike, the tree among them."""
    texts = {name: own(lab, seed.of_student(name, key), folder)
             for name, folder in submissions}
    texts["(the tree)"] = {f"{file}:{name}": text for (file, name), text
                           in lab.cut_functions(0).items()}
    names = list(texts)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both = texts[a].keys() & texts[b].keys()
            shares = {k: alike(texts[a][k], texts[b][k],
                               cut.is_asm(k.partition(":")[0])) for k in both}
            if shares:
                yield a, b, sum(shares.values()) / len(shares)


def jobs_of(text: str) -> int:
    return cli.number(1, os.cpu_count() or 1)(text)
