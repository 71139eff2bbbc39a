"""Each lab's reference passes, whatever arguments its checks choose.

A nonce chooses all arguments of a run: three in `make test`, 200 in
`make test-all`. Where it chooses nothing, because a student's machine is the
task, there are 200 students instead. And what the checks look up in the reference's kernel, symbols
and structures, is in the hand-out's, or they could not say what it lacks.
"""

import pytest

from harness.by_lab import of_labs
from kit import folder, prove

RUNS, PARTS = 200, 10  # a test has to end within its time
BY_SEED = [number for number in folder.numbers()
           if getattr(folder.Lab(number).staff, "BY_SEED", False)]
BY_NONCE = [number for number in folder.numbers() if number not in BY_SEED]


@of_labs(folder.numbers())
def test_a_reference_passes_with_three_nonces(number, bench):
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    assert it.failed(repeat=3) == set(), it.log
    used = it.used
    it.put(it.lab.handout(it.seed))
    absent = getattr(it.lab.staff, "ABSENT", [])
    assert it.missing([*used, "nobody"]) == [*absent, "nobody"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@of_labs(BY_NONCE)
def test_a_reference_passes_with_200_nonces(number, part, bench):
    it = bench(number)
    it.put(it.lab.reference(it.seed))
    assert it.failed(repeat=RUNS // PARTS) == set(), it.log


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@of_labs(BY_SEED)
def test_a_reference_passes_of_200_students(number, part, tmp_path):
    it = prove.Bench(number, tmp_path)
    for n in range(part, RUNS, PARTS):
        it.become(f"student{n}")
        it.put(it.lab.reference(it.seed))
        assert it.failed() == set(), f"student{n}: {it.log}"
