"""Each lab is sound: its hand-out, its reference, and the usual errors.

A slice of that is fast: for one lab the hand-out fails what it says, an error
is caught, a friend's solution fails; of the others, all that needs no machine
(tests/boot/test_references.py has the references). All of it is slow: `make test-all`, or `tools/lab check N` for one lab.
"""

import re
import subprocess
import threading
from pathlib import Path

import pytest

from harness import cli, paths, qemu
from harness.by_lab import of_labs
from harness.machine import End, Machine, Run
from kit import cut, folder, grade, hint, outside, prove, seed

NUMBERS = folder.numbers()
of_each_lab = of_labs(NUMBERS)
on_machines = of_labs(NUMBERS, on_machines=True)


@on_machines
def test_the_handout_fails_what_it_says(number, bench):
    it = bench(number)
    it.put(it.lab.handout(it.seed))
    assert it.failed() == set(it.lab.staff.DAY0.split())


@on_machines
def test_a_friends_solution_fails_with_ones_own_numbers(number, bench):
    """With his own it passes, and a search by seeds names him."""
    it = bench(number)
    if not it.lab.shaped:
        pytest.skip("everybody's task is the same")
    it.put(it.friends_solution())
    assert it.failed() == {it.lab.shaped}
    assert it.follows([prove.NAME, it.friend()]) == it.friend()
    assert it.follows([prove.NAME]) is None


@on_machines
def test_one_usual_error_fails_its_checks(number, bench):
    it = bench(number)
    if it.lab.staff.MUTANTS:
        wrong = it.lab.staff.MUTANTS[0]
        it.put(it.lab.mutant(it.seed, wrong))
        verdicts = it.grade(nonce=prove.NOTES_NONCE)
        assert prove.failed(verdicts) == set(wrong.caught.split())
        notes = folder.messages_in_notes(it.lab)
        assert prove.differ(notes[wrong.error], prove.message(verdicts)) == []


@of_each_lab
def test_no_line_of_a_function_that_was_cut_is_in_the_handout(number, bench):
    it = bench(number)
    it.put(it.lab.handout(it.seed))
    assert it.left_over() == []


@of_each_lab
def test_no_object_in_a_new_folder_is_compiled_from_what_was_cut(
        number, tmp_path):
    lab = folder.Lab(number)
    texts = lab.handout(seed.of_student("a"))
    folder.variant(lab, tmp_path / "lab", texts, "a")
    built = {str(path.relative_to(tmp_path / "lab/build"))
             for path in (tmp_path / "lab/build").rglob("*") if path.is_file()}
    assert "lib/string.o" in built  # most is not compiled again
    cut_objects = {str(Path(name).with_suffix(".o")) for name in texts}
    assert not built & (cut_objects | {"baton", "baton.elf", "bundle.cpio"})


@of_each_lab
def test_all_errors_still_apply(number):
    """Each changes one passage, and what it is said to fail are checks."""
    lab = folder.Lab(number)
    known = {f.check for f in folder.load(lab.folder / "checks.py"
                                          ).__dict__.values()
             if hasattr(f, "points")}
    of = seed.of_student(prove.NAME)
    for wrong in lab.staff.MUTANTS:
        lab.mutant(of, wrong)
        assert set(wrong.caught.split()) <= known
    assert set(lab.staff.DAY0.split()) <= known


@of_each_lab
def test_a_lab_is_all_there(number):
    lab = folder.Lab(number)
    for name in ("README.md", "checks.py", "answers.md", "staff/NOTES.md"):
        assert (lab.folder / name).exists()
    notes = (lab.folder / "staff/NOTES.md").read_text()
    said = folder.messages_in_notes(lab)
    assert said.keys() == {wrong.error for wrong in lab.staff.MUTANTS} \
        and folder.errors(lab, said) in notes, f"run: tools/lab notes {number}"
    readme = (lab.folder / "README.md").read_text()
    checks = [f for f in folder.load(lab.folder / "checks.py"
                                     ).__dict__.values()
              if hasattr(f, "points")]
    assert sum(check.points for check in checks) == 80
    assert all(f"`{check.check}`" in readme for check in checks
               if check.check != "boots")
    steps = {int(step) for step in re.findall(r"^\| (\d) \|", readme, re.M)}
    assert {step for step, _ in hint.hints(readme)} == steps


