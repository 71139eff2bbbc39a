"""Runs a command that handles what a stranger has written.

Nothing of a submission is executed on the host except by QEMU, as a guest. It
is compiled, though, and a compiler or an assembler reads every file that its
source names. So the command gets namespaces of its own (unshare(1)): no
network, no other process, and a root directory that contains the installed
programs and its own folders, nothing else. The environment does not contain
the caller's variables. Processor time, memory and file sizes are limited.

Where namespaces cannot be made, as in most containers, the command runs as
another user (`user`, needs root) who must not be able to read the checkout.
"""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from harness import cli
from harness.patience import SLOWNESS, patiently

CPU_SECONDS, FILE_BYTES = 120, 512 << 20
MEMORY_BYTES = 6 << 30  # address space: a QEMU reserves a lot of it
COMPILER_BYTES = 1 << 30
OUTPUT_BYTES = 1 << 20  # the last ones are kept
UNSHARE = "unshare -Urmnpif --kill-child".split()

# Arguments: the future root; the number of folders that are shown, and these;
# then the command. / is read-only but for these folders. A bind mount is a
# mount of its own, so making the one below read-only does not change it.
SCRIPT = """set -e
root=$1; n=$2; shift 2
mount -t tmpfs -o size=1m,mode=755 none "$root"
show() { mkdir -p "$root$1"; mount --bind "$1" "$root$1"; }
show /usr
mount -o remount,bind,ro "$root/usr"
for place in /bin /sbin /lib /lib32 /lib64; do
    [ ! -L $place ] || cp -P $place "$root$place"
done
mkdir "$root/proc" "$root/dev" "$root/dev/shm" "$root/etc" "$root/tmp"
[ ! -d /etc/alternatives ] || { show /etc/alternatives
    mount -o remount,bind,ro "$root/etc/alternatives"; }
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=64m none "$root/dev/shm"
for node in null zero full random urandom; do
    : > "$root/dev/$node"; mount --bind /dev/$node "$root/dev/$node"
done
while [ "$n" -gt 0 ]; do show "$1"; shift; n=$((n - 1)); done
mount -o remount,ro "$root"
cd "$root"
pivot_root . .
umount -l .
cd "$FOLDER"
exec "$@"
"""


class Late(Exception):
    """The command was not done in time."""


def available() -> bool:
    done = subprocess.run([*UNSHARE, "true"], capture_output=True)
    return done.returncode == 0


def run(words: list[str], folder: Path, shown: list[Path], seconds: float,
        environment: dict[str, str], user: str = "",
        memory_bytes: int = MEMORY_BYTES) -> subprocess.CompletedProcess:
    """Run a command in `folder`, which it may write, like those in `shown`;
    Late after `seconds` (patience.py). user: instead of namespaces."""
    kept = [str(place.resolve()) for place in (folder, *shown)]

    def limit() -> None:
        cpu = round(CPU_SECONDS * SLOWNESS)
        for what, most in ((resource.RLIMIT_CPU, cpu),
                           (resource.RLIMIT_AS, memory_bytes),
                           (resource.RLIMIT_FSIZE, FILE_BYTES),
                           (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(what, (most, most))

    with tempfile.TemporaryDirectory(prefix="baton-root-") as root, \
            tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            _as_user(user, words, folder) if user else
            [*UNSHARE, "sh", "-c", SCRIPT, "sh", root, str(len(kept)), *kept,
             *words],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, preexec_fn=limit,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8",
                 "HOME": kept[0], "TMPDIR": kept[0], "FOLDER": kept[0],
                 "SLOWNESS": str(SLOWNESS), **environment})
        try:
            patiently(seconds, lambda s: child.wait(timeout=s),
                      subprocess.TimeoutExpired)
        except subprocess.TimeoutExpired:
            raise Late from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.seek(max(0, output.seek(0, 2) - OUTPUT_BYTES))
        said = output.read().decode(errors="replace")
    return subprocess.CompletedProcess(words, child.returncode, said)


def _as_user(user: str, words: list[str], folder: Path) -> list[str]:
    """The command with another user's rights, who gets the folder."""
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user)
    folder.parent.chmod(0o711)
    return ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups",
            "--no-new-privs", *words]


def must_be_available() -> None:
    if not available():
        raise cli.Trouble(
            "unshare(1) cannot make namespaces here, so what students have "
            "written could read this machine's files while it is compiled "
            "(a kernel with user namespaces, or root, is needed; in a "
            "container: --user nobody)")
