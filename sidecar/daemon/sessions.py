"""Sessions: the identity that survives a connection (design 3.9). A session's owner has left after `sidecar/bye`, or 60 s without a connection."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from sidecar.errors import InvalidParams

OWNER_LEAVES_AFTER_S = 60.0
# A client that opens a new session for every command would fill the table; the one unused for longest goes first.
MOST_SESSIONS = 4096
MOST_NAME_CHARACTERS = 200


@dataclass(slots=True)
class Session:
    """One session: the connections that carry it now, and when the last of them ended (`time.monotonic()` seconds)."""

    id: str
    connections: set[str] = field(default_factory=set)
    left_at: float | None = None


class Sessions:
    """All sessions of this daemon's life."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def join(self, wanted: str | None, connection_id: str) -> str:
        """The session a connection belongs to from now on: the one it names (it may stem from an earlier daemon), else a new one.

        Raises:
            InvalidParams: the name is empty or longer than 200 characters.
        """
        if wanted is not None and not 0 < len(wanted) <= MOST_NAME_CHARACTERS:
            raise InvalidParams(
                f"session: expected 1 to {MOST_NAME_CHARACTERS} characters, got {len(wanted)}", hint="Send the session of an earlier hello, or none."
            )
        name = wanted or uuid.uuid4().hex
        session = self._sessions.pop(name, None) or Session(name)
        self._sessions[name] = session
        session.connections.add(connection_id)
        session.left_at = None
        self._make_room()
        return name

    def leave(self, name: str | None, connection_id: str) -> None:
        """A connection has ended; its session goes on for a while."""
        session = self._sessions.get(name or "")
        if session is None:
            return
        session.connections.discard(connection_id)
        if not session.connections:
            session.left_at = time.monotonic()

    def end(self, name: str | None) -> None:
        """The owner said goodbye."""
        self._sessions.pop(name or "", None)

    def owner_has_left(self, name: str, now_s: float) -> bool:
        """Whether nobody owns the session any more at `now_s`."""
        session = self._sessions.get(name)
        return session is None or (session.left_at is not None and now_s - session.left_at >= OWNER_LEAVES_AFTER_S)

    def _make_room(self) -> None:
        if len(self._sessions) <= MOST_SESSIONS:
            return
        idle = next((name for name, session in self._sessions.items() if not session.connections), None)
        if idle is not None:
            del self._sessions[idle]
