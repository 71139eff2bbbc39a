"""Time limits for a program on a busy host.

A limit in wall time stops a healthy machine if the host is busy. So
time does not count while a thread is ready and only waits for a processor,
which Linux measures for each thread (/proc/PID/schedstat). A program that
computes for ever reaches its limit, and so does one that sleeps for ever, but
not one that waits for a processor. SLOWNESS=3 in the environment is for a host
that is slow for other reasons: it makes every limit three times as long.
"""

import resource
import time
from contextlib import suppress
from pathlib import Path

from . import cli

SLOWNESS = cli.variable("SLOWNESS", cli.factor, "1")
AT_ONCE = 0.25  # seconds; most answers come earlier

NANOSECONDS = 1e-9


def threads(pid: str = "self"):
    """Folders in /proc: the threads of a process and of its descendants."""
    with suppress(OSError):  # a process may end meanwhile
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield thread
            for child in (thread / "children").read_text().split():
                yield from threads(child)


def delays(pid: str = "self") -> dict[str, float]:
    """Seconds for which each thread of a process and of its descendants has
    waited for a processor."""
    found = {}
    for thread in threads(pid):
        with suppress(OSError):
            delay = (thread / "schedstat").read_text().split()[1]
            found[thread.name] = int(delay) * NANOSECONDS
    return found


class Watch:
    """A limit in seconds, for a process and its descendants: by default this
    one. Of a process that computes, it is a limit of processor time."""

    def __init__(self, limit: float, pid: str = "self"):
        self.limit, self._pid = limit * SLOWNESS, pid
        self._began, self._delays = time.monotonic(), delays(pid)

    def left(self) -> float:
        """Seconds to wait before asking again; 0 if the limit is reached."""
        left = self.limit - (time.monotonic() - self._began)
        if left <= 0:
            left += max((delay - self._delays.get(thread, 0)
                         for thread, delay in delays(self._pid).items()),
                        default=0)
        return max(left, 0)


def patiently(limit: float, wait, late: type[Exception] = TimeoutError):
    """wait(seconds), repeated for as long as it raises `late` before `limit`
    is reached; then `late` is passed on."""
    with suppress(late):
        return wait(AT_ONCE)
    watch = Watch(limit)
    while True:
        try:
            return wait(watch.left() or AT_ONCE)
        except late:
            if not watch.left():
                raise


def cpu_limit(seconds: float):
    """For a child, as preexec_fn: SIGXCPU after so much processor time."""
    soft = round(seconds * SLOWNESS)
    return lambda: resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + 5))
