"""The machine, running: its serial lines, its events, and how it ended.

One loop waits for bytes on the serial line and for messages on QMP, and never
sleeps; when both are closed, the process has ended. A machine that prints
nothing for STALL seconds, or has not ended after TOTAL, is stopped (patience.py
defines which time counts). It is a context manager, and QEMU never outlives
it, even if Python is killed.
"""

import dataclasses
import difflib
import json
import os
import re
import selectors
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import autopsy, cli, media, paths, qemu, rsp, saved, screen, tape
from .events import Event, clean, missing, parse
from .patience import AT_ONCE, Watch
from .process import open_socket, spawn
from .qmp import Qmp, Refused

# Hang detectors, not performance targets: a run takes 3 to 6 seconds.
STALL = 45
TOTAL = 150

PROMPT = re.compile(r"g[0-9]+> ")  # of the monitor
CORE_BYTES = 1 << 30  # size of the disk for a core: sparse until it is used
AUTOPSY, CONFIG = "autopsy.txt", "config.json"

# isa-debug-exit turns the value v that the kernel writes into 2v + 1.
EXIT = {"pass": 33, "fail": 35, "refused": 37, "none": 39}


@dataclass(frozen=True)
class End:
    """How a machine ended, observed from outside.

    `how` is one of
        debug-exit       the kernel wrote to isa-debug-exit; `code` is the value
        guest-shutdown   powered off (here by the firmware's ResetSystem)
        guest-reset      reset, which -no-reboot turns into an exit
        triple-fault     reset by a triple fault: QEMU exits with 0 for this!
        stopped          by us, while it was still running normally
        stalled          by us, because it printed nothing or did not finish:
                         `why` has the limit
        died             QEMU failed
    """

    how: str
    code: int = 0
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.how} (exit code {self.code})"


@dataclass
class Run:
    """The results of a machine: everything that a test can check."""

    home: Path
    config: qemu.Config
    lines: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    end: End | None = None
    flash: bytes | None = field(default=None, repr=False)  # after power-off
    autopsy: str = field(default="", repr=False)  # if it failed without a message
    symbols: Path = paths.SYMBOLS  # of the kernel that was booted

    def add(self, line: str) -> Event | None:
        """Add one line of the serial log."""
        self.lines.append(line)
        event = parse(line)
        if event:
            self.events.append(event)
        return event

    @classmethod
    def load(cls, home: Path, config: qemu.Config, end: End) -> "Run":
        """A run of another process, from its files."""
        run = cls(home, config, end=end, flash=flash_of(home))
        with suppress(FileNotFoundError):
            run.autopsy = (home / AUTOPSY).read_text()
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

    def expect(self, *wanted) -> None:
        """Assert that the `wanted` events came, in this order."""
        problem = missing(self.events, list(wanted))
        assert problem is None, problem


