"""tools/mutate: the faults it plants, and the verdicts it gives."""

import json
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness import paths

sys.path.append(str(paths.ROOT / "tools"))
from mutating import reach, source, trial  # noqa: E402

SERVER = paths.ROOT / "tools/mutating/server.py"
TOOL = paths.ROOT / "tools" / "mutate"


@pytest.fixture(scope="module")
def tool():
    return SimpleNamespace(**runpy.run_path(str(TOOL)))


FAULTS = [*(("a.c", *row) for row in [
    ("if (a == b) {", ["if (a != b) {", "if (!(a == b)) {"]),
    ("x = y + 1;", ["x = y - 1;", "x = y + 2;"]),
    ("{ x = -y; }", ["{ ; }"]),
    ("{ int x = f(a, b); }", ["{ int x = f(b, a); }"]),
    ("{ f(&a, b[c]); }", ["{ ; }", "{ f(b[c], &a); }"]),
    ("while (!done) step();",
     ["while (!(!done)) step();", "while (done) step();", "while (!done) ;"]),
    ("x = 0x1fUL;", ["x = 0x20UL;"]),
    ("return true;", ["return false;"]),
    ("struct a *b(int c, int d) {}", []),
    ("// a == b\n/* 1 */\n#define A 1 + \\\n  2\n", []),
    ('s = "a == 1";', []),
]), *(("a.asm", *row) for row in [
    ("    jz .a       ; jz\n", ["    jnz .a       ; jz\n", "           ; jz\n"]),
    ("    add rax, 8\n", ["    sub rax, 8\n", "    add rax, 0x9\n", "    \n"]),
    ("    dq 1\nA equ 2\n%define B 3\nlabel:\n", []),
])]


@pytest.mark.parametrize("file, text, wanted", FAULTS,
                         ids=[text for _, text, _ in FAULTS])
def test_faults(file, text, wanted):
    found = [m.planted(text) for m in source.mutants(file, text)]
    assert sorted(found) == sorted(wanted)


def test_equal_lines_have_faults_of_different_names():
    names = [str(m) for m in source.mutants("a.c", "{ f(); f();\nf(); }")]
    assert len(names) == len(set(names)) == 3


def test_the_same_seed_gives_the_same_faults(tool):
    code = {("lib/crc32.c", n) for n in range(1, 100)}
    first = [str(m) for m in tool.chosen(code, 7, 10)]
    assert first == [str(m) for m in tool.chosen(code, 7, 10)]
    assert first != [str(m) for m in tool.chosen(code, 8, 10)]
    assert len(first) == 10


def test_faults_of_other_lines_stay_where_they_are(tool):
    """So a change of the sources does not choose other faults altogether."""
    code = {("lib/crc32.c", n) for n in range(1, 100)}
    every = tool.chosen(code, 7, 1000)
    gone = every[3].line
    fewer = tool.chosen(code - {("lib/crc32.c", gone)}, 7, 1000)
    assert fewer == [m for m in every if m.line != gone]


def test_every_equivalent_fault_still_exists(tool):
    """docs/mutants.md speaks of the present source, and says why."""
    known = tool.equivalent()
    files = {name.partition(": ")[0] for name in known}
    present = {str(m) for file in files for m in
               source.mutants(file, (paths.ROOT / file).read_text())}
    assert set(known) <= present
    assert all(len(reason) > 20 for reason in known.values())


class Kernel:
    pieces = [(0, 4, "mm/a.c", 3), (4, 8, "mm/a.c", 5), (8, 9, "mm/odd/b.c", 1)]


def notes_of(*rows) -> str:
    return "".join(json.dumps([f"tests/test_{name}", seconds, passed, bits,
                               run, []]) + "\n"
                   for name, seconds, passed, bits, run in rows)


