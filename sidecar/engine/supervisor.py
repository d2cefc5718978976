"""How a supervisor is called, and the folder of each run: `<state>/run/<id>/` (design 3.8).

Owns the run folder's files and the supervisor's command line. Blocking: called in spawn threads and at the daemon's
start, never on the loop.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from sidecar.engine import proc
from sidecar.errors import NotInstalled

_S = TypeVar("_S", bound=msgspec.Struct)

# Asked once: sysconfig works out all its paths for each question.
_BESIDE = (sysconfig.get_path("scripts"), os.path.dirname(sys.executable))

OWN_VARIABLES = ("SIDECAR_SOCKET", "SIDECAR_RUN", "SIDECAR_NO_AUTOSTART", "SIDECAR_CALL")
"""Said by us to what we start; never inherited from whoever started the daemon."""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """The intent of a run, written before anything starts. `started_at` is Unix time in seconds."""

    id: str
    argv: list[str]
    cwd: str
    detached: bool
    started_at: float
    boot_id: str


class Exit(msgspec.Struct, frozen=True, rename="camel"):
    """How a run's direct child ended, written by its supervisor when the whole tree was dead. Unix time in seconds."""

    code: int | None
    signal: int | None
    finished_at: float


class Identity(msgspec.Struct, frozen=True, rename="camel"):
    """Who supervises; valid only while the run's lock is held."""

    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @classmethod
    def create(cls, state_dir: Path, argv: Sequence[str], cwd: str, *, detached: bool) -> RunFolder:
        """A new folder with its intent. A detached run must survive a crash of the machine as `lost`: synced."""
        folder = cls(state_dir / "run" / f"r{secrets.token_hex(8)}")
        folder.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.path.mkdir(mode=0o700)
        meta = Meta(folder.run_id, [_text(arg) for arg in argv], _text(cwd), detached, time.time(), proc.boot_id())
        try:
            folder._commit(msgspec.json.encode(meta), sync=detached)
        except OSError:
            folder.remove()
            raise
        return folder

    def _commit(self, intent: bytes, *, sync: bool) -> None:
        part = self.path / "meta.json.part"
        with open(part, "wb", opener=_private) as file:
            file.write(intent)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.rename(self.path / "meta.json")

    def lock(self) -> int | None:
        """Take the run's flock; its descriptor, or None when somebody holds it: the run is alive."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def is_alive(self) -> bool:
        """Whether the run's lock is held."""
        fd = self.lock()
        if fd is not None:
            os.close(fd)
        return fd is None

    def meta(self) -> Meta | None:
        """The intent; None if it was never committed."""
        return _read(self.path / "meta.json", Meta)

    def exit(self) -> Exit | None:
        """How it ended; None if nobody could say."""
        return _read(self.path / "exit.json", Exit)

    def identity(self) -> Identity | None:
        """Who supervises it."""
        return _read(self.path / "supervisor.json", Identity)

    def open_output(self, name: str) -> int:
        """The file of a detached run's `stdout` or `stderr`, for appending."""
        return os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def remove(self) -> None:
        """Delete it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def find_binary() -> str:
    """The supervisor: `$SIDECAR_SUPERVISOR`, else beside this Python, else on PATH.

    Raises:
        NotInstalled: it is nowhere.
    """
    named = os.environ.get("SIDECAR_SUPERVISOR")
    beside = [os.path.join(folder, proc.SUPERVISOR) for folder in _BESIDE]
    for path in [named] if named else beside:
        if os.access(path, os.X_OK):
            return path
    on_path = None if named else shutil.which(proc.SUPERVISOR)
    if on_path is None:
        raise NotInstalled(f"{named or proc.SUPERVISOR} was not found", hint="Install the sidecar-daemon wheel again, or build it with `make build`.")
    return on_path


def command_line(binary: str, folder: RunFolder, lock_fd: int, control_fd: int, grace_s: float, detached: bool, argv: Sequence[str]) -> list[str]:
    """The supervisor's arguments; what stands after `--` is the program's and is never read as an option (features C4)."""
    own = ["--run", str(folder.path), "--lock", str(lock_fd), "--control", str(control_fd), "--grace-ms", str(round(grace_s * 1e3))]
    return [binary, *own, *(["--detached"] if detached else []), "--", *argv]


def environment(overlay: Mapping[str, str] | None, socket_path: str, run_id: str) -> dict[str, str]:
    """The daemon's environment, `overlay` over it, and our marks over both.

    `SIDECAR_CALL` may only come from the overlay: one in the daemon's own environment is of somebody else's call.
    """
    env = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    return env | dict(overlay or {}) | {"SIDECAR_SOCKET": socket_path, "SIDECAR_RUN": run_id, "SIDECAR_NO_AUTOSTART": "1"}


def _read(path: Path, kind: type[_S]) -> _S | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=kind)
    return None


def _text(value: str) -> str:
    # Arguments and folders may hold bytes that are no UTF-8 (surrogate escapes); the intent is JSON, for people.
    return value.encode("utf-8", "backslashreplace").decode()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
