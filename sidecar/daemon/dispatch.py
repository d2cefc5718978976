"""From a received message to its one answer: finds the method, runs it, answers, cancels. Owns the task of every request (invariant 6)."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar import native
from sidecar.daemon import sync
from sidecar.daemon.core import Ask, Common, Core, check_timeout
from sidecar.daemon.methods import METHODS, NOTIFICATIONS, Method
from sidecar.engine.runner import decode
from sidecar.engine.spec import Rights, Timeout
from sidecar.errors import Cancelled, Failed, Forbidden, Interrupted, InvalidParams, Overloaded, ShuttingDown, SidecarError, TimedOut, UnknownMethod
from sidecar.wire.messages import NULL

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection
    from sidecar.wire.messages import Notification, Reply, Request

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_common = msgspec.json.Decoder(Common)
_EMPTY = msgspec.Raw(b"{}")

Key = tuple[str, "int | str"]


class Dispatcher:
    """The host of every connection."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._leaving = False
        self._most_per_client = core.config.limits.in_flight
        self._per_client: dict[str, int] = {}
        self._deserted = asyncio.Event()
        self._cutting: set[asyncio.Task[None]] = set()  # bound: one a connection, as it is held meanwhile

    @property
    def busy(self) -> int:
        """Requests that are not answered yet."""
        return len(self._tasks)

    def on_open(self, connection: Connection) -> None:
        """A client has connected."""
        self._core.connections[connection.id] = connection
        self._deserted.clear()

    def on_disconnect(self, connection: Connection, reason: str) -> None:
        """A client has gone: its requests are cancelled, its buffers forgotten; nothing else is its own."""
        core = self._core
        for key in [key for key in self._tasks if key[0] == connection.id]:
            self._tasks[key].cancel()
        core.connections.pop(connection.id, None)
        core.documents.drop_client(connection.id)
        core.subscriptions.drop(connection.id)
        core.sessions.leave(connection.session, connection.id)
        if not core.connections:
            self._deserted.set()

    def on_reply(self, connection: Connection, reply: Reply) -> None:
        """The daemon asks its clients nothing yet."""
        self._core.counters["unexpectedReplies"] += 1

    def on_cancel(self, connection: Connection, request_id: int | str) -> None:
        """`$/cancelRequest`: answered at once; what the work still yields is dropped."""
        self._end(connection, request_id, Cancelled("cancelled by its client"))

    def interrupt(self, connections: list[Connection], request_id: int | str | None) -> int:
        """End requests on behalf of somebody; how many there were.

        Args:
            connections: whose requests.
            request_id: only this one, or None for all of them.
        """
        chosen = {connection.id: connection for connection in connections}
        keys = [key for key in self._tasks if key[0] in chosen and request_id in (None, key[1])]
        return sum(self._end(chosen[name], asked, Interrupted("interrupted", hint="Ask again if you still need it.")) for name, asked in keys)

    async def deserted(self) -> None:
        """Wait until no client is connected."""
        if self._core.connections:
            await self._deserted.wait()

    async def drain(self, deadline_s: float) -> None:
        """Take nothing new, let what runs finish for `deadline_s` seconds, then end it with `shuttingDown`."""
        self._leaving = True
        if self._tasks and deadline_s > 0:
            await asyncio.wait(self._tasks.values(), timeout=deadline_s)
        for name, request_id in list(self._tasks):
            self._end(self._core.connections[name], request_id, _shutting_down())

    def on_notification(self, connection: Connection, notification: Notification) -> None:
        """A message that gets no answer; one that cannot be used is logged and counted."""
        if notification.method not in NOTIFICATIONS:
            self._core.editors.notified(connection, notification)
            return
        if len(notification.body) < sync.LARGE_BYTES or not native.available():
            self._synced(connection, notification, sync.Cut(notification.params, []))
            return
        connection.hold()  # what this client sends meanwhile waits, in order
        task = asyncio.get_running_loop().create_task(self._cut(connection, notification))
        self._cutting.add(task)
        task.add_done_callback(self._cutting.discard)

    async def _cut(self, connection: Connection, notification: Notification) -> None:
        """A large document sync: its text is cut out in a thread, as 15 MB take 30 ms (design 3.3)."""
        try:
            cut = await asyncio.to_thread(sync.cut, notification)
        except SidecarError as error:
            self._refused(connection, notification.method, error)
        else:
            self._synced(connection, notification, cut)
        finally:
            connection.release()

    def _synced(self, connection: Connection, notification: Notification, cut: sync.Cut) -> None:
        if connection.closed is not None:
            return
        try:
            NOTIFICATIONS[notification.method](self._core, connection, cut)
        except SidecarError as error:
            self._refused(connection, notification.method, error)

    def _refused(self, connection: Connection, method: str, error: SidecarError) -> None:
        self._core.counters["notifications.refused"] += 1
        log.warning("%s from %s refused: %s", method, connection.id, error.message)

    def on_request(self, connection: Connection, request: Request) -> None:
        """One request: answered here if its method is inline, else by a task of its own."""
        method = METHODS.get(request.method)
        if method is None or (connection.lsp is not None and connection.lsp.shut_down):
            self._foreign(connection, request)
            return
        try:
            ask = self._ask(connection, request, method)
            if method.inline:
                connection.reply(request.id, (_encode(method.answer(ask)),))
                return
        except SidecarError as error:
            connection.fail(request.id, error)
            return
        self._start(ask, method)

    def _foreign(self, connection: Connection, request: Request) -> None:
        if not self._core.editors.asked(connection, request):
            connection.fail(request.id, UnknownMethod(f"there is no method {request.method!r}", hint="docs/protocol.md lists the methods."))

    def _ask(self, connection: Connection, request: Request, method: Method) -> Ask:
        # The stop itself, not only the drain that follows it: its asker may send the next request before the loop turns.
        if (self._leaving or self._core.server.stopping) and not method.inline:
            raise _shutting_down()
        if connection.rights is Rights.READER and not method.reader_may:
            raise Forbidden(f"{method.name} is not served on the read-only socket", hint="Connect to the full socket.")
        if not method.inline and self._per_client.get(connection.id, 0) >= self._most_per_client:
            raise Overloaded(f"{self._most_per_client} requests of this client are unanswered", hint="Wait for answers first.", retry_after_ms=50)
        raw = _EMPTY if request.params is NULL else request.params
        if method.decoder is None:
            return Ask(self._core, connection, request.id, raw, None, time.monotonic())
        try:
            params = decode(method.decoder, raw)
        except InvalidParams:
            if raw != NULL:  # an explicit null counts as no params, but is too rare to be looked for beforehand
                raise
            params = decode(method.decoder, raw := _EMPTY)
        return Ask(self._core, connection, request.id, raw, params, time.monotonic())

    def _start(self, ask: Ask, method: Method) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(ask, method))
        key = (ask.connection.id, ask.id)
        self._tasks[key] = task
        self._per_client[ask.connection.id] = self._per_client.get(ask.connection.id, 0) + 1
        task.add_done_callback(lambda _: self._done(key))
        self._core.lag.wake()

    def _done(self, key: Key) -> None:
        del self._tasks[key]
        left = self._per_client[key[0]] - 1
        if left:
            self._per_client[key[0]] = left
        else:
            del self._per_client[key[0]]

    async def _answer(self, ask: Ask, method: Method) -> None:
        """Boundary: whatever goes wrong in a method fails that one request, and nothing else (invariant 7)."""
        connection = ask.connection
        try:
            result = await (method.answer(ask) if method.timeout is None else _within(method, method.timeout, ask))
            connection.reply(ask.id, result if isinstance(result, list) else [_encode(result)])
        except SidecarError as error:
            connection.fail(ask.id, error)
        except Exception:
            log.exception("%s failed", method.name)
            connection.fail(ask.id, Failed(f"{method.name} failed inside the daemon", hint="`sidecar logs` has the details; please report them."))

    def _end(self, connection: Connection, request_id: int | str, error: SidecarError) -> bool:
        task = self._tasks.get((connection.id, request_id))
        if task is None or task.done():
            return False
        connection.fail(request_id, error)
        task.cancel()
        return True


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("the daemon is stopping", hint="Ask again: the next request starts a new daemon.")


async def _within(method: Method, bounds: Timeout, ask: Ask) -> Any:
    """Run a method within its own budget; tools keep theirs in the runner."""
    asked_ms = decode(_common, ask.raw).timeout_ms
    check_timeout(asked_ms)
    budget_ms = min(bounds.default_ms if asked_ms is None else asked_ms, bounds.max_ms)
    try:
        async with asyncio.timeout(budget_ms / 1e3):
            return await method.answer(ask)
    except TimeoutError as late:
        raise TimedOut(f"{method.name} was not done in time", hint="Ask with a larger timeoutMs.") from late
