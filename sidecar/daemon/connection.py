"""One client: its socket in and out, its framing, its peer. Bytes in become calls of the host; answers become bytes out.

Owns when a connection is over and what becomes of its requests then (design 3.3). Must never decide what a method means, and must
never block: everything here is called by the loop and returns at once.

The host (`daemon/dispatch.py`) is called `on_open` once, then `on_request`, `on_notification` and `on_cancel` in the order of
arrival, and `on_disconnect` exactly once, after which nothing it sends is delivered. It must not raise.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from msgspec import Raw

from sidecar.daemon.closewatch import CloseWatch
from sidecar.daemon.outbox import Outbox, OutboxLimits, Trouble
from sidecar.engine.spec import PositionEncoding, Rights
from sidecar.errors import SidecarError
from sidecar.trace import Counters
from sidecar.wire.frames import Chunk, FrameReader, Framing, frame
from sidecar.wire.messages import Cancel, Dropped, Id, Notification, Rejected, Reply, Request
from sidecar.wire.peer import Peer, refusal

if TYPE_CHECKING:
    from sidecar.daemon.lsp import EditorState

SO_PEERPIDFD = 77
"""Linux 6.5: a pidfd of the peer as it was at connect(); no pid can be reused under it."""
LINGER_S = 5.0
"""Seconds that a refused client's further input is discarded for: closing at once would break its pipe before it reads why."""

_CROWDED, _HELD = 1, 2

_numbers = itertools.count(1)


class ConnectionHost(Protocol):
    """What a connection calls; implemented by `daemon/dispatch.py`."""

    def on_open(self, conn: Connection) -> None:
        """A client of our own user has connected."""

    def on_request(self, conn: Connection, request: Request) -> None:
        """Exactly one `reply` or `fail` is owed."""

    def on_notification(self, conn: Connection, notification: Notification) -> None:
        """Nothing is owed."""

    def on_reply(self, conn: Connection, reply: Reply) -> None:
        """The answer to a `Connection.request`."""

    def on_cancel(self, conn: Connection, id: Id) -> None:
        """The request is still owed its answer."""

    def on_disconnect(self, conn: Connection, reason: str) -> None:
        """It is over; what is in flight has nobody left to answer to."""


