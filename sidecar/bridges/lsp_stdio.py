"""A pipe between stdin and stdout and the daemon's socket: bytes as they are, both ways. Standard library only.

It never looks into a message, and ends with whoever started it (features H8). A thread for each direction, as an editor that is
slow to read must not keep its own messages from being carried.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from sidecar.client import address, ndjson

READ_BYTES = 1 << 18
MAX_HELD_BYTES = 1 << 20
"""An `initialize` is some KB; what is larger is no first message, and is never sent twice."""
PARENT_POLL_S = 1.0
"""Only where there is no pidfd (Linux before 5.3, macOS)."""


class Pipe:
    """Carries bytes between two descriptors and the daemon until one side ends.

    Until the daemon's first byte what was sent is held: a daemon that was leaving when it accepted us has answered nothing, and a
    client that waits for `initialize`'s answer has sent nothing with effects, so it is sent once more to the next one (design 3.2).
    """

    def __init__(self, path: str, env: Mapping[str, str], reading: int, writing: int) -> None:
        self._path, self._env = path, env
        self._reading, self._writing = reading, writing
        self._lock = threading.Lock()
        self._sock = self._dialled()
        self._held: bytearray | None = bytearray()
        self._ended = False

    def carry(self) -> None:
        """Return when the daemon has closed the connection, or nobody reads its answers."""
        threading.Thread(target=self._towards_daemon, name="stdin", daemon=True).start()
        while data := self._receive():
            self._held = None
            if not _write_all(self._writing, data):
                return

    def _receive(self) -> bytes:
        data = _recv(self._sock)
        return data if data or self._held is None else self._again()

    def _again(self) -> bytes:
        with self._lock:
            held, self._held = self._held, None
            if not held:
                return b""
            self._sock.close()
            self._sock = self._dialled()
            self._sock.sendall(held)
            if self._ended:
                self._sock.shutdown(socket.SHUT_WR)
        return _recv(self._sock)

    def _towards_daemon(self) -> None:
        while data := os.read(self._reading, READ_BYTES):
            with self._lock:
                self._hold(data)
                sock = self._sock
            _send(sock, data)
        with self._lock:
            self._ended = True
            _shut(self._sock)

    def _dialled(self) -> socket.socket:
        sock = ndjson.dial_or_start(self._path, self._env, start=True)
        sock.settimeout(None)
        return sock

    def _hold(self, data: bytes) -> None:
        if self._held is not None:
            self._held += data
            if len(self._held) > MAX_HELD_BYTES:
                self._held = None


def run(env: Mapping[str, str] = os.environ) -> int:
    """Carry bytes until one side ends, or our parent does; answers the exit code.

    Raises:
        SidecarError: there is no daemon, and none could be started.
    """
    threading.Thread(target=_leave_with, args=(os.getppid(),), name="parent", daemon=True).start()
    Pipe(address.socket_path(env), env, 0, 1).carry()
    return 0


def _leave_with(parent: int) -> None:
    """End this process when `parent` ends: a grandchild that holds stdin open must not keep us alive."""
    if parent <= 1:
        return
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):  # it has gone already, or the kernel has no pidfd: then the loop below finds out
            select.select([os.pidfd_open(parent)], [], [])
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(0)


def _recv(sock: socket.socket) -> bytes:
    try:
        return sock.recv(READ_BYTES)
    except (ConnectionResetError, TimeoutError):
        return b""


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except OSError:
        return  # the other direction sees the end too, and decides whether it is final


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the daemon closed first


def _write_all(descriptor: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        return False
    return True