def test_a_students_functions_go_on_into_the_next_lab(tmp_path):
    """Labs 1 and 6 are both about efi/region.c: the student's file goes on,
    but for the functions that lab 6 cuts; and so does lab 2's from before."""
    of, files = seed.of_student("a"), {}
    for number in "1", "2":
        lab = folder.Lab(number)
        files |= {name: lab.text(lab.reference(of), name)
                  for name in lab.staff.FILES}
    files["mm/frame_pool.c"] += "// mine\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "LAB").write_text("lab = 1\nname = a\nseed = 0x1\ndone = 2\n")
    done, former = folder.carried(tmp_path, folder.Lab("6"))
    assert done == ["1", "2"] and former == files
    texts = folder.Lab("6").handout(of, former)
    assert hex(seed.oem_type(of)) in texts["efi/region.c"]
    assert "lab 6" not in files["efi/region.c"] and texts[
        "efi/region.c"] != files["efi/region.c"]
    assert texts["mm/frame_pool.c"].endswith("// mine\n")
    with pytest.raises(cli.Trouble, match="lab 2 already"):
        folder.carried(tmp_path, folder.Lab("2"))


def test_what_a_lab_needs_is_built_from_within_make(monkeypatch):
    """Where make is given variables of its own: make lab N=8."""
    monkeypatch.setenv("MAKEFLAGS", " -- N=8 NAME=s017")
    folder.build_also("build/sins.efi", paths.ROOT)
    assert (paths.ROOT / "build/sins.efi").exists()


def test_kernel_folders_do_not_know_of_labs():
    words = ["git", "grep", "-nwiE", "labs?", "--", "boot", "kernel", "mm",
             "efi", "kexec", "lib"]
    done = subprocess.run(words, cwd=paths.ROOT, capture_output=True,
                          text=True)
    assert done.stdout == ""


@pytest.mark.slow
@of_each_lab
def test_every_usual_error_fails_its_checks(number, bench):
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    it.grade()
    found, used, said = {}, it.used, []
    notes = folder.messages_in_notes(it.lab)
    for wrong in it.lab.staff.MUTANTS:
        it.put(it.lab.mutant(it.seed, wrong))
        assert it.missing(used) == [], wrong.error
        verdicts = it.grade(nonce=prove.NOTES_NONCE)
        found[wrong.error] = prove.failed(verdicts)
        said += prove.differ(notes[wrong.error], prove.message(verdicts))
    assert found == {wrong.error: set(wrong.caught.split())
                     for wrong in it.lab.staff.MUTANTS}
    assert said == [], f"run: tools/lab notes {number}"


@pytest.mark.slow
@of_each_lab
def test_the_handout_builds_without_optimization(number, bench):
    it = bench(number)
    it.put(it.lab.handout(it.seed), OPT="-Og")
    assert it.failed() == set(it.lab.staff.DAY0.split())
    it.put(it.lab.handout(it.seed))


@pytest.mark.slow
@pytest.mark.xdist_group("lab6")
def test_a_kernel_with_all_holes_at_once_comes_up(bench):
    it = bench("6")
    texts = it.lab.handout(it.seed)
    for number in set(NUMBERS) - {"6"}:
        texts = folder.Lab(number).handout(it.seed, texts)
    it.put(texts)
    assert it.failed(check="boots") == set()


# ---- the kit alone


C = """// Adds.
static int add(int a,
               int b) {
    return a + b;
}

// A row is no function.
ROW(options, x) = {
    1,
};

int twice(int a) {
    return add(a, a);
}
"""


def test_functions_of_c_are_found_with_their_comments():
    add, twice = cut.functions(C)
    assert (add.name, add.start, add.head, add.end) == ("add", 0, 1, 5)
    assert add.signature == "static int add(int a, int b)"
    assert twice.name == "twice"


