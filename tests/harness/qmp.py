"""QMP: commands to QEMU, and events of the machine.

One JSON object per line, in both directions: a command is answered by
`return` or `error`, and events may come in between at any time.
"""

import json
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from .patience import Watch
from .process import open_socket, receive

TIMEOUT = 60  # seconds, for an answer; most come immediately


class Refused(Exception):
    """QEMU refused a command, with a reason."""


class Qmp:
    """One connection. Events that come before an answer are kept.

    patience: seconds after which an answer, or an event that is waited for,
    is late (TimeoutError).
    """

    def __init__(self, link: socket.socket, patience: float = TIMEOUT):
        self.link, self.patience = link, patience
        self.open = True
        self._unread = b""
        self._events: list[dict] = []
        self.execute("qmp_capabilities")

    @classmethod
    def of(cls, home: Path, process: subprocess.Popen,
           patience: float = TIMEOUT) -> "Qmp":
        """Connect to the QEMU that was started in the directory of a run."""
        if link := open_socket(home / "qmp.sock", process):
            with suppress(ConnectionError):
                return cls(link, patience)
        said = (home / "qemu.err").read_text(errors="replace").strip()
        raise ConnectionError(
            "QEMU ended immediately: "
            + (said or f"it gave no reason; see {home}/qemu.cmd"))

    def fileno(self) -> int:
        return self.link.fileno()

    def close(self) -> None:
        self.link.close()

    def execute(self, command: str, **arguments):
        """Execute a command; returns its answer."""
        message = {"execute": command, "arguments": arguments}
        with suppress(BrokenPipeError):
            self.link.sendall(json.dumps(message).encode() + b"\n")
        while self.open:
            for answer in self._receive():
                if "error" in answer:
                    raise Refused(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        raise ConnectionError(f"QEMU ended before it answered {command}")

    def human(self, line: str) -> str:
        """The output of QEMU's human monitor for a command."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def wait(self, name: str, **data) -> dict:
        """Waits for this event; others before it are dropped, however many
        come: a machine that is reset again and again sends one each time."""
        watch = Watch(self.patience)
        while self.open or self._events:
            for event in self.events():
                if event["event"] == name and data.items() <= event.get(
                        "data", {}).items():
                    return event.get("data", {})
            if not watch.left():
                raise TimeoutError(f"no {name} {data} within "
                                   f"{watch.limit:.0f} s")
            self._receive()
        raise ConnectionError(f"QEMU ended without {name} {data}")

    def events(self) -> list[dict]:
        """The events that have come, each once."""
        came, self._events = self._events, []
        return came

    def take_in(self) -> list[dict]:
        """Read the available input; returns the events in it."""
        self._receive()
        return self.events()

    def _receive(self) -> list[dict]:
        """Read once. Returns answers, keeps events."""
        data = b""
        with suppress(ConnectionResetError):
            data = receive(self.link, self.patience)
        self.open = bool(data)
        *lines, self._unread = (self._unread + data).split(b"\n")
        messages = [json.loads(line) for line in lines if line.strip()]
        self._events += [m for m in messages if "event" in m]
        return [m for m in messages if "event" not in m]
