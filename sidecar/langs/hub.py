"""Hover by language servers: finds the server of a file, gives it the caller's text, asks, and says how far the answer can be trusted.

Never starts a process itself, never reads a file on the loop, never parses a large reply.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from sidecar import config
from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from sidecar.engine.spec import Caller, Hover
from sidecar.errors import Failed, InvalidParams, SidecarError, Stale, Starting, TimedOut
from sidecar.langs import results, servers
from sidecar.langs.client import Asked, LanguageClient, code_of, message_of
from sidecar.langs.clock import Clock, LoopClock
from sidecar.langs.desk import Note, Wanted
from sidecar.langs.disk import Disk
from sidecar.langs.documents import Documents
from sidecar.langs.fleet import Fleet
from sidecar.langs.lifeline import Lifeline
from sidecar.langs.places import Place, Places, wanted_of
from sidecar.langs.positions import MAX_COORDINATE, canonical, convert, uri_of
from sidecar.langs.readiness import Readiness
from sidecar.langs.servers import Row
from sidecar.langs.text import LARGE, line_of
from sidecar.langs.world import World
from sidecar.trace import Counters, Trace
from sidecar.wire.messages import Reply

BRIEFLY_MS = 250.0
"""How long `textDocument/hover` waits for a start that may just be ending, before it says `starting` (design 3.4)."""
SETTLE_MS = 5_000.0
"""How long an empty answer of a server that still reads the project is held back for one more try (field note 12)."""
CHANGED = (-32801, -32802, -32800)
"""ContentModified, ServerCancelled, and RequestCancelled without our asking: the same question may be answered now (LSP 3.17)."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Question:
    """One hover on its way.

    Attributes:
        caller: who asks.
        bound: its root.
        uri: canonical.
        position: LSP (line, character) in the caller's encoding.
        start_by: until when a starting server is waited for.
        deadline: of the whole.
        trace: its times.
    """

    caller: Caller
    bound: str | None
    uri: str
    position: tuple[int, int]
    start_by: Deadline
    deadline: Deadline
    trace: Trace


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's result, what it is about, and who gave it."""

    result: msgspec.Raw
    place: Place
    client: LanguageClient

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.result == results.NULL


