"""One running language server: its process, its conversation, its readiness (LSP 3.17 over `wire.peer`).

Owns what is in flight with that one process. Knows nothing of documents, of callers, or of what happens after its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from sidecar.engine.running import RunningProcess
from sidecar.errors import Crashed, SidecarError, TimedOut
from sidecar.langs import answers, handshake
from sidecar.langs.positions import uri_of
from sidecar.langs.readiness import Readiness, Watch
from sidecar.langs.servers import Row
from sidecar.trace import Counters
from sidecar.wire.frames import FrameReader, Framing, frame
from sidecar.wire.messages import CANCEL_METHOD, Dropped, Id, Notification, Rejected, Reply, Request
from sidecar.wire.peer import Peer, refusal

Listener: TypeAlias = "Callable[[LanguageClient], None]"
SHUTDOWN_S = 1.0
"""Seconds a server has for a polite end; then its whole tree is killed."""
ONE_WRITE = 1 << 20
"""Bytes up to which messages are joined into one write; larger ones are queued one behind the other, uncopied."""
SILENT_TIMEOUTS = 3
"""Requests in a row that time out without one word from the server, after which it counts as hanging (field note 17)."""


class Asked:
    """One request of ours: its future reply, and the instants when it was written and answered (`time.monotonic()`)."""

    __slots__ = ("answered_at", "id", "reply", "sent_at")

    def __init__(self, id: Id, reply: asyncio.Future[Reply], sent_at: float) -> None:
        self.id = id
        self.reply = reply
        self.sent_at = sent_at
        self.answered_at = 0.0


class LanguageClient:
    """The client side of one server process.

    Args:
        row: what to start and how to speak with it.
        root: absolute path of the project's folder.
        env: variables over the daemon's own environment.
        processes: where it is started.
        counters: late and double replies are counted in `servers.lateReplies`, unusable messages in `servers.badMessages`.
        on_ready: called when readiness has changed.
        on_end: called once, when a server that had started has ended.

    Attributes:
        said: what `initialize` told about the server.
        end: why it has ended, or None.
    """

    def __init__(self, row: Row, root: str, env: Mapping[str, str], processes: Processes, counters: Counters, on_ready: Listener, on_end: Listener) -> None:
        self.row = row
        self.root = root
        self.said = handshake.Server()
        self.end: str | None = None
        self.last_words: dict[str, Any] = {}
        self._env = dict(env) | dict(row.env)
        self._processes = processes
        self._counters = counters
        self._on_ready = on_ready
        self._on_end = on_end
        self._me = answers.Self(row, uri_of(root))
        self._peer = Peer()
        self._frames = FrameReader(Framing.HEADERS)
        self._asked: dict[Id, Asked] = {}
        self._watch = Watch(row.dialect)
        self._process: RunningProcess | None = None
        self._initialized = False
        self._silent_timeouts = 0
        self._stopping = False

    async def start(self, argv: Sequence[str], deadline: Deadline) -> None:
        """Start the process and greet it.

        Raises:
            SidecarError: it could not be started, died in `initialize`, or was not done by `deadline`; nothing is left running.
        """
        self._process = await self._processes.start(argv, cwd=self.root, env=self._env, deadline=deadline, on_stdout=self._feed)
        self._process.exited.add_done_callback(lambda exited: self._exited())
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                await self._greet()
        except TimeoutError as late:
            await self._process.kill(0)
            raise TimedOut(f"{self.row.name} did not answer initialize in {self.row.start_s:g} s", hint=self._advice(), **self.stderr()) from late
        except BaseException:
            await self._process.kill(0)
            raise

    async def _greet(self) -> None:
        asked = self.post("initialize", handshake.params(self.row, self.root))
        reply = await asked.reply
        if reply.error is not None:
            raise Crashed(f"{self.row.name} refused initialize: {message_of(reply.error)}", hint=self._advice(), **self.stderr())
        self.said = handshake.understood(reply.result)
        settings = msgspec.json.encode({"settings": self.row.settings})
        self.send([self._peer.notify("initialized", b"{}"), self._peer.notify("workspace/didChangeConfiguration", settings)])
        self._initialized = True

    @property
    def pid(self) -> int:
        """Of the server's process, for showing."""
        return self._process.pid if self._process else 0

    @property
    def in_flight(self) -> int:
        """Requests that wait for the server's answer."""
        return len(self._asked)

    @property
    def readiness(self) -> Readiness:
        """How far its answers can be trusted."""
        return self._watch.state if self._initialized else Readiness.STARTING

    @property
    def hovers(self) -> bool:
        """Whether it answers hovers at all."""
        return self.said.hovers or "textDocument/hover" in self._me.registered

    def stderr(self) -> dict[str, Any]:
        """The end of what it wrote to stderr, as members of an error's data."""
        tail = self._process.stderr_tail()[-2048:].decode("utf-8", "replace").strip() if self._process else ""
        return {"server": self.row.name, "stderr": tail} if tail else {"server": self.row.name}

    def notification(self, method: str, params: bytes) -> bytes:
        """The body of a notification, to be sent before a request."""
        return self._peer.notify(method, params)

    def post(self, method: str, params: bytes, before: Sequence[bytes] = ()) -> Asked:
        """Send a request, with messages before it in the same write.

        Raises:
            Crashed, Overloaded: the server has ended, or does not read.
        """
        id, body = self._peer.request(method, params)
        asked = Asked(id, asyncio.get_running_loop().create_future(), time.monotonic())
        try:
            self.send([*before, body])
        except SidecarError:
            self._peer.forget(id)
            raise
        self._asked[id] = asked
        return asked

    def forget(self, asked: Asked, *, late: bool = False) -> None:
        """Nobody waits for this any more: the server is told, and a later answer is dropped and counted.

        Args:
            asked: the request.
            late: its time was up; a server that lets several pass in silence counts as hanging, and is ended.
        """
        if self._asked.pop(asked.id, None) is None or not self._peer.forget(asked.id) or self.end is not None:
            return
        self._counters["servers.cancelled"] += 1
        self._silent_timeouts += late
        if self._silent_timeouts >= SILENT_TIMEOUTS:
            self._break("it hangs: it let several requests pass in silence")
            return
        self.send([self._peer.notify(CANCEL_METHOD, b'{"id":%d}' % int(asked.id))])

    def send(self, bodies: Sequence[bytes]) -> None:
        """Write messages, in order.

        Raises:
            Crashed, Overloaded: the server has ended, or does not read.
        """
        if self._process is None or self._process.stdin is None or self.end is not None:
            raise self.crashed()
        chunks = [chunk for body in bodies for chunk in frame(Framing.HEADERS, [body])]
        if sum(map(len, chunks)) <= ONE_WRITE:
            chunks = [b"".join(chunks)]
        for chunk in chunks:
            self._process.stdin.write(chunk)

    async def stop(self) -> None:
        """`shutdown`, `exit`, and whatever is left is killed. Returns when its whole tree is dead."""
        if self._process is None:
            return
        self._stopping = True
        process = self._process
        try:
            async with asyncio.timeout(SHUTDOWN_S):
                await self.post("shutdown", b"").reply
                self.send([self._peer.notify("exit", b"")])
                await process.wait()
        except (TimeoutError, SidecarError):
            pass  # it is being ended anyway
        finally:
            await process.kill(0)

    def crashed(self) -> Crashed:
        """The error for what was asked of a server that has ended."""
        return Crashed(f"{self.row.name} has ended: {self.end or 'it is not running'}", hint=self._advice(), **(self.last_words or self.stderr()))

    def _advice(self) -> str:
        return f"Ask again in a moment; `sidecar doctor` looks at {self.row.name}."

    def _feed(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            self._take(body)
        if self._frames.error is not None and self.end is None:
            self._break(f"it wrote what is no message: {self._frames.error.message}")

    def _take(self, body: bytes) -> None:
        self._silent_timeouts = 0
        event = self._peer.receive(body)
        if isinstance(event, Reply):
            self._answered(event)
        elif isinstance(event, Notification):
            self._noticed(event)
        elif isinstance(event, Request):
            self._answer(event)
        elif isinstance(event, Dropped):
            self._counters["servers.lateReplies"] += 1
        elif isinstance(event, Rejected):
            self._counters["servers.badMessages"] += 1
            if event.id is not None:
                self._reply(refusal(event.error.as_object(), event.id))

    def _answered(self, reply: Reply) -> None:
        asked = self._asked.pop(reply.id)
        asked.answered_at = time.monotonic()
        if not asked.reply.done():
            asked.reply.set_result(reply)

    def _noticed(self, notification: Notification) -> None:
        before = self.readiness
        self._watch.notice(notification.method, notification.params)
        if self.readiness is not before:
            self._on_ready(self)

    def _answer(self, request: Request) -> None:
        answer = answers.answer(self._me, request.method, request.params)
        parts = self._peer.error(request.id, answer.as_object()) if isinstance(answer, SidecarError) else self._peer.result(request.id, [answer])
        self._reply(parts or [])

    def _reply(self, parts: Sequence[bytes | memoryview]) -> None:
        try:
            self.send([b"".join(parts)])
        except SidecarError as error:
            self._break(f"it does not take our answers: {error.message}")

    def _break(self, reason: str) -> None:
        """End a process that can no longer be spoken with."""
        self.end = reason
        if self._process is not None:
            self._process.end(0)

    def _exited(self) -> None:
        assert self._process is not None
        ended = self._process.exited.result()
        how = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
        self.end = self.end or f"its process ended ({how})"
        self.last_words = self.stderr()
        asked, self._asked = self._asked, {}
        for one in asked.values():
            if not one.reply.done():
                one.reply.set_exception(self.crashed())
        if self._initialized and not self._stopping:
            self._on_end(self)


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


_error = msgspec.json.Decoder(_Error)


def code_of(error: msgspec.Raw) -> int:
    """The code of a server's error, 0 if it has none."""
    try:
        return _error.decode(error).code
    except msgspec.DecodeError:
        return 0


def message_of(error: msgspec.Raw) -> str:
    """The message of a server's error, clipped."""
    try:
        return _error.decode(error).message[:500]
    except msgspec.DecodeError:
        return "an error of no known shape"
