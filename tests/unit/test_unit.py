"""Runs the unit test programs: one pytest test for each cmocka test in them.

A program is run once; its TAP output then answers for each of its tests. The
names are read from the sources, so a program that dies half way, or does not
even build, fails the tests it did not get to.
"""

import fcntl
import functools
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.patience import cpu_limit

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "unit"
MAKE = ["make", "-f", "tests/unit/unit.mk"]
CPU_SECONDS = 60  # for all tests of a program; most take less than one

# What the kernel is compiled with: lib/ must not need a C library.
KERNEL_FLAGS = """-std=gnu11 -ffreestanding -fno-stack-protector -mno-red-zone
    -mgeneral-regs-only -mcmodel=kernel -fno-pic -O2 -Wall -Wextra -Werror
    -I.""".split()


def unit_tests():
    """(program, test) for each cmocka test, in the order of the sources.

    All tests of a program are for one worker: it runs the program once."""
    for source in sorted(Path(__file__).parent.glob("test_*.c")):
        table = source.read_text().rpartition("int main(void)")[2]
        rows = table.partition("tests[] = {")[2].partition("};")[0]
        names = re.findall(r"\b\w+\((\w+)[^()]*\)", rows)
        assert names, f"{source.name} has no test"
        for name in names:
            yield pytest.param(source.stem, name, id=f"{source.stem}:{name}",
                               marks=pytest.mark.xdist_group(source.stem))


@pytest.fixture(scope="session")
def build_log():
    """Builds the programs; the lock keeps xdist workers from doing it twice."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([*MAKE, "-s", "-k", "unit"], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


@functools.cache
def run(program, build_log):
    """The exit status and the TAP output of a program."""
    target = f"build/unit/{program}"
    if subprocess.run([*MAKE, "-q", target], cwd=ROOT).returncode != 0:
        return None, f"{target} was not built:\n{build_log}"
    # What computes for ever is ended, keeps its output, and is cached as well.
    done = subprocess.run([target], cwd=ROOT, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=os.environ | {"CMOCKA_MESSAGE_OUTPUT": "TAP"},
                          preexec_fn=cpu_limit(CPU_SECONDS))
    return done.returncode, done.stdout


def fail(program, status, output):
    """Ends the test with the output and the command that shows it again."""
    pytest.fail(f"{output}\nexit status {status}; again:\n"
                f"  {' '.join(MAKE)} unit && build/unit/{program}",
                pytrace=False)


@pytest.mark.parametrize("program, name", unit_tests())
def test_unit(build_log, program, name):
    """A test of a program."""
    status, output = run(program, build_log)
    if not re.search(rf"^ok \d+ - {name}$", output, re.MULTILINE):
        fail(program, status, output)


@pytest.mark.parametrize("program", [
    pytest.param(program, marks=pytest.mark.xdist_group(program))
    for program in sorted({p.values[0] for p in unit_tests()})])
def test_exit_status(build_log, program):
    """What no test of a program answers for, such as a leak seen at its end."""
    status, output = run(program, build_log)
    if status != 0:
        fail(program, status, output)


@pytest.mark.parametrize("source", sorted(
    path.relative_to(ROOT) for path in ROOT.glob("lib/*.[ch]")), ids=str)
def test_freestanding(source, tmp_path):
    """Every file of lib/ compiles alone, with what the kernel offers."""
    done = subprocess.run(
        ["gcc", *KERNEL_FLAGS, "-x", "c", "-include", source, "-c",
         "/dev/null", "-o", tmp_path / "alone.o"],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_memory_functions_do_not_call_themselves(tmp_path):
    """GCC turns a copying loop into a call to memcpy, even inside memcpy."""
    code = tmp_path / "string.o"
    subprocess.run(["gcc", *KERNEL_FLAGS, "-c", "lib/string.c", "-o", code],
                   cwd=ROOT, check=True)
    listing = subprocess.run(["objdump", "-dr", code], capture_output=True,
                             text=True, check=True).stdout
    function = None
    for line in listing.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\w+)>:$", line):
            function = start[1]
        elif call := re.search(r"R_X86_64_PLT32\s+(mem\w+|strlen)", line):
            assert function.startswith("str_"), f"{function}: {call[1]}"