class Hub:
    """The way to all language servers.

    Args:
        processes: where they are started.
        documents: the clients' buffers.
        counters: totals of the daemon.
        overrides: what the user changes about the table, by name.
        on_event: told of servers that start, are ready, crash and stop: kind and data of a `sidecar/event`.
        clock: for back-off, breaker and idle stop.
        rows: the table.
        overrides_of: the same as `overrides` for one root; blocking.
        rss_max_bytes: memory that all servers together may use.
    """

    def __init__(
        self,
        processes: Processes,
        documents: Documents,
        counters: Counters,
        overrides: Mapping[str, config.Server],
        *,
        on_event: Callable[[str, dict[str, object]], None] = lambda kind, data: None,
        clock: Clock | None = None,
        rows: Sequence[Row] = servers.ROWS,
        overrides_of: Callable[[str], Mapping[str, config.Server]] | None = None,
        rss_max_bytes: int = config.Limits().servers_rss_bytes,
    ) -> None:
        self._documents = documents
        self._disk = Disk()
        of_root = overrides_of or (lambda root: overrides)
        self._fleet = Fleet(World(processes, self._disk, counters, clock or LoopClock(), self._present, on_event), rss_max_bytes)
        self._places = Places(documents, self._disk, servers.table(overrides, rows), lambda root: servers.table(of_root(root), rows), self._fleet.runs)
        documents.on_closed(self._fleet.document_closed)

    async def hover(self, caller: Caller, root: str | None, path: str, position: tuple[int, int], *, deadline: Deadline, trace: Trace) -> Hover:
        """The tool `hover`: waits for a server that starts; without one in time it succeeds with no contents and its readiness.

        Args:
            caller: who asks; its buffer of the file counts, else the disk.
            root: the caller's folder, for relative paths and as the bound of the search for the project's root.
            path: absolute, or relative to `root`.
            position: LSP (line, character) in the caller's encoding.
            deadline: of the call.
            trace: `server_s` gets the time spent waiting for the server.

        Raises:
            SidecarError: no such file, no server for it (notFound), one that is not installed, keeps crashing, or does not answer.
        """
        question = Question(caller, root, uri_of(_absolute(root, path)), _checked(position), deadline, deadline, trace)
        place = await self._places.find(caller, root, question.uri)
        with self._fleet.using(caller, place) as lifeline:
            try:
                answer = await self._asked(question, place, lifeline)
                if answer.is_empty and answer.client.readiness is Readiness.INDEXING:
                    answer = await self._asked_again(question, answer, lifeline)
            except Starting:
                return Hover(readiness=lifeline.readiness, server=place.row.name)
            return _tool_result(answer, lifeline, caller)

    async def forward_hover(self, caller: Caller, root: str | None, uri: str, position: tuple[int, int], *, deadline: Deadline, trace: Trace) -> bytes:
        """`textDocument/hover`: the result as JSON on one line; a server that is starting or dead is an error, at once (design 3.4).

        Raises:
            Starting, Crashed: with `retryAfterMs`.
            Stale: the text changed under the question, twice.
            SidecarError: as `hover`.
        """
        question = Question(caller, root, canonical(uri), _checked(position), deadline.shortened_ms(BRIEFLY_MS), deadline, trace)
        place = await self._places.find(caller, root, question.uri)
        with self._fleet.using(caller, place) as lifeline:
            try:
                answer = await self._asked(question, place, lifeline)
            except Starting as waiting:
                raise (lifeline.crashed() if lifeline.is_down else waiting) from waiting
        try:
            return results.forwarded(answer.result, answer.place.wanted.text, answer.client.said.encoding, caller.encoding)
        except msgspec.DecodeError as wrong:
            raise _no_hover(answer.client) from wrong

    def status(self) -> list[dict[str, Any]]:
        """Each server, for `sidecar/status`."""
        return self._fleet.status()

    async def stop_all(self) -> None:
        """End every server and start none again."""
        await self._fleet.stop()
        self._disk.close()

    async def _asked(self, question: Question, place: Place, lifeline: Lifeline) -> Answer:
        """Ask; if the server finds its text changed meanwhile, ask once more about the present one."""
        client = lifeline.running
        if client is None:
            client = await _started(question, lifeline)
            place = await self._places.find(question.caller, question.bound, question.uri)
        if not client.hovers:
            raise Failed(f"{client.row.name} answers no hovers", hint="Ask for something it offers.", server=client.row.name)
        if lifeline.fresh is not None:
            await lifeline.fresh.ensure()
        for _ in range(2):
            reply = await self._round(question, place, lifeline, client)
            if reply.error is None:
                return Answer(reply.result, place, client)
            if code_of(reply.error) not in CHANGED:
                raise Failed(f"{client.row.name}: {message_of(reply.error)}", hint="`sidecar status` shows the server.", server=client.row.name)
            place = await self._places.find(question.caller, question.bound, question.uri)
        raise Stale(f"the document changed while {client.row.name} was looking at it", hint="Ask again.", retry_after_ms=50)

    async def _asked_again(self, question: Question, answer: Answer, lifeline: Lifeline) -> Answer:
        """An empty answer of a server that still reads the project is none (design 3.14): wait for it and ask once more."""
        patience = question.deadline.shortened_ms(SETTLE_MS)
        waiting_at = time.monotonic()
        try:
            async with asyncio.timeout(patience.remaining_s()):
                await lifeline.settled(answer.client)
        except TimeoutError:
            return answer
        finally:
            question.trace.server_s += time.monotonic() - waiting_at
        return await self._asked(question, answer.place, lifeline)

    async def _round(self, question: Question, place: Place, lifeline: Lifeline, client: LanguageClient) -> Reply:
        """One request, once the server may hold its text. Whatever ends the wait, the server is told and the text is free again."""
        wanted = place.wanted
        if wanted.text.len_bytes > LARGE and not lifeline.desk.holds(wanted):
            wanted = replace(wanted, json=await self._places.encoded(wanted.text))
        params = _params(wanted, question, client)
        granted: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()
        posted: list[Asked] = []

        def go(notes: Sequence[Note]) -> None:
            try:
                posted.append(client.post("textDocument/hover", params, [client.notification(*note) for note in notes]))
            except SidecarError as error:
                if not granted.done():
                    granted.set_exception(error)
                return
            if not granted.done():
                granted.set_result(posted[0])

        ticket = lifeline.desk.submit(wanted, go, self._places.beside(question.caller, place))
        is_late = False
        try:
            async with asyncio.timeout(question.deadline.remaining_s()):
                return await (await granted).reply
        except TimeoutError as late:
            is_late = True
            raise _too_late(client) from late
        finally:
            for asked in posted:
                question.trace.server_s += (asked.answered_at or time.monotonic()) - asked.sent_at
                client.forget(asked, late=is_late)
            ticket.desk.done(ticket)

    def _present(self, held: Wanted) -> Wanted | None:
        """The present text of what a server held that has crashed, for the next one; the disk's are sent when they are asked about."""
        document = self._documents.get(held.owner, held.uri) if held.owner is not None else None
        return None if document is None or held.owner is None else wanted_of(document, held.owner)