@dataclass(frozen=True)
class Answer:
    """The output of a command of the monitor."""

    event: Event  # @monitor.command
    lines: list[str]

    @property
    def status(self) -> str:
        return self.event["status"]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Machine:
    """A QEMU process. `with Machine(...) as machine: machine.finish()`.

    patience: seconds without output after which it is considered hung.
    limit: seconds after which it must have ended.
    """

    live: set["Machine"] = set()  # those whose process may still be running

    def __init__(self, home: Path, config: qemu.Config,
                 patience: float = STALL, limit: float = TOTAL, **contents):
        kernel = contents.get("kernel", paths.KERNEL)
        self.run = Run(home, config, symbols=symbols_of(kernel))
        self._pending = b""
        self._fresh: list[Event] = []
        self._reason = ""
        self._patience, self._silence = patience, None
        self._lock = paths.hold(home)  # no other process may use this directory
        try:
            prepare(home, config, **contents)
            self._process = spawn(home, qemu.command(config, watched=True))
            self._total = self._watch(limit)
        except BaseException:
            self._lock.close()
            raise
        self._selector = selectors.DefaultSelector()
        self.qmp = None
        self._listen(self._process.stdout, self._on_serial)
        Machine.live.add(self)

    def __enter__(self):
        try:
            self._open_qmp()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, problem, *_):
        try:
            if problem and issubclass(problem, Exception):
                self._examine()  # a test failed: examine the machine
        finally:
            self.stop()

    # Waiting

    def events(self):
        """Every event as it comes, until the machine has ended."""
        self._silence = None  # a debugger may have stopped it
        while True:
            while self._fresh:
                yield self._fresh.pop(0)
            if self.run.end:
                return
            self._pump()

    def wait_for(self, name: str, **fields) -> Event:
        """Continue until this event comes."""
        for event in self.events():
            if event.matches(name, **fields):
                return event
        raise AssertionError(
            f"the machine ended without {Event(name, fields)}: {self.run.end}")

    def finish(self) -> Run:
        """Continue until the machine ends by itself."""
        for _ in self.events():
            pass
        return self.run

    # Acting

    def type(self, keys: str) -> None:
        """Type on the serial line; the machine reads the bytes when it can.
        """
        self._process.stdin.write(keys.encode())
        self._process.stdin.flush()

    def press(self, *keys: str) -> None:
        """Press keys on the keyboard simultaneously, and release them: by their
        QEMU names."""
        for down, order in (True, keys), (False, keys[::-1]):
            self.qmp.execute("input-send-event", events=[
                {"type": "key", "data": {
                    "down": down, "key": {"type": "qcode", "data": key}}}
                for key in order])

    def nmi(self) -> None:
        """Send an NMI without a reason, as the button of a server does."""
        self.qmp.execute("inject-nmi")

    def hear(self) -> None:
        """Continue until the machine prints anything, even a single letter."""
        before = len(self.run.lines), self._pending
        while before == (len(self.run.lines), self._pending):
            if self.run.end:
                return
            self._pump()

    def at_prompt(self) -> None:
        """Continue until the monitor shows its prompt."""
        while not self.run.end and not PROMPT.fullmatch(clean(self._pending)):
            self._pump()

    def ask(self, line: str) -> "Answer":
        """Type a command at the monitor's prompt and read its output."""
        self.at_prompt()
        echo = len(self.run.lines)
        self.type(f"{line}\r")
        event = self.wait_for("monitor.command")
        return Answer(event, self.run.lines[echo + 1 : -1])

    @property
    def pid(self) -> int:
        return self._process.pid

    def debugger(self, patience: float = rsp.TIMEOUT) -> rsp.Debugger:
        """Attach from outside; this stops the machine."""
        link = open_socket(self.run.home / "gdb.sock", self._process)
        return rsp.Debugger(link, max(patience, self._patience))

    def human(self, line: str) -> str:
        """The output of a command of QEMU's monitor."""
        return self.qmp.human(line)

    def processors(self) -> list[dict]:
        """The instruction pointer of each processor, and if it is halted."""
        text = self.human("info registers -a")
        return [{name: int(value, 16) for name, value in re.findall(
                     r"\b(RIP|EIP|CR0|HLT) ?=([0-9a-f]+)", processor)}
                for processor in text.split("CPU#")[1:]]

    def memory(self, pa: int, size: int) -> bytes:
        """A copy of physical memory."""
        copy = self.run.home / "memory.bin"
        self.qmp.execute("pmemsave", val=pa, size=size, filename=copy.name)
        return copy.read_bytes()

    def screen(self) -> list[str]:
        """The rows of text on its screen; the picture stays in `home`."""
        picture = self.run.home / "screen.ppm"
        self.qmp.execute("screendump", filename=picture.name)
        return screen.read(picture.read_bytes())

    def stop(self, how: str = "stopped", why: str = "") -> Run:
        """End the process if it has not ended; always safe to call."""
        Machine.live.discard(self)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._finished(how, why)
        self._selector.close()
        self._process.stdout.close()
        self._process.stdin.close()
        if self.qmp:
            self.qmp.close()
        self._lock.close()
        return self.run

    def give_up(self, why: str = "") -> Run:
        """End a machine that does not come on, and note where it stands."""
        while ready := self._selector.select(0):  # what it has said so far
            for key, _ in ready:
                key.data(key.fileobj)
        self._examine()
        return self.stop("stalled", why)

    @classmethod
    def kill_all(cls) -> None:
        """From any thread: a thread that waits for one of them sees its end."""
        for machine in list(cls.live):
            machine._process.kill()

    # The loop

    def _listen(self, source, handler) -> None:
        self._selector.register(source, selectors.EVENT_READ, handler)

    def _pump(self) -> None:
        """Wait for input, and process it."""
        wait = self._silence.left() if self._silence else AT_ONCE
        ready = self._selector.select(min(wait, self._total.left()))
        if not ready:
            self._silent()
        for key, _ in ready:
            key.data(key.fileobj)
        if not self.run.end and not self._selector.get_map():
            self._finished(self._how(self._process.wait()))

    def _silent(self) -> None:
        """There was no output for a moment, or for too long."""
        self._silence = self._silence or self._watch(self._patience)
        if not self._silence.left():
            self.give_up(f"no output for {self._silence.limit:.0f} s")
        elif not self._total.left():
            self.give_up(f"no end after {self._total.limit:.0f} s")

    def _watch(self, limit: float) -> Watch:
        """It counts the time of QEMU alone, not of other machines."""
        return Watch(limit, str(self.pid))

    def _on_serial(self, pipe) -> None:
        data = os.read(pipe.fileno(), 65536)
        if not data:
            self._selector.unregister(pipe)
            return
        self._silence = None
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            event = self.run.add(clean(line))
            if event:
                self._fresh.append(event)

    def _open_qmp(self) -> None:
        link = open_socket(self.run.home / "qmp.sock", self._process)
        if not link:
            return
        with suppress(ConnectionError):
            self.qmp = Qmp(link)
            if self.run.config.restored:
                wait_until_restored(self.qmp)
            self._listen(self.qmp, self._on_qmp)

    def _on_qmp(self, qmp: Qmp) -> None:
        for message in qmp.take_in():
            if message["event"] == "SHUTDOWN" and message["data"]["guest"]:
                self._ended(message["data"]["reason"])
        if not qmp.open:
            self._selector.unregister(qmp)

    def _ended(self, reason: str) -> None:
        """It ended itself: it is paused so that it can be examined."""
        self._reason = reason
        if reason != "guest-shutdown":
            self._examine()
        with suppress(ConnectionError):
            self.qmp.execute("quit")

    def _examine(self) -> None:
        """Record what can only be read while the machine exists."""
        if self.qmp and self.qmp.open and not self.run.end:
            home = self.run.home
            self.run.autopsy = autopsy.report(self.qmp, home, self.run.events,
                                              self.run.symbols)
            (home / AUTOPSY).write_text(self.run.autopsy)

    def _finished(self, how: str, why: str = "") -> None:
        """Record how it ended, once, and an incomplete last line."""
        if self.run.end:
            return
        self.run.end = End(how, self._process.wait(), why)
        self.run.flash = flash_of(self.run.home)
        if self._pending:
            self.run.lines.append(clean(self._pending))

    def _how(self, code: int) -> str:
        if code in EXIT.values():
            return "debug-exit"
        if code:
            return "died"
        if tripled(self.run.home):
            return "triple-fault"
        return self._reason or "died"


