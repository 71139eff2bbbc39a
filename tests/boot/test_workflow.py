"""The matrix as a workflow: on this machine and on a real Slurm cluster of two
nodes, started here; and with a node that dies (docs/scale.md)."""

import json
import os
import shutil
import subprocess
import time

import pytest

from harness import paths
from harness.chain import EXPECTED

CLUSTER = paths.ROOT / "workflows/slurm/cluster"
NEEDED = ("snakemake", "slurmctld", "slurmd", "munged", "sbatch")
MODES = "fixed", "naive"
NUMBER = len(MODES) * len(EXPECTED)  # of results: a step from each to all
MISSING = [name for name in NEEDED if not shutil.which(name)]

pytestmark = [pytest.mark.skipif(
    bool(MISSING) or os.geteuid() != 0,
    reason=f"needs root and: {', '.join(MISSING) or ', '.join(NEEDED)}"),
    pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def cluster(tmp_path):
    """The environment in which Slurm's commands find it."""
    folder = tmp_path / "cluster"
    subprocess.run([CLUSTER, "start", folder], check=True)
    yield {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([CLUSTER, "stop", folder], check=True)


def workflow(out, environment: dict, profile: str) -> subprocess.Popen:
    return subprocess.Popen(
        ["tools/workflow", "matrix", "firmwares=pflash",
         f"modes={','.join(MODES)}"],
        cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={**environment, "PROFILE": profile, "OUT": str(out)})


def results(out) -> list:
    return [(row["job"], row["test"], row["outcome"])
            for row in json.loads((out / "results.json").read_text())]


def done(running: subprocess.Popen) -> str:
    text, _ = running.communicate()
    assert running.returncode == 0, text
    return text


def test_both_ways_have_equal_results(cluster, tmp_path):
    done(workflow(tmp_path / "local", dict(os.environ), "local"))
    done(workflow(tmp_path / "slurm", cluster, "slurm"))
    assert results(tmp_path / "slurm") == results(tmp_path / "local")
    assert len(results(tmp_path / "slurm")) == NUMBER


def running_on(node: str, cluster: dict) -> str:
    return subprocess.run(["squeue", "-h", "-t", "R", "-w", node, "-o", "%A"],
                          env=cluster, text=True, capture_output=True).stdout


def test_a_node_dies(cluster, tmp_path):
    """Its job runs again, on the other one."""
    running = workflow(tmp_path / "slurm", cluster, "slurm")
    while not running_on("two", cluster):
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    subprocess.run([CLUSTER, "kill", tmp_path / "cluster", "two"], env=cluster,
                   check=True)
    text = done(running)
    assert "Trying to restart job" in text
    found = results(tmp_path / "slurm")
    assert len(found) == NUMBER
    assert {outcome for _, _, outcome in found} == {"passed"}


def test_a_failed_test_is_not_repeated(tmp_path):
    """Its status is a result, and only the status of the host is an error."""
    case = tmp_path / "test_it.py"
    for body, status in (("assert 0", 0), ("import os; os._exit(9)", 9)):
        case.write_text(f"def test_it():\n    {body}\n")
        report = tmp_path / f"{status}.xml"
        code = subprocess.run([paths.ROOT / "workflows/job", report, case],
                              cwd=tmp_path).returncode
        assert (code, report.exists()) == (status, status == 0)