async def _started(question: Question, lifeline: Lifeline) -> LanguageClient:
    waiting_at = time.monotonic()
    try:
        return await lifeline.wait(question.start_by)
    finally:
        question.trace.server_s += time.monotonic() - waiting_at


def _params(wanted: Wanted, question: Question, client: LanguageClient) -> bytes:
    line, character = question.position
    server, caller = client.said.encoding, question.caller.encoding
    if server is not caller:
        character = convert(line_of(wanted.text, line), character, caller, server)
    return b'{"textDocument":{"uri":%b},"position":{"line":%d,"character":%d}}' % (_encode(wanted.uri), line, character)


def _tool_result(answer: Answer, lifeline: Lifeline, caller: Caller) -> Hover:
    place, client = answer.place, answer.client
    try:
        contents, span = results.hover(answer.result, place.wanted.text, client.said.encoding, caller.encoding)
    except msgspec.DecodeError as wrong:
        raise _no_hover(client) from wrong
    version = UNSET if place.version is None else place.version
    return Hover(contents=contents, readiness=lifeline.readiness, server=client.row.name, range=span, version=version)


def _absolute(root: str | None, path: str) -> str:
    if "\0" in path:
        raise InvalidParams("path: holds a NUL", hint="Send the path of a file.")
    if root is None and not os.path.isabs(path):
        raise InvalidParams("path: is relative, and there is no root", hint="Send an absolute path, or `root`.")
    return os.path.normpath(os.path.join(root or "/", path))


def _checked(position: tuple[int, int]) -> tuple[int, int]:
    if min(position) < 0:
        raise InvalidParams("position: expected line and character of 0 or more", hint="LSP positions count from 0.")
    line, character = position
    return min(line, MAX_COORDINATE), min(character, MAX_COORDINATE)


def _no_hover(client: LanguageClient) -> Failed:
    return Failed(f"{client.row.name} answered with what is no hover", hint="Report it to the server's authors.", server=client.row.name)


def _too_late(client: LanguageClient) -> SidecarError:
    if client.readiness is Readiness.INDEXING:
        return Starting(f"{client.row.name} is still reading the project", hint="Ask again in a moment.", retry_after_ms=1000, server=client.row.name)
    return TimedOut(f"{client.row.name} did not answer in time", hint="Ask with a larger timeoutMs.", **client.stderr())