def symbols_of(kernel: Path) -> Path:
    """The file with the symbols of a kernel, next to it."""
    beside = kernel.with_name(f"{kernel.name}.elf")
    return beside if beside.exists() else paths.SYMBOLS


def tripled(home: Path) -> bool:
    """Was it reset by a triple fault? QEMU's exit status does not show it."""
    log = home / "qemu.log"
    return log.exists() and b"Triple fault" in log.read_bytes()


def wait_until_restored(qmp: Qmp) -> None:
    """A debugger that attaches earlier would see another state.

    From QEMU 10 on the disks of a paused machine stay inactive until QMP's
    `cont`. A debugger's `continue` does not activate them, and QEMU then aborts
    at the first write to flash. Older versions activate them and do not have
    the command.
    """
    if qmp.execute("query-status")["status"] == "inmigrate":
        qmp.wait("MIGRATION", status="completed")
    with suppress(Refused):
        qmp.execute("blockdev-set-active", active=True)


def make_reversible(home: Path, process: subprocess.Popen) -> None:
    """One instruction forwards and back, in a machine that plays a tape: QEMU
    (7.2 and 10 do) crashes if the first thing that it has to do after loading
    a state is to go back."""
    link = open_socket(home / "gdb.sock", process)
    with rsp.Debugger(link) as debugger:
        for step in "s", "bs":
            debugger.command(step)


