"""What a server's notifications say about its readiness, per dialect. Pure: an empty answer means little before `ready` (design 3.14)."""

from __future__ import annotations

import enum

import msgspec

from sidecar.langs.servers import Dialect


class Readiness(enum.StrEnum):
    """How far an answer can be trusted."""

    STARTING = "starting"
    INDEXING = "indexing"
    READY = "ready"
    DEGRADED = "degraded"


class _Value(msgspec.Struct, frozen=True):
    kind: str = ""


class _Progress(msgspec.Struct, frozen=True):
    token: int | str
    value: _Value = _Value()


class _ServerStatus(msgspec.Struct, frozen=True):
    health: str = "ok"
    quiescent: bool = True


_progress = msgspec.json.Decoder(_Progress)
_server_status = msgspec.json.Decoder(_ServerStatus)
MAX_TOKENS = 256
"""Progress tokens that may be open; a server that never ends its own is not waited for."""


class Watch:
    """The readiness of one running server, by what it tells."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tokens: set[int | str] = set()
        self._status = _ServerStatus(quiescent=dialect is Dialect.PROGRESS)

    @property
    def state(self) -> Readiness:
        """As of now, for a server that has answered `initialize`."""
        # First: rust-analyzer tells bad health while it is still loading the project, too, and an empty answer is none then.
        if not self._status.quiescent:
            return Readiness.INDEXING
        if self._status.health not in ("ok", ""):
            return Readiness.DEGRADED
        return Readiness.INDEXING if self._tokens else Readiness.READY

    def notice(self, method: str, params: msgspec.Raw) -> None:
        """Take one notification; what cannot be decoded says nothing."""
        try:
            if method == "$/progress":
                self._progressed(_progress.decode(params))
            elif method == "experimental/serverStatus" and self._dialect is Dialect.SERVER_STATUS:
                self._status = _server_status.decode(params)
            elif method == "textDocument/publishDiagnostics" and self._dialect is Dialect.DIAGNOSTICS:
                self._status = _ServerStatus()
        except msgspec.DecodeError:
            return

    def _progressed(self, progress: _Progress) -> None:
        if progress.value.kind == "begin" and len(self._tokens) < MAX_TOKENS:
            self._tokens.add(progress.token)
        elif progress.value.kind == "end":
            self._tokens.discard(progress.token)
