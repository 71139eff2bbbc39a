"""A plugin of pytest: collects the tests once, then runs chosen ones on demand.

MUTATING_LINK in the environment is the number of a socket. Each line on it is
a request in JSON: names of tests or of their files, a limit in seconds of
processor time, and whether to stop at the first failure. A forked child runs
them, so no test sees what another request has left in memory. The answer is a
list: the tests that failed, and how many were run. A test that crashes, or takes
HANGS seconds of processor time by itself, in C, is one that failed.
"""

import json
import os
import resource
import signal
import socket
import time
from collections import defaultdict
from contextlib import suppress

import pytest

HANGS = 60  # those of its machines do not count: they are other processes

failed: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    items, modules = {}, defaultdict(list)
    for item in session.items:
        items[item.nodeid] = item
        modules[item.nodeid.partition("::")[0]].append(item)
    with socket.socket(fileno=int(os.environ["MUTATING_LINK"])) as link, \
            link.makefile("rw") as lines:
        print("ready", file=lines, flush=True)
        for line in lines:
            names, limit, first = json.loads(line)
            known = [item for name in names for item in
                     ([items[name]] if name in items else modules[name])]
            print(in_child(known, limit, first), file=lines, flush=True)
    return True


def in_child(items, limit: float, first: bool) -> str:
    """The answer of a child; an empty line if it left, or was killed from
    outside. It says which test it begins, each on a line, and then its answer.
    """
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(source)
        try:
            os.write(sink, json.dumps(run(items, limit, first, sink)).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(sink)
    with open(source) as answers:
        said = answers.read().splitlines()
    status = os.waitpid(child, 0)[1]
    with suppress(ProcessLookupError):  # a test may have left machines
        os.killpg(child, signal.SIGKILL)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        return json.dumps([said[-1:], len(said)])
    return said[-1] if status == 0 else ""


def run(items, limit: float, first: bool, sink: int) -> tuple[list[str], int]:
    began, done = used(), 0
    for item, following in zip(items, [*items[1:], None]):
        os.write(sink, f"{item.nodeid}\n".encode())
        resource.setrlimit(resource.RLIMIT_CPU, (
            int(time.process_time()) + HANGS, resource.RLIM_INFINITY))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        done += 1
        if failed and first or limit and used() - began > limit:
            break
    return sorted(set(failed)), done


def used() -> float:
    """Seconds of processor time, of this process and of children that ended."""
    times = [resource.getrusage(who) for who in
             (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(time.ru_utime + time.ru_stime for time in times)


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(report.nodeid)
