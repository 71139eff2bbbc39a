"""A class is graded in one command, whatever its submissions contain.

Lab 2 is the example: one file, and checks that take a second.
"""

import csv
import gzip
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness import cli, paths
from kit import confined, folder, seed, staff

LAB, KEY = "2", "course"
FILE = "mm/frame_pool.c"

confined_only = pytest.mark.skipif(
    not confined.available(), reason="unshare(1) makes no namespaces here")

# A constructor of the host's compiler would be the way out, if anything of it
# ran here. What a compiler does do is to read files.
READS = '#include "{path}"\n'
HANGS = """
pa_t frame_pool_take_high(struct frame_pool *pool, uint64_t pages,
                          pa_t ceiling) {
    while (pool->count + pages + ceiling)
        __asm__ volatile("");
    return 0;
}
"""


def submission(home, name: str, text: str):
    target = home / name / FILE
    target.parent.mkdir(parents=True)
    target.write_text(text)
    return home / name


def solution(name: str) -> str:
    lab = folder.Lab(LAB)
    of = seed.of_student(name, KEY)
    return lab.text(lab.reference(of), FILE)


def handout(name: str) -> str:
    lab = folder.Lab(LAB)
    return lab.handout(seed.of_student(name, KEY))[FILE]


@confined_only
def test_a_confined_command_sees_its_folders_and_the_programs(tmp_path):
    mine, shown, secret = (tmp_path / f"{name} place"
                           for name in ("my", "another", "a secret"))
    for place in (mine, shown, secret):
        place.mkdir()
        (place / "file").write_text(place.name)
    script = """
        echo new > new; cat file "$1"/file "$2"/file; echo more > "$1"/more
        ls -A / /etc /tmp /dev; ls "$3" "$HOME"/.. /root /home
        for place in / /usr /usr/bin /etc /etc/alternatives /proc /dev; do
            echo outside > $place/baton-was-here && echo wrote $place
        done
        ls /proc | grep -c '^[0-9]'; getent hosts example.org; env
    """
    places = [str(place) for place in (shown, secret, paths.ROOT)]
    done = confined.run(["sh", "-c", script, "sh", *places], mine, [shown],
                        30, {"GIVEN": "this"})
    lines = done.stdout.splitlines()
    assert lines[:2] == ["my placeanother placecat: '" + places[1] + "/file': "
                         "No such file or directory", "/:"]
    assert (mine / "new").exists() and (shown / "more").exists()
    assert not [line for line in lines if line.startswith("wrote")]
    seen = " ".join(lines)
    assert "Makefile" not in seen and "shadow" not in seen
    assert "GIVEN=this" in lines and not [
        line for line in lines if line.startswith(("USER=", "LAB_KEY="))]


@confined_only
def test_a_confined_command_ends_in_time(tmp_path):
    with pytest.raises(confined.Late):
        confined.run(["sleep", "1000"], tmp_path, [], 0.5, {})


@confined_only
def test_of_endless_output_the_end_is_kept(tmp_path):
    """An assembler prints a line for each `.print` of a `.rept`."""
    script = "head -c 3000000 /dev/zero | tr '\\0' a; echo end"
    done = confined.run(["sh", "-c", script], tmp_path, [], 30, {})
    assert len(done.stdout) == confined.OUTPUT_BYTES
    assert done.stdout.endswith("aaaend\n")


def planted(home: Path, secret: Path, kind: str) -> None:
    """Something else than a plain file in the place of one."""
    path = home / FILE
    match kind:
        case "symbolic link":
            path.symlink_to(secret)
        case "hard link":
            path.hardlink_to(secret)
        case "folder":
            path.mkdir()
        case "FIFO":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "too long":
            path.write_bytes(bytes(staff.FILE_MOST + 1))
        case "sparse":
            path.touch()
            os.truncate(path, 1 << 40)
        case "link above it":
            path.parent.rmdir()
            path.parent.symlink_to(secret.parent)
            (secret.parent / path.name).write_text("secret")
        case "loop above it":
            path.parent.rmdir()
            path.parent.symlink_to(path.parent)
        case "file above it":
            path.parent.rmdir()
            path.parent.write_text("none")


@pytest.mark.parametrize("kind", [
    "symbolic link", "hard link", "folder", "FIFO", "loop", "too long",
    "sparse", "link above it", "loop above it", "file above it", "nothing"])
def test_only_plain_files_within_a_submission_are_taken(tmp_path, kind):
    home, target = tmp_path / "s", tmp_path / "t"
    (home / FILE).parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.c").write_text("secret")
    planted(home, tmp_path / "elsewhere/secret.c", kind)
    assert not staff.take(home, FILE, target)
    assert not target.exists()


