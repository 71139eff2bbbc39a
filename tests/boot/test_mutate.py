"""tools/mutate: the faults it plants, and the verdicts it gives."""

import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness import paths

sys.path.append(str(paths.ROOT / "tools"))
from mutating import reach, source, trial  # noqa: E402

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
    class Reached:
        lines = [("lib/crc32.c", n) for n in range(1, 100)]

    first = [str(m) for m in tool.chosen(Reached, 7, 10)]
    assert first == [str(m) for m in tool.chosen(Reached, 7, 10)]
    assert first != [str(m) for m in tool.chosen(Reached, 8, 10)]
    assert len(first) == 10


def test_every_equivalent_fault_still_exists(tool):
    """docs/mutants.md speaks of the present source, and says why."""
    known = tool.equivalent()
    files = {name.partition(": ")[0] for name in known}
    present = {str(m) for file in files for m in
               source.mutants(file, (paths.ROOT / file).read_text())}
    assert set(known) <= present
    assert all(len(reason) > 20 for reason in known.values())


def test_tests_of_a_line_by_their_time(tmp_path):
    class Kernel:
        pieces = [(0, 4, "lib/a.c", 3), (4, 8, "lib/a.c", 5)]

    notes = tmp_path / "notes"
    notes.write_text('["slow", 9, true, "3"]\n["fast", 1, true, "2"]\n'
                     '["broken", 2, false, "3"]\n')
    found = reach.Reach(Kernel, notes)
    assert found.of("lib/a.c", 5) == ["fast", "slow"]
    assert found.of("lib/a.c", 3) == ["slow"]
    assert found.of("lib/a.c", 4) == []


class Sample:
    """A project of one file, with the targets that trial.py makes."""

    SOURCE = "int f(int a, int b) {\n    if (a < b)\n        return 1;\n" \
        "    return 2;\n}\n"
    MAKEFILE = """all: build/baton
build/baton: a.c
	@mkdir -p build && gcc -Werror -O2 -c a.c -o build/a.o
	@objcopy -O binary -j .text build/a.o $@
build/baton.iso build/sins.efi build/linux.cpio: ; @:
"""
    TEST = """import subprocess
def test_f(tmp_path):
    (tmp_path / "m.c").write_text(
        "int f(int, int); int main(void) { return f(1, 2) != 1; }")
    subprocess.run(["gcc", "a.c", tmp_path / "m.c", "-o", tmp_path / "m"],
                   check=True)
    assert subprocess.run([tmp_path / "m"]).returncode == 0
"""

    def __init__(self, home):
        for name, text in (("a.c", self.SOURCE), ("Makefile", self.MAKEFILE),
                           ("test_a.py", self.TEST),
                           ("tests/fuzz/fuzz.mk", "unit replay: ; @:\n")):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        subprocess.run("git init -q && git add .", shell=True, cwd=home,
                       check=True)


def test_verdicts(tmp_path, monkeypatch):
    """Each verdict, and the source is as it was afterwards."""
    project = tmp_path / "project"
    project.mkdir()
    Sample(project)
    monkeypatch.setattr(paths, "ROOT", project)
    tree = trial.Tree(tmp_path / "tree")
    tree.refresh()
    faults = {str(m).partition("| ")[2]: m for m in
              source.mutants("a.c", Sample.SOURCE)}

    def verdict(fault: str, tests=("test_a.py",), jobs=0) -> str:
        return tree.judge(faults[fault], list(tests), jobs).word

    assert verdict("a < b -> !(a < b)") == trial.KILLED
    assert verdict("a < b -> !(a < b)", jobs=1) == trial.KILLED
    assert verdict("< -> <=") == trial.SURVIVED
    assert verdict("1 -> 2", ()) == trial.SURVIVED
    assert (tree.home / "a.c").read_text() == Sample.SOURCE
    broken = source.Mutant("a.c", "statement", 2, 26, "if", "it", "", 0)
    assert tree.judge(broken, [], 0).word == trial.NO_BUILD
    same = source.Mutant("a.c", "operator", 2, 32, "<", "  < ", "", 0)
    assert tree.judge(same, [], 0).word == trial.SAME
    assert verdict("1 -> 2", ("no_such_test.py",)) == trial.TROUBLE
