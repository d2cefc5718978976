"""Events to subscribers. Only live kinds exist so far: they carry no number, and who is not connected misses them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol

import msgspec

from sidecar.errors import InvalidParams

_encode = msgspec.json.Encoder().encode
MOST_PATTERNS = 64


class Receiver(Protocol):
    """What an event is sent to."""

    def notify(self, method: str, params: bytes) -> None:
        """Take one notification; `params` is JSON."""


class Subscribe(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/events/subscribe`; `kinds` are globs over event kinds, default all."""

    since: int | None = None
    cursor: str | None = None
    journal_id: str | None = None
    kinds: list[str] = msgspec.field(default_factory=lambda: ["*"])
    thread_ids: list[str] | None = None


class Ack(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/events/ack`."""

    seq: int
    cursor: str | None = None


class Subscriptions:
    """Who wants which events. The numbered log's head is 0 until something is journalled."""

    head = 0

    def __init__(self, connections: Mapping[str, Receiver], journal_id: str) -> None:
        self._connections = connections
        self._journal_id = journal_id
        self._wanted: dict[str, Subscribe] = {}

    def subscribe(self, connection_id: str, wanted: Subscribe) -> dict[str, Any]:
        """From now on the connection gets matching events; the answer of `sidecar/events/subscribe`.

        Raises:
            InvalidParams: more than 64 globs.
        """
        if len(wanted.kinds) > MOST_PATTERNS:
            raise InvalidParams(f"kinds: expected at most {MOST_PATTERNS} globs, got {len(wanted.kinds)}", hint="Use a glob such as agent.*.")
        self._wanted[connection_id] = wanted
        answer: dict[str, Any] = {"seq": self.head, "oldest": self.head, "acked": self.head, "journalId": self._journal_id}
        if wanted.journal_id not in (None, self._journal_id):
            answer["reset"] = True
        return answer

    def ack(self, ack: Ack) -> dict[str, Any]:
        """Note what a subscriber has seen.

        Raises:
            InvalidParams: a number that no event has had yet.
        """
        if not 0 <= ack.seq <= self.head:
            raise InvalidParams(f"seq: expected 0 to {self.head}, got {ack.seq}", hint="Ack a seq that an event carried.")
        return {"acked": ack.seq}

    def drop(self, connection_id: str) -> None:
        """The connection has ended."""
        self._wanted.pop(connection_id, None)

    def publish(self, kind: str, data: Mapping[str, object]) -> None:
        """Send one live event to every connection that wants its kind."""
        receivers = [name for name, wanted in self._wanted.items() if any(fnmatchcase(kind, glob) for glob in wanted.kinds)]
        if not receivers:
            return
        event = _encode({"kind": kind, "at": datetime.now(UTC).isoformat(), "data": data})
        for name in receivers:
            self._connections[name].notify("sidecar/event", event)
