"""A place for daemons that are started by their clients: folders, environment, and the end of whatever was started there."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from sidecar.client import ndjson
from tests.support import processes
from tests.support.daemon import PROJECT
from tests.support.waiting import PATIENCE_S, eventually_sync

SMALL_DAEMON = PROJECT / "tests" / "support" / "small_daemon.py"


class Place:
    """One runtime folder and one state folder below `base`.

    Attributes:
        env: for clients and daemons; autostart is allowed here.
    """

    def __init__(self, base: Path, *, mark: str | None = None) -> None:
        self.base = base
        self.runtime = base / "r"
        self.state = base / "s"
        self.socket = self.runtime / "daemon.sock"
        self.reader = self.runtime / "reader.sock"
        self.mark = mark or uuid.uuid4().hex
        self.runtime.mkdir(mode=0o700, parents=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(base),
            "PYTHONPATH": str(PROJECT),
            "SIDECAR_SOCKET": str(self.socket),
            "SIDECAR_STATE_DIR": str(self.state),
            processes.MARK: self.mark,
        }

    @staticmethod
    def argv(**options: object) -> tuple[str, ...]:
        """The command of a small daemon; see `small_daemon.DEFAULTS`."""
        return (sys.executable, "-P", str(SMALL_DAEMON), *(f"{name}={value}" for name, value in options.items()))

    def client(self, **options: object) -> ndjson.Client:
        """A greeted client of the daemon here, started if none runs."""
        return ndjson.connect(env=self.env, argv=self.argv(**options))

    def run(self, **options: object) -> subprocess.Popen[bytes]:
        """A small daemon in the foreground, in a session of its own."""
        return subprocess.Popen(
            self.argv(**options), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )

    def serving(self, **options: object) -> subprocess.Popen[bytes]:
        """The same, once it serves."""
        process = self.run(**options)
        eventually_sync(lambda: process.poll() is not None or answers(self.socket), what="the daemon serves")
        return process

    def starts(self) -> list[int]:
        """Process ids of all daemons that ever held the locks here."""
        file = self.state / "starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def daemons(self) -> dict[int, str]:
        """Living daemons of this place."""
        return {pid: line for pid, line in processes.marked(self.mark).items() if SMALL_DAEMON.name in line}

    def sockets(self) -> list[str]:
        """Names of socket files here, temporary ones too."""
        return sorted(name for name in _names(self.runtime) if _is_socket(self.runtime / name))

    def finish(self) -> None:
        """End what runs, and check that nothing is left."""
        for pid in processes.marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            eventually_sync(lambda: not processes.marked(self.mark), 15, "daemons end when asked to")
        finally:
            for pid in processes.marked(self.mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert not self.sockets(), "no socket file is left"


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait for a process's own end: exit code, output, errors."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


def answers(path: Path) -> bool:
    """Whether somebody listens."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def stale_socket(path: Path) -> None:
    """A socket file that nobody listens on, as a killed daemon leaves it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def _names(folder: Path) -> list[str]:
    """What is in a folder; nothing if it is gone."""
    with suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _is_socket(path: Path) -> bool:
    """Whether a socket is there; a name may go while it is looked at."""
    with suppress(FileNotFoundError):
        return stat.S_ISSOCK(path.lstat().st_mode)
    return False
