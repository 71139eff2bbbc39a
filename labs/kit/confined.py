"""Runs a command that handles what a stranger has written.

Nothing of a submission is executed on the host but by QEMU, as a guest. It is
compiled, though, and a compiler reads whatever file it is told to. So the
command gets namespaces of its own (unshare(1)): no network, no other process,
every file system read-only but its folder, and what it must not even read is
covered. And limits: processor time, memory, the size of a file.
"""

import resource
import subprocess
from pathlib import Path

from harness import cli
from harness.patience import SLOWNESS, patiently

CPU_SECONDS, MEMORY_BYTES, FILE_BYTES = 120, 6 << 30, 512 << 20
UNSHARE = "unshare -Urmnpif --kill-child --mount-proc".split()

# Arguments: how many folders stay writable, these; how many are covered, these;
# then the command. (A bind mount is a mount of its own, so it stays as it is
# when the one below is made read-only. In /proc/self/mounts a blank is \040.)
SCRIPT = """set -e
n=$1; shift
while [ "$n" -gt 0 ]; do
    mount --bind "$1" "$1"; keep="$keep $1"; shift; n=$((n - 1))
done
n=$1; shift
while [ "$n" -gt 0 ]; do
    mount -t tmpfs -o size=4k none "$1"; shift; n=$((n - 1))
done
while read -r _ place _; do
    place=$(printf %b "$place")
    case " $keep /proc " in *" $place "*) continue ;; esac
    case $place in /proc/* | /dev/* | /sys/*) continue ;; esac
    mount -o remount,bind,ro "$place" 2>/dev/null || [ "$place" != / ]
done < /proc/self/mounts
cd "$FOLDER"
exec "$@"
"""


class Late(Exception):
    """The command was not done in time."""


def available() -> bool:
    done = subprocess.run([*UNSHARE, "true"], capture_output=True)
    return done.returncode == 0


def run(words: list[str], folder: Path, writable: list[Path],
        hidden: list[Path], seconds: float, environment: dict[str, str]
        ) -> subprocess.CompletedProcess:
    """Run a command in `folder`; Late after `seconds` (patience.py)."""
    kept = [str(place.resolve()) for place in (folder, *writable)]
    covered = [str(place.resolve()) for place in hidden if place.exists()]
    child = subprocess.Popen(
        [*UNSHARE, "sh", "-c", SCRIPT, "sh", str(len(kept)), *kept,
         str(len(covered)), *covered, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
        preexec_fn=_limits,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8",
             "HOME": str(folder), "TMPDIR": str(folder),
             "FOLDER": str(folder), "SLOWNESS": str(SLOWNESS), **environment})
    try:
        said = patiently(seconds, lambda s: child.communicate(timeout=s)[0],
                         subprocess.TimeoutExpired)
    except subprocess.TimeoutExpired:
        raise Late from None
    finally:
        child.kill()
        child.wait()
    return subprocess.CompletedProcess(words, child.returncode, said)


def _limits() -> None:
    cpu = round(CPU_SECONDS * SLOWNESS)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def must_be_available() -> None:
    if not available():
        raise cli.Trouble(
            "unshare(1) cannot make namespaces here, so what students have "
            "written could read this machine's files while it is compiled "
            "(a kernel with user namespaces, or root, is needed; "
            "--unconfined does without)")
