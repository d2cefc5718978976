"""Reaching the daemon's socket: one connect, with everything checked that must be ours. It starts nothing and sends nothing."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time

from sidecar.client import address
from sidecar.errors import Failed, Forbidden, Overloaded, SidecarError

# A busy daemon answers its hello in milliseconds, as its loop never blocks; one that is silent for ten seconds is stuck,
# and is explained to the user, not replaced (field-notes 4.8).
CONNECT_TIMEOUT_S = 10.0


def dial(path: str, timeout_s: float = CONNECT_TIMEOUT_S) -> socket.socket:
    """Connect to a socket in a folder of ours, served by a process of ours.

    Raises:
        OSError: ECONNREFUSED or ENOENT: nobody listens there.
        Forbidden: the folder, or who listens, is not ours; or the system forbids the connection.
        Overloaded: the backlog stayed full for `timeout_s` seconds.
    """
    ends_at, pause_s = time.monotonic() + timeout_s, 0.005
    if not address.check_folder(os.path.dirname(path)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)  # with a timeout a full backlog is EAGAIN; without one, connect would block
            sock.connect(path)
            _check_server(sock, path)
        except BlockingIOError:
            sock.close()
            if time.monotonic() > ends_at:
                raise Overloaded(f"the daemon at {path} accepts no connections", hint="See `sidecar doctor`; try again.", retry_after_ms=1000) from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.2)
        except BaseException:
            sock.close()
            raise
        else:
            return sock


def explained(path: str, error: OSError) -> SidecarError:
    """What an error of `connect` other than "nobody listens" means, and what to do."""
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "In a sandbox, allow this socket (or reader.sock beside it); else check who owns it."
        return Forbidden(f"connecting to {path} is forbidden: {error.strerror}", hint=hint)
    return Failed(f"connecting to {path} failed: {error.strerror or error}", hint="Run `sidecar doctor`.")


def _check_server(sock: socket.socket, path: str) -> None:
    """Refuse a socket that another user's process serves (field-notes 4.30)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return  # macOS: the folder's check has to do
    _pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.getuid():
        raise Forbidden(f"the socket {path} is served by user {uid}, not by you ({os.getuid()})", hint=address.ELSEWHERE)
