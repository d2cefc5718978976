"""Putting a listening socket under its name: bound beside it, renamed over it, so that it is never missing and never stolen.

It never decides who may serve: its caller holds the locks (`locks.Claim`). Source: design 3.2, field-notes 1.4.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat

from sidecar.client import dial
from sidecar.errors import Conflict, Failed, SidecarError

# One number for a burst of starters: 100 of them connect before the loop accepts the first.
BACKLOG = 1024
_TEMPORARY = re.compile(r"\.[0-9a-f]{1,7}$")


class Listener:
    """A listening socket and the inode that stands for it under `path`."""

    def __init__(self, path: str, sock: socket.socket, inode: tuple[int, int]) -> None:
        self.path = path
        self.sock = sock
        self._inode = inode
        self._aside: str | None = None

    def published(self) -> bool | None:
        """True: our inode is under `path`. None: nothing is. False: somebody else's is."""
        found = _inode(self.path)
        return None if found is None else found == self._inode

    def withdraw(self) -> None:
        """Rename the socket away, so that no new client finds it; who has connected stays in the queue."""
        if self.published():
            self._aside = _temporary(self.path)
            os.rename(self.path, self._aside)

    def restore(self) -> None:
        """Rename the same inode back: an unlinked socket cannot be linked again (design 3.2)."""
        if self._aside is not None:
            os.rename(self._aside, self.path)
            self._aside = None

    def close(self) -> None:
        """Stop listening and remove our own name, no other's."""
        self.withdraw()
        self.sock.close()
        if self._aside is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._aside)
            self._aside = None


def publish(path: str) -> Listener:
    """Listen under `path`; only for the holder of its folder's lock.

    Raises:
        Conflict: a living process that is no daemon of ours listens there.
        Failed: something that is no socket is there, or the folder cannot be written.
    """
    _check_free(path)
    temporary = _temporary(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        _remove_leftovers(path)
        os.fchmod(sock.fileno(), 0o600)  # on Linux bind takes the file's mode from the socket; the process umask stays alone
        sock.bind(temporary)
        sock.listen(BACKLOG)
        os.chmod(temporary, 0o600)  # where bind does not (macOS): the folder's 0700 has guarded it until here
        inode = _inode(temporary)
        os.rename(temporary, path)
    except OSError as error:
        sock.close()
        raise Failed(f"the socket {path} cannot be made: {error.strerror}", hint="Check that its folder is yours, writable and not full.") from error
    if inode is None:
        raise Failed(f"the socket {path} vanished while it was made", hint="Does something clean its folder up? Try again.")
    return Listener(path, sock, inode)


def _check_free(path: str) -> None:
    """What is under the name must be nothing, or a socket that nobody listens on."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # nothing is there; what else is wrong, bind will say
    if not stat.S_ISSOCK(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a socket"
        raise Failed(f"the socket path {path} is {what}", hint="Move it away, or set SIDECAR_SOCKET to another path.")
    try:
        dial.dial(path, timeout_s=0.2).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return  # stale: its process is gone
    except (OSError, SidecarError):
        pass  # a full backlog, another user's process: somebody is there
    raise Conflict(f"another process listens at {path} without holding its lock", hint="End it (see `ss -xlp`), or set SIDECAR_SOCKET to another path.")


def _temporary(path: str) -> str:
    """A name in the same folder, at most 8 bytes longer; only the folder lock's holder makes one, so the pid is enough."""
    return f"{path}.{os.getpid():x}"


def _remove_leftovers(path: str) -> None:
    """Temporary names of daemons that died between bind and rename; nobody but the lock's holder makes such names."""
    folder, base = os.path.split(path)
    for name in os.listdir(folder):
        if name.startswith(base) and _TEMPORARY.fullmatch(name[len(base) :]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None  # gone, or its folder is no folder of ours any more: not to be found by clients either way
    return found.st_dev, found.st_ino
