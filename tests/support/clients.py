"""Clients of the tests' own, in both framings; they share no code with the daemon or with `sidecar.client`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE_S

Message = dict[str, Any]
# One reply of 100,000 matches is some 20 MB on one line.
_LINE_LIMIT = 1 << 30


class Refused(Exception):
    """The daemon answered with an error."""

    def __init__(self, error: Message) -> None:
        super().__init__(f"{error.get('code')} {error.get('message')} {error.get('data')}")
        self.error = error
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Message = error.get("data") or {}

    @property
    def kind(self) -> str:
        """`data.kind` of protocol.md."""
        return str(self.data.get("kind"))


def result_of(reply: Message) -> Any:
    """The result of a whole reply message.

    Raises:
        Refused: it is an error.
    """
    if "error" in reply:
        raise Refused(reply["error"])
    return reply["result"]


class Pending(asyncio.Future[Message]):
    """A request that waits for its whole reply message; `request_id` is its id on the wire."""

    request_id: int | str = 0


class Client:
    """One connection: newline-delimited JSON.

    Attributes:
        arrived: every message in the order it came.
        notifications: those without an id, in order.
        orphans: replies that answer no request of ours (`id: null`, or answered twice).
        ended: set when the daemon has closed.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._ids = itertools.count(1)
        self._waiting: dict[int | str, Pending] = {}
        self.arrived: list[Message] = []
        self.notifications: list[Message] = []
        self.orphans: list[Message] = []
        self.ended = asyncio.Event()
        self._news = asyncio.Condition()
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def open(cls, path: Path | str) -> Client:
        """Connect to a Unix socket."""
        return cls(*await asyncio.open_unix_connection(str(path), limit=_LINE_LIMIT))

    def request(self, method: str, params: Any = None, *, id: int | str | None = None) -> Pending:
        """Send a request; the future gets the whole reply message."""
        identity = next(self._ids) if id is None else id
        future = self._waiting[identity] = Pending()
        future.request_id = identity
        self.send({"jsonrpc": "2.0", "id": identity, "method": method, "params": {} if params is None else params})
        return future

    async def reply(self, method: str, params: Any = None, *, timeout_s: float = PATIENCE_S) -> Message:
        """The whole reply message to a request."""
        async with asyncio.timeout(timeout_s):  # not wait_for: in 3.11 it can swallow a cancel that comes with the reply
            return await self.request(method, params)

    async def call(self, method: str, params: Any = None, *, timeout_s: float = PATIENCE_S) -> Any:
        """The result of a request.

        Raises:
            Refused: the answer is an error.
        """
        return result_of(await self.reply(method, params, timeout_s=timeout_s))

    async def tool(self, tool: str, args: Message | None = None, *, timeout_s: float = PATIENCE_S, **params: Any) -> Any:
        """The result of `sidecar/tools/call`."""
        return await self.call("sidecar/tools/call", {"tool": tool, "args": args or {}, **params}, timeout_s=timeout_s)

    async def refusal(self, method: str, params: Any = None) -> Refused:
        """The error that a request is answered with."""
        reply = await self.reply(method, params)
        assert "error" in reply, f"expected an error, got {str(reply)[:500]}"
        return Refused(reply["error"])

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": {} if params is None else params})

    def cancel(self, asked: Pending) -> None:
        """Send `$/cancelRequest` for a request made by `request`."""
        self.notify("$/cancelRequest", {"id": asked.request_id})

    def send(self, message: Message) -> None:
        """Send one message as it is."""
        self.writer.write(self.framed(json.dumps(message).encode()))

    def send_raw(self, data: bytes) -> None:
        """Send bytes that may be no message at all."""
        self.writer.write(data)

    async def wait_notification(self, wanted: str | Callable[[Message], bool], timeout_s: float = PATIENCE_S) -> Message:
        """The first notification, past or future, of a method or for which `wanted` is true."""
        matches = (lambda note: note["method"] == wanted) if isinstance(wanted, str) else wanted
        return await self._wait_in(self.notifications, matches, timeout_s)

    async def wait_orphan(self, timeout_s: float = PATIENCE_S) -> Message:
        """The first reply that answers none of our requests."""
        return await self._wait_in(self.orphans, lambda _: True, timeout_s)

    async def _wait_in(self, messages: list[Message], matches: Callable[[Message], bool], timeout_s: float) -> Message:
        async with asyncio.timeout(timeout_s), self._news:
            while True:
                for message in messages:
                    if matches(message):
                        return message
                if self.ended.is_set():
                    raise AssertionError("the daemon closed the connection before what was waited for came")
                await self._news.wait()

    async def wait_ended(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the daemon has closed this connection."""
        await asyncio.wait_for(self.ended.wait(), timeout_s)

    def half_close(self) -> None:
        """The end of our input; answers may still come."""
        self.writer.write_eof()

    def abort(self) -> None:
        """Go at once, without a word."""
        self.writer.transport.abort()

    async def close(self) -> None:
        """Close and wait until nothing of this client is left."""
        self.writer.close()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(OSError):  # the daemon was faster
            await self.writer.wait_closed()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def framed(self, body: bytes) -> bytes:
        """One message's bytes."""
        return body + b"\n"

    async def _next_body(self) -> bytes:
        return await self._reader.readline()

    async def _listen(self) -> None:
        try:
            while body := await self._next_body():
                await self._take(json.loads(body))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # an end is an end; `ended` says so
        finally:
            self.ended.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the daemon closed the connection"))
                    future.exception()  # seen: a test that does not await it meant to lose it
            async with self._news:
                self._news.notify_all()

    async def _take(self, message: Message) -> None:
        self.arrived.append(message)
        if "method" in message and "id" in message:
            self.send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        elif "method" in message:
            self.notifications.append(message)
        else:
            future = self._waiting.get(message["id"]) if message["id"] is not None else None
            if future is None or future.done():
                self.orphans.append(message)
            else:
                future.set_result(message)
        async with self._news:
            self._news.notify_all()


class LspClient(Client):
    """One connection with LSP's `Content-Length` headers."""

    def framed(self, body: bytes) -> bytes:
        """One message's bytes."""
        return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

    async def _next_body(self) -> bytes:
        length = 0
        while (line := await self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        return await self._reader.readexactly(length) if line else b""

    async def initialize(self, root: Path | None = None, encodings: list[str] | None = None, **options: Any) -> Message:
        """The LSP handshake; the `initialize` result."""
        general = {"positionEncodings": encodings} if encodings else {}
        params = {"processId": None, "rootUri": root.as_uri() if root else None, "capabilities": {"general": general}}
        result: Message = await self.call("initialize", params | {"initializationOptions": {"sidecar": options}})
        self.notify("initialized")
        return result


class BridgeClient(LspClient):
    """The same through `sidecar lsp --stdio`, a process of its own."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, env: dict[str, str]) -> BridgeClient:
        """Start the bridge and speak to its standard input and output."""
        argv = (sys.executable, "-m", "sidecar", "lsp", "--stdio")
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec(*argv, env=env, limit=_LINE_LIMIT, start_new_session=True, **pipes)
        assert process.stdout is not None
        assert process.stdin is not None
        client = cls(process.stdout, process.stdin)
        client.process = process
        return client

    async def close(self) -> None:
        """Close the bridge's input; it ends by itself."""
        await super().close()
        try:
            await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            self.process._transport.close()  # else its pipe outlives the loop
