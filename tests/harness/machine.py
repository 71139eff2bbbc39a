"""The machine, running: its serial lines, its events, and how it ended.

One loop waits for bytes on the serial line and for messages on QMP, and never
sleeps; when both are closed, the process is at its end. A machine that says
nothing for STALL seconds, or is not done after TOTAL, is stopped. It is a
context manager, and QEMU never outlives it, not even when Python is killed.
"""

import ctypes
import json
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import media, paths, qemu, rsp
from .events import Event, clean, missing, parse

# Hang detectors, not performance targets: a run takes 3 to 6 seconds.
SLOWNESS = float(os.environ.get("SLOWNESS", "1"))
STALL = 45 * SLOWNESS
TOTAL = 150 * SLOWNESS

# What isa-debug-exit makes of the value v that the kernel writes: 2v + 1.
EXIT = {"pass": 33, "fail": 35, "refused": 37, "none": 39}


@dataclass(frozen=True)
class End:
    """How a machine ended, told from outside.

    `how` is one of
        debug-exit       the kernel wrote to isa-debug-exit; `code` says what
        guest-shutdown   powered off (with us: ResetSystem through the firmware)
        guest-reset      reset, which -no-reboot turns into an exit
        triple-fault     reset by a triple fault: QEMU exits with 0 for this!
        stopped          by us, while it was still running as it should
        stalled          by us, because it said nothing or did not finish
        died             QEMU failed
    """

    how: str
    code: int = 0

    def __str__(self) -> str:
        return f"{self.how} (exit code {self.code})"


@dataclass
class Run:
    """What is left of a machine: everything that a check may look at."""

    home: Path
    config: qemu.Config
    lines: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    end: End | None = None
    flash: bytes | None = field(default=None, repr=False)  # after power-off

    def add(self, line: str) -> Event | None:
        """Take in one line of the serial log."""
        self.lines.append(line)
        event = parse(line)
        if event:
            self.events.append(event)
        return event

    @classmethod
    def load(cls, home: Path, config: qemu.Config, end: End) -> "Run":
        """A run of another process, from what it left behind."""
        run = cls(home, config, end=end, flash=flash_of(home))
        for line in (home / "serial.log").read_bytes().splitlines():
            run.add(clean(line))
        return run

    def all(self, name: str, **fields) -> list[Event]:
        return [e for e in self.events if e.matches(name, **fields)]

    def one(self, name: str, **fields) -> Event:
        """The only such event; anything else fails with a report."""
        hits = self.all(name, **fields)
        problem = f"{len(hits)} of these instead of one: {Event(name, fields)}"
        assert len(hits) == 1, problem
        return hits[0]

    def expect(self, *story) -> None:
        """Assert that the events of `story` came, in this order."""
        problem = missing(self.events, list(story))
        assert problem is None, problem

    def report(self, tail: int = 40) -> str:
        """All that is needed to look into a failure."""
        last = "\n".join(f"  | {line}" for line in self.lines[-tail:])
        errors = (self.home / "qemu.err").read_text(errors="replace").strip()
        return (
            f"the end of {self.home}/serial.log:\n{last}\n\n"
            f"kernel command line: {self.config.cmdline}\n"
            f"the machine ended:   {self.end}\n"
            f"QEMU's own errors:   {errors or 'none'}\n"
            f"again:               sh {self.home}/qemu.cmd\n"
            f"left behind in:      {self.home}"
        )


