"""The two locks that a daemon holds for life: `daemon.lock` beside its socket, `owner.lock` in its state folder (design 3.2).

One daemon a socket folder, and one a state folder: the runtime folder can be recreated under a living daemon, where a second
flock would succeed. A lock is its flock, never its file: files are not unlinked, and what they say is for people and starters.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass

from sidecar.client import address, dial, ndjson
from sidecar.errors import ConnectionEnded, Failed, SidecarError

# How long a starter waits for an owner that does not answer: it may be leaving (design 3.2).
LEAVING_S = 5.0
_POLL_S = 0.05
_OWNER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock: process id, start time in seconds since the epoch, and the socket it serves."""

    pid: int
    started_at: float
    socket: str

    def as_line(self) -> bytes:
        """What the lock's file says."""
        return json.dumps({"pid": self.pid, "startedAt": self.started_at, "socket": self.socket}).encode() + b"\n"


class Lock:
    """One lock file, held until `release`. Its descriptor is close-on-exec, so that no child holds it for us."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    def is_in_place(self) -> bool:
        """Whether the file that we hold is still the one that others would lock."""
        try:
            ours, there = os.fstat(self._fd), os.lstat(self.path)
        except OSError:
            return False  # gone, or its folder is
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Give it up; the file stays."""
        os.close(self._fd)


def try_lock(path: str, owner: Owner) -> Lock | None:
    """The lock at `path`, now in the name of `owner`; None while somebody else holds it.

    Raises:
        Failed: the file cannot be opened or written.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Failed(f"the lock {path} cannot be opened: {error.strerror}", hint="Check that its folder is yours and writable.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, owner.as_line(), 0)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError as error:
        os.close(fd)
        raise Failed(f"the lock {path} cannot be written: {error.strerror}", hint="Is the disk full? See `sidecar doctor`.") from error
    return Lock(path, fd)


def read_owner(path: str) -> Owner | None:
    """Who the file at `path` names; None if it does not, or not yet. It says nothing about whether the lock is held."""
    try:
        with open(path, "rb") as file:
            said = json.loads(file.read(_OWNER_BYTES))
        return Owner(int(said["pid"]), float(said["startedAt"]), str(said["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(path: str) -> bool:
    """Whether some process holds the lock at `path` now; for `doctor`, which must not take it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@dataclass(slots=True)
class Claim:
    """Both locks, and the paths they stand for; `release` is the last thing that a daemon does."""

    socket: str
    state_dir: str
    owner: Owner
    folder_lock: Lock
    state_lock: Lock

    def renew_folder(self) -> bool:
        """Make the runtime folder and its lock again if they are gone; False: another daemon holds that lock now.

        Raises:
            SidecarError: the folder cannot be made, or is no longer ours.
        """
        address.make_folder(os.path.dirname(self.socket))
        if self.folder_lock.is_in_place():
            return True
        lock = try_lock(self.folder_lock.path, self.owner)
        if lock is None:
            return False
        self.folder_lock.release()
        self.folder_lock = lock
        return True

    def release(self) -> None:
        """Let the next daemon in."""
        self.folder_lock.release()
        self.state_lock.release()


def claim(socket: str, state_dir: str, *, leaving_s: float = LEAVING_S) -> Claim | Owner:
    """Take both locks for a daemon that will serve `socket`; blocks, so call it before there is a loop.

    An `Owner` in their place is a living daemon that serves `socket` already: nothing to start, and nothing wrong.

    The state's lock comes first: a starter that holds the folder's while it waits for the state's owner would keep that owner
    from publishing again in a folder that was recreated.

    Args:
        leaving_s: seconds to wait for an owner that cannot be reached.

    Raises:
        Failed: another daemon owns the state or the folder; the message names its pid and its socket.
    """
    address.make_state_dir(state_dir)
    address.make_folder(os.path.dirname(socket))
    owner = Owner(os.getpid(), round(time.time(), 3), socket)
    ends_at = time.monotonic() + leaving_s
    state_lock = _wait_for(os.path.join(state_dir, "owner.lock"), owner, ends_at, f"the state folder {state_dir}")
    if isinstance(state_lock, Owner):
        return state_lock
    try:
        folder_lock = _wait_for(os.path.join(os.path.dirname(socket), "daemon.lock"), owner, ends_at, f"the folder of {socket}")
    except BaseException:
        state_lock.release()
        raise
    if isinstance(folder_lock, Owner):
        state_lock.release()
        return folder_lock
    return Claim(socket, state_dir, owner, folder_lock, state_lock)


def _wait_for(path: str, owner: Owner, ends_at: float, what: str) -> Lock | Owner:
    """The lock, or the living owner who serves the socket that `owner` wants to serve."""
    while True:
        if lock := try_lock(path, owner):
            return lock
        other = read_owner(path)
        if other and _republished(other, owner.socket, what):
            return other
        if time.monotonic() > ends_at:
            raise _owned(what, other, "it does not answer; it may be leaving, or stuck")
        time.sleep(_POLL_S)


def _republished(other: Owner, wanted: str, what: str) -> bool:
    """Ask the owner to publish its socket again. False: it cannot be reached.

    Raises:
        Failed: it lives, and serves another socket than the wanted one.
    """
    try:
        with ndjson.Client(dial.dial(other.socket, timeout_s=1.0)) as client:
            client.request("sidecar/publish", timeout_s=1.0)
    except (OSError, ConnectionEnded):
        return False
    except SidecarError as error:
        if error.kind in ("shuttingDown", "timeout"):
            return False
        # Any other answer, an older daemon's "unknown method" too, comes from one that lives and stays.
    if other.socket != wanted:
        raise _owned(what, other, "it is alive and serves another socket")
    return True


def _owned(what: str, other: Owner | None, why: str) -> Failed:
    if other is None:
        return Failed(f"{what} is locked by another process, which has not said who it is", hint="Find it with `fuser` on the lock file; see `sidecar doctor`.")
    return Failed(
        f"{what} is owned by the daemon with pid {other.pid}, socket {other.socket}: {why}",
        hint=f"Use it with SIDECAR_SOCKET={other.socket}, end it, or set SIDECAR_STATE_DIR and SIDECAR_SOCKET to folders of their own.",
        pid=other.pid,
        socket=other.socket,
    )
