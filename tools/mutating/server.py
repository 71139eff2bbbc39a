"""A plugin of pytest: collects the tests once, then runs chosen ones on demand.

MUTATING_LINK in the environment is the number of a socket. Each line on it is
a request in JSON: names of tests or of their files, a limit in seconds of
processor time, and whether to stop at the first failure. A forked child runs
them, so no test sees what another request has left in memory. The answer is a
list: the tests that failed, and how many were run.
"""

import json
import os
import resource
import signal
import socket
from collections import defaultdict
from contextlib import suppress

import pytest

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
    """The answer of a child; an empty line if it died."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(source)
        try:
            answer = run(items, limit, first)
            os.write(sink, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(sink)
    with open(source) as answers:
        answer = answers.read()
    with suppress(ProcessLookupError):  # a test may have left machines
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return answer


def run(items, limit: float, first: bool) -> tuple[list[str], int]:
    began, done = used(), 0
    for item, following in zip(items, [*items[1:], None]):
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