def test_an_overlay_takes_the_place_of_its_namesake():
    new = "// Adds wrongly.\nstatic int add(int a, int b) {\n    return a;\n}\n"
    text = cut.overlay(C, new, "x.c")
    assert "return a;" in text and "a + b" not in text and "ROW" in text
    with pytest.raises(cut.CutError, match="in the overlay"):
        cut.overlay(C, new.replace("int b", "long b"), "x.c")
    with pytest.raises(cut.CutError, match="0 functions are called sub"):
        cut.overlay(C, new.replace("add", "sub"), "x.c")


def test_a_label_of_nasm_ends_where_the_next_one_begins():
    text = "one:\n    ret\n.local:\n    nop\n\n; Two.\ntwo:\n    ud2\n"
    one, two = cut.functions(text, asm=True)
    assert (one.end, two.start, two.head) == (4, 5, 6)
    assert cut.remove(text, "one", "x.asm").startswith("; Two.")


def test_a_passage_has_to_be_there_once():
    assert "a - b" in cut.mutate(C, "add", "a + b", "a - b", "x.c")
    with pytest.raises(cut.CutError, match="0 times"):
        cut.mutate(C, "twice", "a + b", "a - b", "x.c")


def test_a_kernel_that_lacks_a_symbol_fails_a_check(monkeypatch):
    """It is the student's kernel: the grader goes on to its next check."""
    def look_up(*_):
        raise KeyError

    monkeypatch.setattr(outside, "symbol", look_up)
    live = object.__new__(outside.Live)
    with pytest.raises(outside.Wrong, match="refers to that") as caught:
        live.symbol("tss")
    assert "expected: the kernel has `tss`" in caught.value.details


def test_a_lost_machine_is_shown_without_its_command(tmp_path):
    """The grader has used it from outside, so it would not do the same again."""
    (tmp_path / "qemu.cmd").write_text("exec qemu\n")
    run = Run(tmp_path, qemu.Config("efi=off"), end=End("stalled"))
    shown = "\n".join(outside.Lost("its start", run).details)
    assert "no kernel started" in shown and "exec qemu" not in shown


def test_a_seed_belongs_to_a_name_and_a_course():
    seeds = {seed.of_student("a"), seed.of_student("b"),
             seed.of_student("a", "another course")}
    assert len(seeds) == 3 and seed.of_student("a") in seeds


class NoMachines:
    """Of an Outside, what grade() needs."""

    def twin(self):
        return NoMachines()

    def drop(self):
        pass


def verdicts(*checks) -> list[tuple[str, str]]:
    found = []
    grade.grade(checks, NoMachines(), 0, False, found.append)
    return [(result.name, result.status) for result in found]


@outside.check(1)
def first(_w):
    """It passes."""


def test_a_check_beside_the_others_is_told_in_its_turn():
    """They wait for each other, so one after the other would never end."""
    one, another = threading.Event(), threading.Event()

    def meet(mine, other):
        mine.set()
        if not other.wait(30):
            raise outside.Wrong("both at once", "one after the other")

    @outside.check(1, needs="first")
    def second(_w):
        """On the machine of the first."""
        meet(one, another)

    @outside.check(1, needs="second", beside=True)
    def third(_w):
        """On its own."""
        meet(another, one)

    assert verdicts(first, second, third) == [
        ("first", "pass"), ("second", "pass"), ("third", "pass")]


def test_a_check_that_nobody_waits_for_is_ended(monkeypatch):
    """What it needs has failed: its machine is killed."""
    killed = threading.Event()
    monkeypatch.setattr(Machine, "kill_all", killed.set)

    @outside.check(1, needs="first")
    def second(_w):
        """It fails."""
        raise outside.Wrong("this", "that")

    @outside.check(1, needs="second", beside=True)
    def hangs(_w):
        """Its machine never ends by itself."""
        assert killed.wait(30)

    assert verdicts(first, second, hangs) == [
        ("first", "pass"), ("second", "fail"), ("hangs", "blocked")]