def prepare(home: Path, config: qemu.Config, kernel: Path = paths.KERNEL,
            bundle: Path | None = paths.BUNDLE, iso: Path = paths.ISO,
            flash: bytes | None = None, medium: Path | None = None) -> None:
    """Fill the directory of a run with all files of its command line. `medium`:
    the disk of another run, as it is."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if config.restored:
        saved.restore(home, config)
    if config.medium == "saved":
        if not config.restored:
            (home / "loader.img").symlink_to(media.loader())
        media.cargo(home / "cargo.img",
                    media.cargo_of(config.words, kernel, bundle,
                                   config.holes, config.sin))
    elif config.medium in ("disk", "core"):
        media.disk(home / "disk.img", config.words, kernel, bundle,
                   config.holes)
    elif config.medium == "memory":
        media.memory(home / "grub.efi", config.words, kernel, bundle)
    elif config.medium == "esp":
        media.esp(home / "disk.img", config.words, bundle, config.sin)
    elif config.medium == "stub":
        (home / "vmlinuz").symlink_to(paths.LINUX / "vmlinuz")
        (home / "linux.cpio").symlink_to(bundle.resolve())
    else:
        (home / "baton.iso").symlink_to(iso.resolve())
    if config.medium == "core":
        with open(home / "core.img", "wb") as core:
            core.truncate(CORE_BYTES)
    if config.has_flash and not config.restored:
        # Its content alone: the file may be read-only.
        shutil.copyfile(config.vars, home / "vars.fd")
    if flash:
        (home / "vars.fd").write_bytes(flash)
    if medium and config.medium in ("saved", "disk", "esp"):
        shutil.copy(medium, home / medium.name)
    if config.tape:
        tape.make_overlays(home, qemu.command(config))
    describe(home, config)


def of_test(test: str) -> Path:
    """The directory of a test's machine, which booted the present kernel, so
    that GDB has the right symbols. `test` may be any form of its name."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", test.rpartition("::")[2]).strip("-")
    known = [path.parent.name for path in paths.RUNS.glob("*/config.json")
             if not path.parent.name.startswith(("debug", "timetravel"))]
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 5, 0.4))
        raise cli.Trouble(f"there is no machine of a test named {name}; "
                          f"similar: {near or 'none (make test)'}")
    medium = medium_of(paths.RUNS / name)
    if not medium or paths.KERNEL.read_bytes() not in medium.read_bytes():
        raise cli.Trouble(f"{paths.KERNEL} is not the kernel that {name} has "
                          "booted, so GDB\nwould have the wrong symbols: run "
                          "the test again, then this")
    return paths.RUNS / name


def prepare_again(home: Path, old: Path) -> qemu.Config:
    """The machine of a former run, from the start, for a debugger."""
    config = dataclasses.replace(
        qemu.Config(**json.loads((old / CONFIG).read_text())), paused=True)
    medium = medium_of(old).resolve()
    prepare(home, config, iso=medium, medium=medium)
    return config


def medium_of(home: Path) -> Path | None:
    """The boot medium of a run, if it still exists."""
    names = ("cargo.img", "disk.img", "baton.iso")
    return next((home / name for name in names if (home / name).exists()),
                None)


def describe(home: Path, config: qemu.Config) -> None:
    """Write the files to start the machine again into the directory."""
    (home / "qemu.cmd").write_text(qemu.script(config))
    (home / CONFIG).write_text(json.dumps(dataclasses.asdict(config)))


@contextmanager
def background(home: Path, config: qemu.Config, prepared: bool = False):
    """A machine without a reader of its output, for a debugger."""
    with paths.hold(home, wait=False):
        if not prepared:
            prepare(home, config)
        process = spawn(home, qemu.command(config), subprocess.DEVNULL)
        try:
            qmp = Qmp.of(home, process)
            wait_until_restored(qmp)
            qmp.close()
            if config.tape:
                make_reversible(home, process)
            yield
        finally:
            process.kill()
            process.wait()


def flash_of(home: Path) -> bytes | None:
    """The flash file of a run, if its machine has one."""
    path = home / "vars.fd"
    return path.read_bytes() if path.exists() else None
