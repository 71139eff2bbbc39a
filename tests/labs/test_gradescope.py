"""The autograder for Gradescope works in the layout of its documentation:
source/, submission/, results/, submission_metadata.json and run_autograder in
one folder, here one of our own instead of /autograder.
"""

import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest
from test_reports import GRADESCOPE, wrong

from harness import paths
from kit import folder, gradescope, seed

LAB, KEY, NAME = "2", "a secret of the course", "s017@example.org"
FILE = "mm/frame_pool.c"


def test_the_zip_has_the_scripts_the_key_and_the_tree(tmp_path):
    gradescope.pack(paths.ROOT, LAB, KEY, tmp_path / "autograder.zip")
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(tmp_path)
        modes = {one.filename: one.external_attr >> 16
                 for one in archive.infolist()}
    assert modes == {"setup.sh": 0o755, "run_autograder": 0o755, "key": 0o600,
                     "baton.tar": 0o600}
    assert (tmp_path / "key").read_text() == KEY
    for script in "setup.sh", "run_autograder":
        subprocess.run(["bash", "-n", tmp_path / script], check=True)
        assert KEY not in (tmp_path / script).read_text()
    names = subprocess.run(["tar", "tf", tmp_path / "baton.tar"], text=True,
                           capture_output=True, check=True).stdout.split()
    assert {"Makefile", "tools/lab", "labs/03-paging/staff/lab.py"} <= {*names}


@pytest.fixture
def autograder():
    """/autograder, elsewhere; no other user can go through it."""
    home = Path(tempfile.mkdtemp(prefix="autograder-"))
    home.chmod(0o711)
    (home / "source").mkdir()
    (home / "submission").mkdir()
    gradescope.pack(paths.ROOT, LAB, KEY, home / "autograder.zip")
    subprocess.run(["unzip", "-q", "../autograder.zip"], check=True,
                   cwd=home / "source")
    shutil.copy2(home / "source/run_autograder", home)
    (home / "submission_metadata.json").write_text(json.dumps(
        {"id": 1, "users": [{"email": NAME, "id": 2, "name": "A Student"}]}))
    yield home
    shutil.rmtree(home)


def graded(home: Path, text: str) -> dict:
    """results.json for a submission with this file."""
    file = home / "submission" / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    (home / "results/results.json").unlink(missing_ok=True)
    subprocess.run([home / "run_autograder"], check=True, cwd="/")
    found = json.loads((home / "results/results.json").read_text())
    assert wrong(found, GRADESCOPE) == []
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unzip"),
                    reason="Gradescope runs it as root")
def test_a_submission_is_graded_and_cannot_read_the_key(autograder):
    subprocess.run([autograder / "source/setup.sh"], check=True, cwd="/")
    lab, of = folder.Lab(LAB), seed.of_student(NAME, KEY)
    assert graded(autograder, lab.text(lab.reference(of), FILE))["score"] == 80
    handout = lab.handout(of)[FILE]
    assert graded(autograder, handout)["score"] == 5
    for secret in "key", "baton/labs/02-frames/staff/lab.py":
        found = graded(autograder, f'{handout}__asm__(".incbin \\"'
                       f'{autograder}/source/{secret}\\"");\n')
        assert found["score"] == 0
        assert "compile" in found["tests"][0]["name"]
        assert KEY not in json.dumps(found)
