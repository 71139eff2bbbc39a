"""Each installed compiler and linker builds a kernel without a warning
(they are errors), and that kernel passes all proofs in three generations.

`make test` only compiles, with two of them; the rest takes minutes: `pytest
tests/boot/test_compilers.py -m slow`.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import paths
from harness.events import wanted


def compilers() -> list[str]:
    """gcc, clang, and all named gcc-N or clang-N."""
    named = re.compile(r"(gcc|clang)(-\d+)?")
    found = {path.name for folder in os.get_exec_path()
             if Path(folder).is_dir() for path in Path(folder).iterdir()
             if named.fullmatch(path.name)}
    return sorted(found)


def build(folder: Path, *targets: str, **variables: str) -> None:
    words = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "-s", f"OUT={folder}", *words,
         *[f"{folder}/{target}" for target in targets]],
        cwd=paths.ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode == 0 and "warning:" not in done.stdout, done.stdout


@pytest.mark.parametrize("compiler, level", [("gcc", "-O3"), ("clang", "-O2")])
def test_warnings_of_other_compilers(tmp_path, compiler, level):
    build(tmp_path, "baton", CC=compiler, OPT=level)


@pytest.mark.slow
@pytest.mark.parametrize("linker", ["ld", "ld.lld"])
@pytest.mark.parametrize("level", ["-O2", "-O3"])
@pytest.mark.parametrize("compiler", compilers())
def test_a_kernel_of_each_compiler(tmp_path, boot, compiler, level, linker):
    if not shutil.which(linker):
        pytest.skip(f"{linker} is not installed")
    build(tmp_path, "baton", "bundle.cpio", CC=compiler, OPT=level, LD=linker)
    with boot("efi=fixed generations=3 end=exit", kernel=tmp_path / "baton",
              bundle=tmp_path / "bundle.cpio") as machine:
        run = machine.finish()
    run.expect(wanted("boot", gen=2), wanted("end", gen=2, verdict="pass"))
    assert run.all("proof", verdict="fail") == []


@pytest.mark.slow
@pytest.mark.parametrize("compiler", compilers())
def test_a_panic_of_each_compiler(tmp_path, boot, compiler):
    """The function that crashed has a name: it was not inlined."""
    build(tmp_path, "baton", "bundle.cpio", CC=compiler)
    with boot("efi=off generations=1 crash=null end=exit",
              kernel=tmp_path / "baton",
              bundle=tmp_path / "bundle.cpio") as machine:
        run = machine.finish()
    assert any(re.search(r"#0 .* crash_null\+0x", line) for line in run.lines)