def test_a_plain_file_is_taken(tmp_path):
    submission(tmp_path, "s", "mine")
    (tmp_path / "link").symlink_to(tmp_path / "s")  # the roster's own
    for home in tmp_path / "s", tmp_path / "link":
        assert staff.take(home, FILE, tmp_path / "t")
    assert (tmp_path / "t" / FILE).read_text() == "mine"


@pytest.mark.parametrize("name", [
    "../s017", "a/b", "=1+1", "-rf", ".hidden", "a\nseed = 0x1", "a\x1b[2J"])
def test_a_name_that_would_be_more_than_a_name_is_refused(tmp_path, name):
    with open(tmp_path / "roster.csv", "w", newline="") as file:
        csv.writer(file).writerows([["name", "folder"], [name, "x"]])
    with pytest.raises(cli.Trouble, match="no name for a student"):
        staff.roster(tmp_path / "roster.csv")


def test_a_name_stands_in_a_roster_once(tmp_path):
    (tmp_path / "roster.csv").write_text("name,folder\na,x\nb@c.d,y\na,z\n")
    with pytest.raises(cli.Trouble, match="more than once: a$"):
        staff.roster(tmp_path / "roster.csv")


def test_an_archive_gives_only_the_named_plain_files(tmp_path):
    packed, out = tmp_path / "submission.tar.gz", tmp_path / "out"
    with tarfile.open(packed, "w:gz") as archive:
        def add(name: str, size: int, kind=tarfile.REGTYPE) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = size, kind, "/etc/passwd"
            archive.addfile(member, io.BytesIO(bytes(size)))

        add(FILE, 5)
        add("../outside", 5)
        add("mm/other.c", 5)
        add("answers.md", 0, tarfile.SYMTYPE)
        add("LAB", 0, tarfile.LNKTYPE)
        add("mm/long.c", staff.FILE_MOST + 1)
    names = [FILE, "answers.md", "LAB", "mm/long.c"]
    staff.unpack(packed, names, out)
    assert [path for path in out.rglob("*") if path.is_file()] == [out / FILE]
    packed.write_bytes(packed.read_bytes()[:40])
    staff.unpack(packed, [FILE], out)  # no exception


def test_an_archive_is_read_to_a_limit(tmp_path, monkeypatch):
    """What is behind it, or in a header that is longer, is not read."""
    packed, out = tmp_path / "submission.tar.gz", tmp_path / "out"
    monkeypatch.setattr(staff, "ARCHIVE_MOST", 1 << 20)
    with tarfile.open(packed, "w:gz") as archive:
        for name, size in (("answers.md", 5), ("large", 2 << 20), (FILE, 5)):
            member = tarfile.TarInfo(name)
            member.size = size
            archive.addfile(member, io.BytesIO(bytes(size)))
    staff.unpack(packed, [FILE, "answers.md"], out)
    assert [path.name for path in out.rglob("*")] == ["answers.md"]
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 36
    packed.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT)
                                     + bytes(4 << 20)))
    staff.unpack(packed, [FILE], out / "more")
    assert not (out / "more").exists()


def test_a_hand_out_of_another_commit_is_remarked_on(tmp_path):
    (tmp_path / "LAB").write_text("lab = 2\ntree = 0123456789ab\n")
    tree = staff.made_from(tmp_path)
    found = {"name": "x", "score": 0, "of": None, "results": [], "nonce": 1,
             "hours": None, "written": True, "missing": [], "tree": tree,
             "why": "it does not compile"}
    assert "commit 0123456789ab" in staff.row_of(found)["remark"]
    for same in folder.version(paths.ROOT), "":
        assert staff.row_of({**found, "tree": same})["remark"] == \
            "it does not compile"


def test_a_stand_in_is_nobodys_and_a_copy_is_found(tmp_path):
    """Two who have done nothing are not alike; a copy with other names is."""
    lab = folder.Lab(LAB)
    submission(tmp_path, "lazy", handout("lazy"))
    submission(tmp_path, "idle", handout("idle"))
    submission(tmp_path, "one", solution("one"))
    submission(tmp_path, "two", solution("one").replace("bytes", "octets"))
    names = "lazy", "idle", "one", "two"
    pairs = {frozenset((a, b)): share for a, b, share in staff.whose(
        lab, [(name, tmp_path / name) for name in names], KEY)}
    assert frozenset(("lazy", "idle")) not in pairs
    assert pairs[frozenset(("one", "two"))] > 0.9
    assert pairs[frozenset(("one", "(the tree)"))] > 0.3


def test_archives_are_compared_too(tmp_path):
    lab = folder.Lab(LAB)
    students = []
    for name in "one", "two":
        home = submission(tmp_path, name, solution("one"))
        packed = tmp_path / f"{name}.tar.gz"
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(home / FILE, FILE)
        students.append((name, packed))
    shares = {(a, b): share for a, b, share in staff.whose(lab, students, KEY)}
    assert shares["one", "two"] == 1


