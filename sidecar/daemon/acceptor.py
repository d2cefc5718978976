"""Accepting: from a listening socket to an admitted or a refused client. Knows nothing of names, locks or requests.

Our own accept loop, not `create_unix_server`: idle exit must take *everything* that is queued before it may decide (design 3.2),
and a shortage of descriptors must neither spin nor end the daemon, on both loops.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress

from sidecar.engine.spec import Rights
from sidecar.errors import Forbidden, Overloaded, SidecarError

# A turn of the loop accepts at most this many, so that a burst of clients does not hold up those that are being served.
PER_TURN = 64
# While descriptors are short clients wait in the backlog, unanswered; after SHORTAGE_S each is told why. Most shortages are a burst of process starts.
PAUSE_S = 0.05
SHORTAGE_S = 1.0
_SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


class Acceptor:
    """Every listening socket of one daemon.

    Args:
        make_connection: the protocol for one client with these rights.
        clients: how many are connected.
        limit: how many may be; one more gets one error that says so.
    """

    def __init__(self, make_connection: Callable[[Rights], asyncio.BaseProtocol], clients: Callable[[], int], limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._make_connection = make_connection
        self._clients = clients
        self._limit = limit
        self._listening: dict[socket.socket, Rights] = {}
        self._opening: set[asyncio.Task[None]] = set()  # bound: at most `limit`, as each counts as a client
        self._reserve = _open_reserve()
        self._short_since_s: float | None = None
        self._resume: asyncio.TimerHandle | None = None
        self.accepted = 0
        self.refused = 0

    @property
    def short(self) -> bool:
        """Whether there may be clients in the backlog that could not be accepted for want of descriptors."""
        return self._short_since_s is not None

    @property
    def opening(self) -> int:
        """Clients that are accepted, but whose connection does not exist yet."""
        return len(self._opening)

    def add(self, sock: socket.socket, rights: Rights) -> None:
        """Accept from `sock` from now on."""
        self._listening[sock] = rights
        if not self.short:
            self._loop.add_reader(sock.fileno(), self._accept_some, sock)

    def remove(self, sock: socket.socket) -> None:
        """Accept no more from `sock`, which stays open; unknown ones are ignored."""
        if self._listening.pop(sock, None) is not None:
            self._loop.remove_reader(sock.fileno())

    def accept_queued(self, sock: socket.socket) -> int:
        """Accept everything that waits on `sock` now, and say how many there were."""
        count = 0
        while self._accept_one(sock):
            count += 1
        return count

    async def opened(self) -> None:
        """Wait until every accepted client has its connection: a turn or two of the loop, never a client's doing.

        Not cut short by cancelling: uvloop 0.23 then forgets to call `connection_lost` after `connection_made`.
        """
        await asyncio.gather(*self._opening, return_exceptions=True)

    async def close(self) -> None:
        """Stop accepting."""
        for sock in list(self._listening):
            self.remove(sock)
        if self._resume is not None:
            self._resume.cancel()
        await self.opened()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _accept_some(self, sock: socket.socket) -> None:
        for _ in range(PER_TURN):
            if sock not in self._listening or not self._accept_one(sock):
                return

    def _accept_one(self, sock: socket.socket) -> bool:
        """Accept and admit one client; False: none waits, or there is no descriptor for it."""
        try:
            client, _ = sock.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno not in _SHORT:
                raise
            if _waits(sock):  # the kernel looks for a descriptor before it looks into the queue
                self._pause()
            return False
        self._short_since_s = None
        self.accepted += 1
        self._admit(client, self._listening.get(sock, Rights.READER))
        return True

    def _admit(self, client: socket.socket, rights: Rights) -> None:
        client.setblocking(False)
        if (uid := _peer_uid(client)) != os.getuid():
            log.warning("refused a client of user %s", uid)
            self._refuse(client, Forbidden("this daemon serves another user", hint="Start one of your own: unset SIDECAR_SOCKET."))
        elif self._clients() + len(self._opening) >= self._limit:
            why = f"{self._limit} clients are connected, and no more are served"
            self._refuse(client, Overloaded(why, hint="Close one, or raise limits.clients in the configuration.", retry_after_ms=1000))
        else:
            task = self._loop.create_task(self._open(client, rights))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket, rights: Rights) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._make_connection(rights), client)
        except OSError as error:
            client.close()
            log.info("a client left before it was served: %s", error)

    def _refuse(self, client: socket.socket, error: SidecarError) -> None:
        """One error in the client's own framing, then the end. It has no id: nothing of what it sent has been read."""
        self.refused += 1
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error.as_object()}).encode()
        with client, suppress(OSError):
            client.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) if _speaks_headers(client) else body + b"\n")

    def _pause(self) -> None:
        """No descriptor is free: stop looking, or a level-triggered loop would spin; look again soon."""
        now_s = time.monotonic()
        if self._short_since_s is None:
            self._short_since_s = now_s
            log.warning("no free file descriptor: new clients wait")
        elif now_s - self._short_since_s >= SHORTAGE_S:
            self._refuse_queued()
        for sock in self._listening:
            self._loop.remove_reader(sock.fileno())
        if self._resume is None:
            self._resume = self._loop.call_later(PAUSE_S, self._look_again)

    def _look_again(self) -> None:
        self._resume = None
        if not any(_waits(sock) for sock in self._listening):
            self._short_since_s = None
        for sock in self._listening:
            self._loop.add_reader(sock.fileno(), self._accept_some, sock)

    def _refuse_queued(self) -> None:
        """Tell those who wait, by the one descriptor kept for it: an explanation now is better than silence for ever."""
        error = Overloaded("the daemon has no free file descriptor", hint="Raise `ulimit -n`; see `sidecar doctor`.", retry_after_ms=1000)
        for sock in self._listening:
            for _ in range(PER_TURN):
                if self._reserve is not None:
                    os.close(self._reserve)
                    self._reserve = None
                try:
                    client, _ = sock.accept()
                except OSError:
                    break
                self._refuse(client, error)
        if self._reserve is None:
            self._reserve = _open_reserve()


def _waits(sock: socket.socket) -> bool:
    """Whether a client is in the queue of a listening socket."""
    queue = select.poll()
    queue.register(sock, select.POLLIN)
    return bool(queue.poll(0))


def _open_reserve() -> int | None:
    """A descriptor to be given up for a moment, or None while there is none to have."""
    try:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _peer_uid(client: socket.socket) -> int:
    """The user at the other end, as the kernel noted it at connect (SO_PEERCRED)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.getuid()  # macOS: the folder's mode has to do
    return int(struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


def _speaks_headers(client: socket.socket) -> bool:
    """Whether the first byte, if it is there already, is that of an LSP header (protocol.md, Wire)."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) in (b"C", b"c")
    except OSError:
        return False
