"""One text per (server, URI) (design 3.15): which text of each document one server holds, and who may ask about it now.

Owns the queue of each URI: requests about the text that the server holds go at once, others wait until nothing that was asked
about it is in flight, in the order they came. Pure of I/O and of clocks: what is to be written is handed to the request's own `go`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from sidecar.langs.text import Text, same

MAX_OPEN = 64
"""Documents that are kept open in one server; the one that was asked about longest ago is closed."""

_encode = msgspec.json.Encoder().encode
Note = tuple[str, bytes]
"""Method and params of a notification to the server."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The text that a request is about.

    Attributes:
        uri: canonical.
        language_id: LSP's.
        text: the whole.
        owner: the client whose buffer it is; None = the disk's.
        json: the text as a JSON string, if it was made already (off the loop, for a large one).
    """

    uri: str
    language_id: str
    text: Text
    owner: str | None = None
    json: bytes | None = None


@dataclass(slots=True, eq=False)
class Ticket:
    """One request's place in the queue of its URI. `go` writes it, after the notifications it is given."""

    desk: Desk
    wanted: Wanted
    go: Callable[[Sequence[Note]], None]
    beside: Sequence[Wanted] = ()
    going: bool = False


@dataclass(slots=True)
class _Held:
    """The text that the server holds of one URI, and the requests about it."""

    wanted: Wanted
    version: int = 1
    in_flight: int = 0
    forsaken: bool = False
    waiting: deque[Ticket] = field(default_factory=deque)

    @property
    def idle(self) -> bool:
        return not self.in_flight and not self.waiting


class Desk:
    """The texts of one running server.

    Args:
        send: writes notifications that belong to no request.
    """

    def __init__(self, send: Callable[[Sequence[Note]], None]) -> None:
        self._send = send
        self._held: dict[str, _Held] = {}

    def submit(self, wanted: Wanted, go: Callable[[Sequence[Note]], None], beside: Sequence[Wanted] = ()) -> Ticket:
        """Let a request go as soon as the server may hold its text: within this call, or from a later `done`.

        Args:
            wanted: what it is about.
            go: called once; writes what it is given and then the request, in one write. It must not call the desk.
            beside: other texts that the answer should know of, best effort: one that somebody asks about now is left as it is.
        """
        ticket = Ticket(self, wanted, go, beside)
        held = self._held.pop(wanted.uri, None)
        if held is None:
            held = self._held[wanted.uri] = _Held(_light(wanted))
            notes = [_opened(wanted), *self._evicted()]
        else:
            self._held[wanted.uri] = held  # the youngest now
            if held.waiting or (held.in_flight and not same(held.wanted.text, wanted.text)):
                held.waiting.append(ticket)
                return ticket
            notes = self._switched(held, wanted)
        self._start(held, ticket, notes)
        return ticket

    def done(self, ticket: Ticket) -> None:
        """The request was answered, given up, or never went."""
        held = self._held.get(ticket.wanted.uri)
        if held is None:
            return
        if ticket.going:
            held.in_flight -= 1
        elif ticket in held.waiting:
            held.waiting.remove(ticket)
        self._next(held)

    def closed(self, owner: str, uri: str) -> None:
        """A client has closed its buffer: the server must not go on believing it."""
        held = self._held.get(uri)
        if held is None or held.wanted.owner != owner:
            return
        held.forsaken = True
        self._next(held)

    def holds(self, wanted: Wanted) -> bool:
        """Whether the server has this very text now."""
        held = self._held.get(wanted.uri)
        return held is not None and same(held.wanted.text, wanted.text)

    def texts(self) -> list[Wanted]:
        """What the server holds, longest unused first."""
        return [held.wanted for held in self._held.values()]

    def reopen(self, texts: Iterable[Wanted]) -> None:
        """Give a new server what the old one held."""
        for wanted in texts:
            self._held[wanted.uri] = _Held(wanted)
            self._send([_opened(wanted)])

    def _next(self, held: _Held) -> None:
        """Start every request that may go now; forget a text that nobody stands by."""
        while held.waiting and (not held.in_flight or same(held.wanted.text, held.waiting[0].wanted.text)):
            ticket = held.waiting.popleft()
            self._start(held, ticket, self._switched(held, ticket.wanted))
        if held.forsaken and held.idle:
            del self._held[held.wanted.uri]
            self._send([_closed(held.wanted.uri)])

    def _start(self, held: _Held, ticket: Ticket, notes: Sequence[Note]) -> None:
        ticket.going = True
        held.in_flight += 1
        others = [note for other in ticket.beside if other.uri != ticket.wanted.uri for note in self._beside(other)]
        ticket.go([*others, *notes])

    def _switched(self, held: _Held, wanted: Wanted) -> list[Note]:
        """Make the server hold a text; nothing to send if it does already."""
        is_same = same(held.wanted.text, wanted.text)
        held.wanted = _light(wanted)
        held.forsaken = False
        if is_same:
            return []
        held.version += 1
        return [_changed(wanted, held.version)]

    def _beside(self, wanted: Wanted) -> list[Note]:
        held = self._held.get(wanted.uri)
        if held is None:
            if len(self._held) >= MAX_OPEN:
                return []
            self._held[wanted.uri] = _Held(wanted)
            return [_opened(wanted)]
        return self._switched(held, wanted) if held.idle else []

    def _evicted(self) -> list[Note]:
        if len(self._held) <= MAX_OPEN:
            return []
        oldest = next((uri for uri, held in self._held.items() if held.idle), None)
        if oldest is None:
            return []
        del self._held[oldest]
        return [_closed(oldest)]


def _opened(wanted: Wanted) -> Note:
    head = _encode({"uri": wanted.uri, "languageId": wanted.language_id, "version": 1})
    return "textDocument/didOpen", b'{"textDocument":%b,"text":%b}}' % (head[:-1], _json(wanted))


def _changed(wanted: Wanted, version: int) -> Note:
    head = _encode({"uri": wanted.uri, "version": version})
    return "textDocument/didChange", b'{"textDocument":%b,"contentChanges":[{"text":%b}]}' % (head, _json(wanted))


def _closed(uri: str) -> Note:
    return "textDocument/didClose", b'{"textDocument":%b}' % _encode({"uri": uri})


def _json(wanted: Wanted) -> bytes:
    return wanted.json if wanted.json is not None else wanted.text.json()


def _light(wanted: Wanted) -> Wanted:
    """Without the JSON, which is needed once."""
    return wanted if wanted.json is None else replace(wanted, json=None)