class Connection(asyncio.Protocol):
    """One client of the daemon.

    Args:
        host: what is called.
        rights: of the socket it came by.
        watch: tells when the client has closed completely.
        counters: of the whole daemon.
        limits: of its outbox.

    Attributes:
        id: unique in this daemon's life ("c17").
        peer_pid, peer_uid: from SO_PEERCRED, at connect; pid 0 = of another pid namespace.
        peer_pidfd: from SO_PEERPIDFD, or None where the kernel has none; ours, closed with the connection.
        session, root, encoding, env, client_name: what hello or `initialize` said; the host's to set.
        lsp: the LSP life cycle (`daemon/lsp.py`), or None before `initialize`.
        closed: the reason once it is over, else None.
    """

    def __init__(
        self,
        host: ConnectionHost,
        rights: Rights,
        watch: CloseWatch,
        counters: Counters,
        limits: OutboxLimits | None = None,
    ) -> None:
        self.id = f"c{next(_numbers)}"
        self.rights = rights
        self.peer_pid, self.peer_uid = 0, -1
        self.peer_pidfd: int | None = None
        self.session: str | None = None
        self.root: str | None = None
        self.encoding = PositionEncoding.UTF16
        self.env: Mapping[str, str] = {}
        self.client_name = ""
        self.closed: str | None = None
        self.peer = Peer()
        self._host, self._watch, self._counters = host, watch, counters
        self._limits = limits or OutboxLimits()
        self._reader = FrameReader()
        self._transport: asyncio.Transport
        self._outbox: Outbox
        self._fd = -1
        self._broken = False  # its stream cannot be read further
        self._ended = False  # the client's input has ended
        self._hung_up = False  # it has closed both directions
        self._ending = ""  # why we are closing, while what is owed is still being written
        self._pauses = 0  # reasons not to handle, nor read, any more input now
        self._backlog: list[bytes] = []  # bodies of the read in which the pause began: bounded by what one read returns
        self._linger: asyncio.TimerHandle | None = None
        self.lsp: EditorState | None = None

    @property
    def framing(self) -> Framing | None:
        """How this client frames its messages; None until its first byte."""
        return self._reader.framing

    @property
    def in_flight(self) -> int:
        """Requests of this client that have no answer yet."""
        return len(self.peer.in_flight)

    def slow(self) -> bool:
        """Whether the client has taken none of the bytes that wait for it for 5 s (design 3.16)."""
        return self._outbox.slow()

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be written to it."""
        return self._outbox.pending

    # What the daemon sends

    def send(self, parts: Sequence[Chunk]) -> None:
        """Sends one message body given in parts of JSON; after the end it is dropped."""
        if self.closed is None:
            self._outbox.put(frame(self._reader.framing, parts))

    def reply(self, id: Id, parts: Sequence[Chunk]) -> bool:
        """Answers a request with a result given in parts of JSON; False (and counted) if it has been answered before."""
        return self._answered(self.peer.result(id, parts))

    def fail(self, id: Id, error: SidecarError) -> bool:
        """Answers a request with an error; False (and counted) if it has been answered before."""
        return self._answered(self.peer.error(id, error.as_object()))

    def fail_as(self, id: Id, error: Raw) -> bool:
        """Answers a request with an error object that is JSON already."""
        return self._answered(self.peer.error(id, error))

    def notify(self, method: str, params: bytes) -> None:
        """Sends a notification; `params` is JSON."""
        self.send([self.peer.notify(method, params)])

    def stream(self, method: str, params: bytes) -> None:
        """Sends a notification that belongs to a request's result: it does not count as what queues behind a reply (design 3.16)."""
        if self.closed is None:
            self._outbox.put(frame(self._reader.framing, [self.peer.notify(method, params)]), streamed=True)

    def request(self, method: str, params: bytes) -> Id:
        """Sends a request of ours; its answer comes as `on_reply`."""
        id, body = self.peer.request(method, params)
        self.send([body])
        return id

    def close(self, reason: str) -> None:
        """Reads no more, writes what is queued, then closes; `reason` is what `on_disconnect` gets."""
        self._end(reason, self._transport.close)

    def hold(self) -> None:
        """Handles no further message of this client until `release`: what comes later waits, in order."""
        self._pause(_HELD)

    def release(self) -> None:
        """Goes on after a `hold`, with what waited."""
        self._go_on(_HELD)

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Checks who it is before a byte is read: only processes of our own user."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its methods, not its base class
        self._outbox = Outbox(asyncio.get_running_loop(), self._transport, self._limits, self._in_trouble, self._has_room)
        sock = transport.get_extra_info("socket")
        self.peer_pid, self.peer_uid, _ = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if self.peer_uid != os.geteuid():
            self._counters["foreignUsers"] += 1
            self.closed = "foreign user"
            self._transport.abort()
            return
        self.peer_pidfd = _peer_pidfd(sock)
        self._fd = sock.fileno()
        self._watch.watch(self._fd, self, self._closed_by_client)
        self._host.on_open(self)

    def data_received(self, data: bytes) -> None:
        """Every complete message in order, then, if the stream is broken, why."""
        if self._ending or self._broken or self.closed is not None:
            return
        self._take(self._reader.feed(data))
        if self._reader.error is not None:
            self._refuse(self._reader.error)

    def eof_received(self) -> bool:
        """The end of input is no disconnect: what is in flight is answered first. True keeps the transport open for it."""
        self._ended = True
        if self._linger is not None or self._hung_up:
            self._drop(self._ending or "closed")
        elif not self._ending and self.closed is None:
            self._take(self._reader.finish())
            if self._reader.error is not None:
                self._refuse(self._reader.error)
            self._finish_if_done()
        return True

    def pause_writing(self) -> None:
        """The transport holds enough."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """The transport has room again."""
        self._outbox.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed or about to be."""
        self._over(self._ending or ("lost" if exc else "closed"))
        if self._linger is not None:
            self._linger.cancel()
        self.lsp = None
        if self.peer_pidfd is not None:
            os.close(self.peer_pidfd)
            self.peer_pidfd = None

    # Inside

    def _take(self, bodies: list[bytes]) -> None:
        host, receive = self._host, self.peer.receive
        for at, body in enumerate(bodies):
            if self._ending or self.closed is not None:
                return
            if self._pauses:
                self._backlog = bodies[at:]
                return
            event = receive(body)
            if isinstance(event, Request):
                host.on_request(self, event)
            elif isinstance(event, Notification):
                host.on_notification(self, event)
            elif isinstance(event, Cancel):
                host.on_cancel(self, event.id)
            elif isinstance(event, Reply):
                host.on_reply(self, event)
            elif isinstance(event, Rejected):
                self._counters["rejectedMessages"] += 1
                self._send_refusal(event.error, event.id)
            elif isinstance(event, Dropped):
                self._counters[event.why] += 1

    def _answered(self, parts: Sequence[Chunk] | None) -> bool:
        if parts is None:
            self._counters["lateAnswers"] += 1
            return False
        if self.closed is None:
            self._outbox.put(frame(self._reader.framing, parts))
            if self._ended or self._broken:
                self._finish_if_done()
        return True

    def _send_refusal(self, error: SidecarError, id: Id | None) -> None:
        self.send(refusal(error.as_object(), id))

    def _refuse(self, error: SidecarError) -> None:
        """One clear error, then the end: the stream cannot be read further, but what was accepted is still answered."""
        if self._ending or self._broken or self._backlog:  # a backlog comes first
            return
        self._broken = True
        self._counters["brokenStreams"] += 1
        self._send_refusal(error, None)
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if not self.peer.in_flight and not self._backlog:
            self._end("broken input" if self._broken else "end of input", self._linger_or_close)

    def _end(self, reason: str, then: Callable[[], None]) -> None:
        if self.closed is None and not self._ending:
            self._ending = reason
            self._outbox.close(then)

    def _linger_or_close(self) -> None:
        """Shows the end to a client that may still be sending, and lets it send until it looks or `LINGER_S` have passed."""
        if self._ended:
            self._transport.close()
            return
        self._linger = asyncio.get_running_loop().call_later(LINGER_S, self._drop, self._ending)
        self._transport.write_eof()

    def _closed_by_client(self) -> None:
        """EPOLLHUP. Unread input (an ack, an `exit`) is still taken: the loop reads it, then the end, unless it does not read."""
        self._hung_up = True
        if self._ended or self._broken or self._pauses or self._ending:
            self._drop(self._ending or "closed")

    def _in_trouble(self, trouble: Trouble) -> None:
        self._counters[trouble.value] += 1
        self._drop(trouble.value)

    def _has_room(self, room: bool) -> None:
        if room:
            self._go_on(_CROWDED)
        else:
            self._counters["readingPaused"] += 1
            self._pause(_CROWDED)

    def _pause(self, why: int) -> None:
        if not self._pauses and not self._ended and not self._transport.is_closing():
            self._transport.pause_reading()
        self._pauses |= why

    def _go_on(self, why: int) -> None:
        if not self._pauses & why:
            return
        self._pauses &= ~why
        backlog, self._backlog = self._backlog, []
        self._take(backlog)
        if self._pauses or self.closed is not None:
            return
        if not self._ended and not self._transport.is_closing():
            self._transport.resume_reading()
        if self._reader.error is not None:
            self._refuse(self._reader.error)
        elif self._ended:
            self._finish_if_done()

    def _drop(self, reason: str) -> None:
        """Ends at once; what is queued is lost."""
        self._over(reason)
        self._transport.abort()

    def _over(self, reason: str) -> None:
        if self.closed is None:
            self.closed = reason
            self._watch.forget(self._fd, self)  # before the descriptor is closed
            self._outbox.discard()
            self._host.on_disconnect(self, reason)


def _peer_pidfd(sock: socket.socket) -> int | None:
    try:
        (pidfd,) = struct.unpack("i", sock.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))
    except OSError:  # an older kernel, or the peer has exited already
        return None
    os.set_inheritable(pidfd, False)
    return int(pidfd)
