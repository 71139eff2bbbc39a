"""Lab 8b: wrong forms are found wrong, and a machine can be looked at."""

import subprocess

import pytest

from kit import folder, prove, seed

pytestmark = pytest.mark.xdist_group("lab8b")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return prove.Bench("8b", tmp_path_factory.mktemp("diagnosis"))


def off_by_a_page(value: str) -> str:
    return hex(int(value, 0) + 0x1000)


# (what is wrong, the key, from the right values to another one, what it fails)
WRONG = [
    ("another machine's pointer", "a.pointer", lambda t: t["c.pointer"],
     "a-where"),
    ("another service", "b.service", lambda t: "ResetSystem", "b-where"),
    ("physical for virtual", "c.pointer", lambda t: t["c.physical"],
     "c-where"),
    ("virtual for physical", "a.physical", lambda t: t["a.here"], "a-owner"),
    ("the start for the address", "b.physical", lambda t: t["b.region"],
     "b-owner"),
    ("off by a page", "c.here", lambda t: off_by_a_page(t["c.here"]),
     "c-cause"),
    ("another cause", "a.cause", lambda t: t["b.cause"], "a-cause"),
    ("a cause that none has", "b.cause", lambda t: "unmapped", "b-cause"),
]


def test_a_wrong_value_fails_its_check_alone(bench):
    truth = bench.lab.staff.plant.truths(bench.seed)
    found, case_of = {}, {}
    for words, key, wrong, caught in WRONG:
        said = truth | {key: wrong(truth)}
        if said == truth:  # c's pointer, if it is a physical address
            continue
        text = "".join(f"{name} = {value}\n" for name, value in said.items())
        (bench.folder / "diagnosis.txt").write_text(text)
        found[words], case_of[words] = bench.failed(), {caught}
    assert found == case_of and len(found) >= len(WRONG) - 1


def test_the_form_of_a_number_does_not_matter(bench):
    truth = bench.lab.staff.plant.truths(bench.seed)
    text = "".join(
        f"{name}={int(value, 16) if value.startswith('0x') else value.upper()}"
        "  # so\n" for name, value in truth.items())
    (bench.folder / "diagnosis.txt").write_text(text)
    assert bench.failed() == set()


def test_another_students_form_is_wrong(bench):
    other = bench.lab.staff.plant.truths(seed.of_student("b"))
    text = "".join(f"{name} = {value}\n" for name, value in other.items())
    (bench.folder / "diagnosis.txt").write_text(text)
    assert bench.failed() & {"a-where", "b-where", "c-where"}


@pytest.mark.slow
def test_a_student_sees_what_is_asked(tmp_path):
    """From the dumps alone, by the commands that the README names."""
    made = tmp_path / "student"
    lab = folder.make("8b", made, "s017")
    truth = lab.staff.plant.truths(seed.of_student("s017"))
    for case in "abc":
        done = subprocess.run(
            ["/usr/bin/python3", f"labs/{lab.name}/look.py", case,
             "print/x $cr2", "print gate_current->service",
             "print kernel.boot.generation", "efi-regions"],
            cwd=made, capture_output=True, text=True)
        assert f"= {truth[f'{case}.pointer']}" in done.stdout, done.stderr
        assert truth[f"{case}.region"] in done.stdout
