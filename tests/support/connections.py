"""One `Connection` on a socket pair with a scripted host behind it and a bare client in front; for tests below the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

from sidecar.daemon.closewatch import CloseWatch
from sidecar.daemon.connection import Connection
from sidecar.daemon.outbox import OutboxLimits
from sidecar.engine.spec import Rights
from sidecar.trace import Counters
from sidecar.wire.messages import Id, Notification, Reply, Request
from tests.support.waiting import eventually


class ScriptedHost:
    """Answers `echo` with its params, `big` with a string of `params` bytes, `hang` never; writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.gone: list[str] = []

    def on_open(self, conn: Connection) -> None:
        """Written down."""
        self.seen.append(("open",))

    def on_request(self, conn: Connection, request: Request) -> None:
        """Answers as the class says."""
        self.seen.append(("request", request.id, request.method))
        if request.method == "echo":
            conn.reply(request.id, [bytes(request.params)])
        elif request.method == "big":
            conn.reply(request.id, [b'"', b"x" * int(bytes(request.params)), b'"'])

    def on_notification(self, conn: Connection, notification: Notification) -> None:
        """Written down."""
        self.seen.append(("notification", notification.method))

    def on_reply(self, conn: Connection, reply: Reply) -> None:
        """Written down, decoded."""
        self.seen.append(("reply", reply.id, json.loads(bytes(reply.result))))

    def on_cancel(self, conn: Connection, id: Id) -> None:
        """Written down; the request stays unanswered."""
        self.seen.append(("cancel", id))

    def on_disconnect(self, conn: Connection, reason: str) -> None:
        """The reason is kept."""
        self.gone.append(reason)


class BareClient:
    """The other end of the socket pair: bytes out, bytes in, nothing else."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def ask(self, id: Id, method: str, params: object = None) -> None:
        """Send one request as a line."""
        await self.send(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode() + b"\n")

    async def some(self, size: int = 65536) -> bytes:
        """Whatever is there, or b"" at the end."""
        return await asyncio.get_running_loop().sock_recv(self.sock, size)

    async def line(self) -> Any:
        """The next line, decoded; None at the end."""
        while b"\n" not in self._rest:
            data = await self.some(1 << 20)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    async def frame(self) -> Any:
        """The next frame with LSP headers, decoded."""
        while b"\r\n\r\n" not in self._rest:
            self._rest += await self._more()
        header, _, self._rest = self._rest.partition(b"\r\n\r\n")
        length = int(header.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        while len(self._rest) < length:
            self._rest += await self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return json.loads(body)

    async def rest(self) -> bytes:
        """Everything until the end."""
        while data := await self.some(1 << 20):
            self._rest += data
        return self._rest

    async def _more(self) -> bytes:
        if not (data := await self.some(1 << 20)):
            raise AssertionError(f"the connection ended after {self._rest!r}")
        return data

    def half_close(self) -> None:
        """Shut the sending direction."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the descriptor."""
        self.sock.close()


class Stage:
    """Makes connections of one host; `counters` are those of all of them."""

    def __init__(self, watch: CloseWatch, host: Any) -> None:
        self.watch, self.host, self.counters = watch, host, Counters()
        self._clients: list[BareClient] = []
        self.connections: list[Connection] = []

    async def connect(self, limits: OutboxLimits | None = None) -> tuple[BareClient, Connection]:
        """A client and the daemon's side of it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        connection = Connection(self.host, Rights.FULL, self.watch, self.counters, limits)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
        client = BareClient(theirs)
        self._clients.append(client)
        self.connections.append(connection)
        return client, connection

    async def finish(self) -> None:
        """Closes every client, waits until every connection has noticed."""
        for client in self._clients:
            client.close()
        await eventually(lambda: all(conn.closed is not None and conn.peer_pidfd is None for conn in self.connections), what="connections closed")


@contextlib.asynccontextmanager
async def stage(host: Any = None) -> AsyncIterator[Stage]:
    """A stage whose connections are all ended afterwards."""
    watch = CloseWatch(asyncio.get_running_loop())
    made = Stage(watch, host or ScriptedHost())
    try:
        yield made
    finally:
        await made.finish()
        watch.close()