def test_tests_of_a_line(tmp_path):
    """The cheapest of each module first; tests of a shared run cost together,
    and what did not pass is left out."""
    notes = tmp_path / "notes"
    notes.write_text(notes_of(
        ("x.py::slow", 9, True, "3", ""), ("x.py::fast", 1, True, "2", ""),
        ("y.py::one", 0, True, "2", "run"), ("y.py::two", 3, True, "2", "run"),
        ("y.py::more", 4, True, "2", ""), ("x.py::broken", 2, False, "3", "")))
    found = reach.Reach(Kernel, notes)

    def of(file: str, line: int) -> list[str]:
        return [note.name[11:] for note in found.of(file, line)]

    assert of("mm/a.c", 5) == ["x.py::fast", "y.py::one", "y.py::two",
                               "y.py::more", "x.py::slow"]
    assert of("mm/a.c", 3) == ["x.py::slow"]
    assert of("mm/a.c", 4) == []  # has no code
    assert of("mm/odd/b.c", 1) == ["y.py::one", "y.py::two"]  # a guess
    assert found.files() == ["tests/test_x.py", "tests/test_y.py"]
    notes.write_text(notes.read_text() + notes_of(
        ("odd.py::unseen", 1, True, "0", "")))
    found = reach.Reach(Kernel, notes)
    assert of("mm/odd/b.c", 1) == ["odd.py::unseen", "y.py::one", "y.py::two"]


def test_tests_of_the_same_subject_come_first(tmp_path):
    notes = tmp_path / "notes"
    notes.write_text(notes_of(("mm.py::a", 1, True, "4", ""),
                              ("odd_ones.py::b", 9, True, "4", "")))
    assert [note.name for note in reach.Reach(Kernel, notes).of(
        "mm/odd/b.c", 1)] == ["tests/test_odd_ones.py::b", "tests/test_mm.py::a"]


def test_newer_notes_replace_older_ones(tmp_path):
    notes, draft = tmp_path / "notes", tmp_path / "draft"
    draft.write_text(notes_of(("x.py::a", 1, True, "1", ""),
                              ("x.py::b", 1, True, "1", "")))
    reach.add(draft, notes)
    draft.write_text(notes_of(("x.py::c", 1, True, "1", ""),
                              ("x.py::a", 1, False, "1", "")))
    reach.add(draft, notes)
    assert not draft.exists()
    found = reach.Reach(Kernel, notes).of("mm/a.c", 3)
    assert [note.name[11:] for note in found] == ["x.py::b", "x.py::c"]


def test_a_new_test_is_tried_first(tmp_path):
    notes = tmp_path / "notes"
    notes.write_text(notes_of(("x.py::a", 1, True, "1", ""),
                              ("x.py::new[1]", 9, True, "1", "")))
    found = reach.Reach(Kernel, notes, ["tests/test_x.py::new"])
    assert [note.name[11:] for note in found.of("mm/a.c", 3)] == [
        "x.py::new[1]", "x.py::a"]


class Sample:
    """A project of one file, with the targets that trial.py makes."""

    SOURCE = "int f(int a, int b) {\n    if (a < b)\n        return 1;\n" \
        "    return 2;\n}\n"
    MAKEFILE = """all: build/baton
build/baton: a.c
	@mkdir -p build && gcc -Werror -O2 -c a.c -o build/a.o
	@objcopy -O binary -j .text build/a.o $@
build/%: ; @:
"""
    HOST = """unit: build/unit/test_b
replay: ;
build/unit/test_b: b.c
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@: /b.o && gcc b.c -o $@
"""
    TEST = """import subprocess
def test_f(tmp_path):
    (tmp_path / "m.c").write_text(
        "int f(int, int); int main(void) { return f(1, 2) != 1; }")
    subprocess.run(["gcc", "a.c", tmp_path / "m.c", "-o", tmp_path / "m"],
                   check=True)
    assert subprocess.run([tmp_path / "m"]).returncode == 0
def test_leaves():
    f()
def test_ends_its_process():
    import os
    os._exit(3)
def test_crashes():
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)
def test_hangs_in_c():
    import re
    re.match("(a+)+$", "a" * 64 + "b")
"""

    SCRIPT = """def test_c():
    assert "return 7" not in open("a.c").read()
"""

    def __init__(self, home):
        for name, text in (("a.c", self.SOURCE), ("Makefile", self.MAKEFILE),
                           ("b.c", "int main(void) { return 0; }\n"),
                           ("test_a.py", self.TEST),
                           ("tests/unit/test_c.py", self.SCRIPT),
                           ("tests/fuzz/fuzz.mk", self.HOST),
                           ("tools/mutating/server.py", SERVER.read_text().replace(
                               "HANGS = 60", "HANGS = 1"))):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        subprocess.run("git init -q && git add .", shell=True, cwd=home,
                       check=True)