def test_texts_are_alike_whatever_their_names():
    text = solution("a")
    other = text.replace("extent", "piece").replace("pool", "store")
    assert staff.alike(text, other, False) > 0.9
    assert staff.alike(text, (paths.ROOT / "lib/crc32.c").read_text(),
                       False) < 0.3


@pytest.mark.slow
@confined_only
def test_a_class_of_thirty(tmp_path):
    """References, hand-outs, usual errors, and what wants to do harm."""
    wanted, rows = {}, []

    def hand_in(name: str, text: str, score) -> None:
        submission(tmp_path, name, text)
        rows.append({"name": name, "folder": name})
        wanted[name] = score

    for n in range(8):
        hand_in(f"good{n}", solution(f"good{n}"), 80)
    for n in range(5):
        hand_in(f"empty{n}", handout(f"empty{n}"), 5)
    lab = folder.Lab(LAB)
    firsts = [f"err{n}" for n in range(60)
              if seed.fit(seed.of_student(f"err{n}", KEY)) == "first"]
    for name, error in zip(firsts, lab.staff.MUTANTS[:10]):
        text = lab.mutant(seed.of_student(name, KEY), error)[FILE]
        hand_in(name, text, error)
    hand_in("broken", solution("broken") + "this is no C\n", 0)
    plain = handout("hangs")
    hand_in("hangs", plain[: plain.index("pa_t frame_pool_take_high")] + HANGS,
            0)
    hand_in("prints", '#include "lib/log.h"\n' + handout("prints").replace(
        "    return 0;\n}", '    say("80 of 80 points");\n    return 0;\n}', 1),
        5)
    spy = paths.ROOT / "labs/02-frames/staff/lab.py"
    hand_in("reads", handout("reads") + READS.format(path=spy), 0)
    hand_in("steals", READS.format(path=tmp_path / "good0" / FILE), 0)
    hand_in("writes", handout("writes"), 5)
    hand_in("host", handout("host") +
            '__asm__(".incbin \\"/etc/hostname\\"");\n', 0)
    grader = tmp_path / "writes/labs/kit/grade.py"  # it is not taken
    grader.parent.mkdir(parents=True)
    grader.write_text("open('/tmp/baton-was-here', 'w')\n")
    assert len(rows) == 30

    roster = tmp_path / "roster.csv"
    with open(roster, "w", newline="") as file:
        writer = csv.DictWriter(file, ["name", "folder"])
        writer.writeheader()
        writer.writerows(rows)
    words = [paths.ROOT / "tools/lab", "class", LAB, roster, "--key", KEY]
    subprocess.run(words, check=True, cwd=paths.ROOT)
    with open(tmp_path / "gradebook.csv", newline="") as file:
        book = {row["name"]: row for row in csv.DictReader(file)}
    assert len(book) == 30
    for name, score in wanted.items():
        if isinstance(score, int):
            assert int(book[name]["score"]) == score, book[name]
        else:
            assert book[name]["failed"] == score.caught, (name, score.error)
    assert "compile" in book["broken"]["remark"]
    said = json.loads((tmp_path / "roster.grades/reads.json").read_text())
    assert "Mutant" not in said["said"]  # nothing of the file is shown
    assert not Path("/tmp/baton-was-here").exists()


@pytest.mark.slow
@confined_only
def test_whose_task_a_submission_solves(tmp_path):
    """By the shaped check, under the seeds of the whole roster."""
    names = ["ann", "bob", "cy", "dee"]
    fits = {name: seed.fit(seed.of_student(name, KEY)) for name in names}
    other = next(name for name in names if fits[name] != fits["ann"])
    with open(tmp_path / "roster.csv", "w") as file:
        file.write("name,folder\n")
        for name in names:
            submission(tmp_path, name,
                       solution(other if name == "ann" else name))
            file.write(f"{name},{name}\n")
    done = subprocess.run(
        [paths.ROOT / "tools/lab", "whose", LAB, tmp_path / "roster.csv",
         "--key", KEY], check=True, cwd=paths.ROOT, text=True,
        capture_output=True)
    told = [line for line in done.stdout.splitlines() if "solves" in line]
    assert len(told) == 1 and told[0].startswith("ann solves the task of ")
    assert fits[told[0].split()[-1]] == fits[other]


def test_the_fewest_win_a_challenge():
    """Who has all points; equals share a place."""
    rows = [{"name": name, "score": score, "of": "80", "measure": measure}
            for name, score, measure in (
                ("a", "80", "40"), ("b", "80", "38"), ("c", "68", "12"),
                ("d", "80", "40"), ("e", "80", "41"))]
    assert staff.board(rows) == [(1, "b", "38"), (2, "a", "40"),
                                 (2, "d", "40"), (4, "e", "41")]
