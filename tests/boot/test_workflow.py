"""Workflows, each with a little work; the matrix also on a real Slurm cluster of
two nodes, started here, and with a node that dies (docs/scale.md)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as tree

import pytest

from harness import paths, qemu
from harness.chain import EXPECTED

sys.path.insert(0, str(paths.ROOT / "workflows"))
from work import WORK  # noqa: E402

CLUSTER = paths.ROOT / "workflows/slurm/cluster"
JOB = paths.ROOT / "workflows/job"
MERGE = paths.ROOT / "workflows/merge"
MODES = "fixed", "naive"
NUMBER = len(MODES) * len(EXPECTED)  # of results: a step from each to all
LAB = "3"
RETRIED = "Trying to restart job"
HANDED_OUT = {"passed", "failed", "skipped"}  # of that lab's checks, unsolved


def needs(*names, root=False):
    missing = [name for name in names if not shutil.which(name)]
    return pytest.mark.skipif(
        bool(missing) or root and os.geteuid() != 0,
        reason=f"needs {'root and ' * root}{', '.join(missing or names)}")


here = [needs("snakemake"), pytest.mark.slow, pytest.mark.timeout(1200)]
on_cluster = [needs("snakemake", "slurmctld", "slurmd", "munged", "sbatch",
                    root=True), *here[1:]]


def marked(marks):
    def mark(test):
        for one in marks:
            test = one(test)
        return test
    return mark


@pytest.fixture
def cluster(tmp_path):
    """The environment in which Slurm's commands find it."""
    folder = tmp_path / "cluster"
    subprocess.run([CLUSTER, "start", folder], check=True)
    yield {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([CLUSTER, "stop", folder], check=True)


def workflow(out, environment: dict, profile: str, *words) -> subprocess.Popen:
    return subprocess.Popen(
        ["tools/workflow", *words], cwd=paths.ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env={**environment, "PROFILE": profile, "OUT": str(out)})


def matrix(out, environment: dict, profile: str) -> subprocess.Popen:
    return workflow(out, environment, profile, "matrix", "firmwares=pflash",
                    f"modes={','.join(MODES)}")


def results(out) -> list:
    return [(row["job"], row["test"], row["outcome"])
            for row in json.loads((out / "results.json").read_text())]


def done(running: subprocess.Popen, status=0) -> str:
    text, _ = running.communicate()
    assert running.returncode == status, text
    return text


@marked(on_cluster)
def test_both_ways_have_equal_results(cluster, tmp_path):
    done(matrix(tmp_path / "local", dict(os.environ), "local"))
    done(matrix(tmp_path / "slurm", cluster, "slurm"))
    assert results(tmp_path / "slurm") == results(tmp_path / "local")
    assert len(results(tmp_path / "slurm")) == NUMBER


def running_on(node: str, cluster: dict) -> str:
    return subprocess.run(["squeue", "-h", "-t", "R", "-w", node, "-o", "%A"],
                          env=cluster, text=True, capture_output=True).stdout


@marked(on_cluster)
def test_a_node_dies(cluster, tmp_path):
    """Its job runs again, on the other one."""
    running = matrix(tmp_path / "slurm", cluster, "slurm")
    while not running_on("two", cluster):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    subprocess.run([CLUSTER, "kill", tmp_path / "cluster", "two"], env=cluster,
                   check=True)
    assert RETRIED in done(running)
    found = results(tmp_path / "slurm")
    assert len(found) == NUMBER
    assert {outcome for _, _, outcome in found} == {"passed"}


# ---- what is a result

@pytest.mark.parametrize("command, results, done", [
    ("echo '<testsuite/>' >{home}/junit.xml; exit 1", "0 1", True),
    ("exit 1", "0 1", False),  # our tools: an error, before any report
    ("exit 1", "0", False),
    ("exit 0", "0", True),
    ("echo '<testsuite/>' >{home}/junit.xml; kill -9 $$", "0 1", False),
])
def test_a_result_or_a_fault_of_the_host(tmp_path, command, results, done):
    (tmp_path / "junit.xml").touch()  # of an attempt before
    code = subprocess.run([JOB, tmp_path, "junit.xml", results,
                           command.replace("{home}", str(tmp_path))]).returncode
    assert ((code == 0), (tmp_path / "status").exists()) == (done, done)


def test_a_failed_test_is_a_result(tmp_path):
    case = tmp_path / "test_it.py"
    for body, status in (("assert 0", 0), ("import os; os._exit(9)", 9)):
        case.write_text(f"def test_it():\n    {body}\n")
        home = tmp_path / str(status)
        code = subprocess.run([
            JOB, home, "junit.xml", "0 1", "/usr/bin/python3 -m pytest "
            f"--junit-xml={home}/junit.xml {case}"], cwd=tmp_path).returncode
        assert (code, (home / "status").exists()) == (status, status == 0)


def test_reports_of_all_kinds_are_merged(tmp_path):
    """What a job found is in all three files; one without a report is there."""
    for name, file, text in (
            ("a", "junit.xml", "<testsuite><testcase name='one' time='2'/>"
             "<testcase name='two'><failure message='&lt;no&gt;'/></testcase>"
             "</testsuite>"),
            ("b", "results.json", json.dumps({"verdicts": {
                "x": ["killed", "t", 1.5], "y": ["survived", "", 2],
                "z": ["equivalent", "why", 0]}})),
            ("c", "results.json", json.dumps({"results": [
                {"name": "wx", "status": "pass", "seconds": 1, "title": ""},
                {"name": "map", "status": "blocked", "seconds": 0,
                 "title": ""}]})),
            ("d", "log", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    (tmp_path / "other").mkdir()  # of another command: not named
    subprocess.run([MERGE, tmp_path, "[jr]*.*", *"abcd"], check=True)
    assert results(tmp_path) == [
        ("a", "one", "passed"), ("a", "two", "failed"),
        ("b", "x", "passed"), ("b", "y", "failed"), ("b", "z", "skipped"),
        ("c", "map", "skipped"), ("c", "wx", "passed"),
        ("d", "report", "error")]
    merged = tree.parse(tmp_path / "junit.xml")
    assert len(list(merged.iter("testcase"))) == 8
    page = (tmp_path / "index.html").read_text()
    assert "3 passed, 2 failed, 2 skipped, 1 error" in page
    assert "&lt;no&gt;" in page and "<no>" not in page


def test_the_work_is_divided():
    """Each part of it once."""
    jobs = WORK["mutants"].jobs({"count": 250, "share": 100})
    assert [*jobs] == ["1-100", "101-200", "201-250"]
    assert "--only 201-250 --home {home}" in jobs["201-250"]
    assert len(WORK["cuts"].jobs({})) == 12
    assert [*WORK["fuzz"].jobs({"targets": "cpio", "times": 2})] == [
        "cpio-1", "cpio-2"]


def test_a_wrong_name_is_refused():
    done = subprocess.run(["tools/workflow", "knitting"], cwd=paths.ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 2 and "there is no knitting" in done.stderr


# ---- each with a little work

@marked(here)
def test_firmware_reports(tmp_path):
    """Of two firmwares, one of which is none."""
    folder, out = tmp_path / "builds", tmp_path / "out"
    folder.mkdir()
    shutil.copy(qemu.CODE, folder / "MINE_CODE.fd")
    shutil.copy(qemu.VARS, folder / "MINE_VARS.fd")
    (folder / "EMPTY.fd").write_bytes(bytes(65536))
    done(workflow(out, dict(os.environ), "local", "reports",
                  f"folder={folder}", "only=look"), status=1)
    found = results(out)
    assert ("EMPTY", "report", "error") in found
    assert ("MINE_CODE", "boot", "passed") in found
    assert "MINE_CODE/index.html" in (out / "index.html").read_text()


@marked(here)
def test_a_class(tmp_path):
    """The same command again grades nobody, and one who joins."""
    out, roster = tmp_path / "out", tmp_path / "roster.csv"
    roster.write_text("name,folder\n")
    for name in "s001", "s002":
        subprocess.run(["tools/lab", "new", LAB, "--name", name, "--to",
                        tmp_path / name], cwd=paths.ROOT, check=True)
        with open(roster, "a") as file:
            file.write(f"{name},{name}\n")
        text = done(workflow(out, dict(os.environ), "local", "class",
                             f"lab={LAB}", f"roster={roster}"), status=1)
        assert RETRIED not in text  # a failed check is a result
    reports = sorted(out.glob("*/roster.grades/*.json"))
    assert [path.stem for path in reports] == ["s001", "s002"]
    logs = [(out / name / "log").stat().st_mtime for name in ("s001", "s002")]
    assert logs[0] < logs[1]
    assert {name for name, _, _ in results(out)} == {"s001", "s002"}
    assert {outcome for *_, outcome in results(out)} == HANDED_OUT
    book = (tmp_path / "gradebook.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in book] == ["name", "s001", "s002"]


@marked(here)
@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
def test_fuzzing(tmp_path):
    out = tmp_path / "out"
    done(workflow(out, dict(os.environ), "local", "fuzz", "targets=utf16,cpio",
                  "seconds=1", "times=2"))
    assert results(out) == [(f"{name}-{number}", name, "passed")
                            for name in ("cpio", "utf16") for number in (1, 2)]
    for name in "cpio", "utf16":
        assert any((out / "corpus" / name).iterdir())


def process(pattern: str) -> str:
    return subprocess.run(["pgrep", "-f", pattern], text=True,
                          capture_output=True).stdout.split("\n")[0]


@marked(here)
@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
def test_a_job_that_the_host_killed_runs_again(tmp_path):
    out = tmp_path / "out"
    running = workflow(out, dict(os.environ), "local", "fuzz", "targets=cpio",
                       "seconds=3")
    while not (found := process(f"^/usr/bin/python3 tools/fuzz --junit {out}")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.1)
    os.kill(int(found), signal.SIGKILL)
    assert RETRIED in done(running)
    assert results(out) == [("cpio-1", "cpio", "passed")]


@marked(here)
def test_power_cuts(tmp_path):
    """Nothing is written between two kernels, so there is one next boot."""
    done(workflow(tmp_path / "out", dict(os.environ), "local", "cuts",
                  "scenarios=kexec", "firmwares=pflash"))
    assert results(tmp_path / "out") == [
        ("kexec-pflash", "test_many_instants[kexec-pflash]", "passed")]


@marked(here)
def test_mutants(tmp_path):
    """Shares of one fault each, judged by tests that are recorded once. The
    status says whether one of them survived."""
    out = tmp_path / "out"
    running = workflow(out, dict(os.environ), "local", "mutants", "count=2",
                       "share=1", "budget=1", "tests=tests/boot/test_chain.py")
    text, _ = running.communicate()
    assert RETRIED not in text
    assert [job for job, *_ in results(out)] == ["1-1", "2-2"], text
    merged = json.loads((out / "merged/results.json").read_text())["verdicts"]
    assert sorted(merged) == sorted(name for _, name, _ in results(out))
    words = {word for word, *_ in merged.values()}
    assert words <= {"killed", "survived", "equivalent", "does not build"}