def note(name: str, *needs: str) -> reach.Note:
    return reach.Note(f"test_a.py::{name}", 1, True, "1", "", list(needs))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample's copy, built, and a server of its tests."""
    home = tmp_path_factory.mktemp("sample")
    (home / "project").mkdir()
    Sample(home / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", home / "project")
        tree = trial.Tree(home / "tree")
        tree.refresh()
    server = trial.Server(tree.home, ["test_a.py", *trial.scripts(tree.home)],
                          home / "log")
    yield tree, server
    server.close()


@pytest.fixture
def judge(sample):
    tree, server = sample

    def verdict(file: str, before: str, after: str,
                *tests: reach.Note) -> trial.Verdict:
        text = (tree.home / file).read_text()
        fault = source.Mutant(file, "", 0, text.index(before), before, after,
                              "", 0)
        found = tree.judge(fault, list(tests), server)
        assert (tree.home / file).read_text() == text
        return found

    return verdict


def test_verdicts(judge):
    """Each one; the source is as it was afterwards."""
    killed = judge("a.c", "<", ">", note("test_f"))
    assert killed == trial.Verdict(trial.KILLED, "test_a.py::test_f")
    survived = judge("a.c", "<", "<=", note("test_f"))
    assert survived.word == trial.SURVIVED
    assert "1 of 1 boot tests" in survived.by
    assert judge("a.c", "1", "3").word == trial.SURVIVED
    assert judge("a.c", "1", "7").by == "tests/unit/test_c.py::test_c"
    assert judge("a.c", "if", "it", note("test_f")).word == trial.NO_BUILD
    assert judge("a.c", "<", "  < ", note("test_f")).word == trial.SAME
    ended = judge("a.c", "1", "3", note("test_ends_its_process"))
    assert ended.word == trial.TROUBLE
    late = judge("a.c", "<", ">", note("test_f", "build/baton.iso"))
    assert late == killed


def test_a_program_on_the_host_kills(sample, monkeypatch):
    """Where the kernel's code changes and a program of it fails, unless it
    fails without a fault too. So does a boot test."""
    tree, server = sample
    monkeypatch.setattr(tree, "_image", b"other")
    text = (tree.home / "b.c").read_text()
    fault = source.Mutant("b.c", "", 0, text.index("0"), "0", "1", "", 0)
    for kills in "build/unit/test_b", "test_a.py::test_leaves":
        assert tree.judge(fault, [note("test_leaves")], server) == \
            trial.Verdict(trial.KILLED, kills)
        monkeypatch.setattr(tree, "unsound", tree.unsound | {kills})
    assert tree.judge(fault, [note("test_leaves")], server).word == \
        trial.SURVIVED


def test_the_server_stops_at_the_first_failure_or_at_its_limit(sample):
    _, server = sample
    names = [f"test_a.py::{name}" for name in ("test_leaves", "test_f")]
    assert server.run(names) == (names[:1], 1)
    assert server.run(names, first=False) == (names[:1], 2)
    assert server.run(names[::-1], limit=1e-6) == ([], 1)


def test_the_server_survives_a_test_that_hangs_or_crashes(sample):
    """In C, where nothing in Python can prevent it."""
    _, server = sample
    for name in "test_hangs_in_c", "test_crashes":
        names = ["test_a.py::test_f", f"test_a.py::{name}"]
        assert server.run(names) == (names[1:], 2)
        assert server.run(names[:1]) == ([], 1)


def test_shares_are_merged(tool, tmp_path):
    """Those of the same faults; others are refused."""
    parts = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        part = tool.Results(tmp_path / name, seed)
        part.verdicts[name] = [trial.KILLED, "", 1]
        part.unsound = {f"test_{name}"}
        part.save()
        parts.append(part.path)
    whole = tool.Results(tmp_path / "whole", 1)
    assert [whole.add(path) for path in parts] == [True, True, False]
    assert sorted(whole.verdicts) == ["a", "b"]
    assert whole.unsound == {"test_a", "test_b"}