class Machine:
    """A QEMU process. `with Machine(...) as machine: machine.finish()`."""

    live: set["Machine"] = set()  # those whose process may still run

    def __init__(self, home: Path, config: qemu.Config, **contents):
        self._lock = paths.hold(home)  # nobody else may use this directory
        prepare(home, config, **contents)
        self.run = Run(home, config)
        self._pending = b""
        self._fresh: list[Event] = []
        self._reason = ""
        self._started = self._heard = time.monotonic()
        self._process = _spawn(home, qemu.command(config))
        self._selector = selectors.DefaultSelector()
        self._qmp = None
        self._listen(self._process.stdout, self._on_serial)
        Machine.live.add(self)

    def __enter__(self):
        try:
            self._open_qmp()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    # Waiting

    def events(self):
        """Every event as it comes, until the machine has ended."""
        while True:
            while self._fresh:
                yield self._fresh.pop(0)
            if self.run.end:
                return
            self._pump()

    def wait_for(self, name: str, **fields) -> Event:
        """Go on until this event comes."""
        for event in self.events():
            if event.matches(name, **fields):
                return event
        raise AssertionError(
            f"the machine ended without {Event(name, fields)}: {self.run.end}")

    def finish(self) -> Run:
        """Go on until the machine ends by itself."""
        for _ in self.events():
            pass
        return self.run

    # Acting

    def ask(self, command: str, **arguments) -> None:
        """Send a QMP command."""
        message = {"execute": command, "arguments": arguments}
        self._qmp.sendall(json.dumps(message).encode() + b"\n")

    def debugger(self) -> rsp.Debugger:
        """Attach from outside; the machine stands still from here on."""
        link = open_socket(self.run.home / "gdb.sock", self._process)
        return rsp.Debugger(link)

    def stop(self, how: str = "stopped") -> Run:
        """End the process if it has not ended; always safe to call."""
        Machine.live.discard(self)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._finished(how)
        self._selector.close()
        self._process.stdout.close()
        if self._qmp:
            self._qmp.close()
        self._lock.close()
        return self.run

    @classmethod
    def kill_all(cls) -> None:
        """From any thread: whoever waits for one of them sees its end."""
        for machine in list(cls.live):
            machine._process.kill()

    # The loop

    def _listen(self, source, handler) -> None:
        self._selector.register(source, selectors.EVENT_READ, handler)

    def _pump(self) -> None:
        """Wait for something to happen, and take it in."""
        now = time.monotonic()
        deadline = min(self._heard + STALL, self._started + TOTAL)
        ready = self._selector.select(max(0, deadline - now))
        if not ready:
            self.stop("stalled")
            return
        for key, _ in ready:
            key.data(key.fileobj)
        if not self._selector.get_map():
            self._finished(self._how(self._process.wait()))

    def _on_serial(self, pipe) -> None:
        data = os.read(pipe.fileno(), 65536)
        if not data:
            self._selector.unregister(pipe)
            return
        self._heard = time.monotonic()
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            event = self.run.add(clean(line))
            if event:
                self._fresh.append(event)

    def _open_qmp(self) -> None:
        self._qmp = open_socket(self.run.home / "qmp.sock", self._process)
        if self._qmp:
            self._qmp_lines = b""
            self.ask("qmp_capabilities")
            self._listen(self._qmp, self._on_qmp)

    def _on_qmp(self, connection) -> None:
        data = b""
        with suppress(ConnectionResetError):
            data = connection.recv(65536)
        if not data:
            self._selector.unregister(connection)
            return
        *lines, self._qmp_lines = (self._qmp_lines + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message.get("event") == "SHUTDOWN":
                self._reason = message["data"]["reason"]

    def _finished(self, how: str) -> None:
        """Note how it ended, once, and the last line if it has no end."""
        if self.run.end:
            return
        self.run.end = End(how, self._process.wait())
        self.run.flash = flash_of(self.run.home)
        if self._pending:
            self.run.lines.append(clean(self._pending))

    def _how(self, code: int) -> str:
        if code in EXIT.values():
            return "debug-exit"
        if code:
            return "died"
        log = self.run.home / "qemu.log"
        if log.exists() and b"Triple fault" in log.read_bytes():
            return "triple-fault"
        return self._reason or "died"


def flash_of(home: Path) -> bytes | None:
    """The flash file of a run, if its machine has one."""
    path = home / "vars.fd"
    return path.read_bytes() if path.exists() else None


def prepare(home: Path, config: qemu.Config, kernel: Path = paths.KERNEL,
            bundle: Path | None = paths.BUNDLE,
            iso: Path = paths.ISO) -> None:
    """Fill the directory of a run with all that its command line names."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if config.medium == "disk":
        media.disk(home / "disk.img", config.cmdline, kernel, bundle)
    else:
        (home / "baton.iso").symlink_to(iso.resolve())
    if config.has_flash:
        shutil.copy(qemu.VARS, home / "vars.fd")
    (home / "qemu.cmd").write_text(qemu.script(config))


@contextmanager
def background(home: Path, config: qemu.Config):
    """A machine that nobody listens to: for a debugger to attach to."""
    with paths.hold(home, wait=False):
        prepare(home, config)
        process = _spawn(home, qemu.command(config), subprocess.DEVNULL)
        try:
            with open_socket(home / "qmp.sock", process) as link:
                link.recv(1)  # QMP's greeting: all sockets are there by now
                yield
        finally:
            process.kill()
            process.wait()


def open_socket(path: Path, process: subprocess.Popen) -> socket.socket | None:
    """Connect to QEMU, which makes its sockets some milliseconds after its
    start. None if it exited instead."""
    exits = os.pidfd_open(process.pid)
    folder = os.open(path.parent, os.O_PATH)
    short = f"/proc/self/fd/{folder}/{path.name}"  # a socket's limit is 107
    try:
        while not select.select([exits], [], [], 0.005)[0]:
            link = socket.socket(socket.AF_UNIX)
            with suppress(FileNotFoundError, ConnectionRefusedError):
                link.connect(short)
                return link
            link.close()
        return None
    finally:
        os.close(exits)
        os.close(folder)


def _spawn(home: Path, words: list[str],
           serial=subprocess.PIPE) -> subprocess.Popen:
    return subprocess.Popen(
        words,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=serial,
        stderr=open(home / "qemu.err", "wb"),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def die_with_parent() -> None:
    """In the child: SIGKILL when the parent is gone (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
