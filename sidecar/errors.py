"""The one error tree: every error knows its JSON-RPC code, its kind, and carries a hint that says what to do next.

Standard library only: the command line imports it before anything else.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs 5 ms, a fifth of the command line's whole start
if TYPE_CHECKING:
    from typing import Any, ClassVar


class SidecarError(Exception):
    """Base of every error that may reach a client.

    Args:
        message: what happened, one sentence without a final full stop.
        hint: what to do next, one sentence.
        retry_after_ms: milliseconds after which the same request may succeed.
        data: further members of the error's `data` object, in camelCase.
    """

    code: ClassVar[int] = -32803
    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "", retry_after_ms: int | None = None, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after_ms = retry_after_ms
        self.data = data

    def as_object(self) -> dict[str, Any]:
        """The JSON-RPC 2.0 error object (section 5.1), with our `data: {kind, hint, retryAfterMs?, ...}`."""
        data: dict[str, Any] = {"kind": self.kind, "hint": self.hint}
        if self.retry_after_ms is not None:
            data["retryAfterMs"] = self.retry_after_ms
        return {"code": self.code, "message": self.message, "data": data | self.data}


class ParseFailed(SidecarError):
    """The bytes are not JSON, or not one of the two framings."""

    code, kind = -32700, "parse"


class InvalidRequest(SidecarError):
    """JSON, but no request that may be made here and now."""

    code, kind = -32600, "invalidRequest"


class UnknownMethod(SidecarError):
    """No such method, or not on this socket."""

    code, kind = -32601, "unknownMethod"


class InvalidParams(SidecarError):
    """A parameter is missing, of the wrong type or out of range; the message names it and what was expected."""

    code, kind = -32602, "invalidParams"


class UnknownId(InvalidParams):
    """An id in the parameters names nothing we know."""

    kind = "unknownId"


class TooLarge(InvalidParams):
    """A parameter, pattern or frame is over its bound."""

    kind = "tooLarge"


class FrameTooLarge(InvalidRequest):
    """A frame or header block is over its bound; the connection ends, as its end cannot be found."""

    kind = "tooLarge"


class Cancelled(SidecarError):
    """The client cancelled this request itself; never used for anything else (design 3.4)."""

    code, kind = -32800, "cancelled"


class Conflict(SidecarError):
    """A precondition on a file or an answer no longer holds."""

    code, kind = -32801, "conflict"


class Stale(SidecarError):
    """The document changed under the request."""

    code, kind = -32801, "stale"


class TimedOut(SidecarError):
    """The deadline passed and nothing usable exists."""

    kind = "timeout"


class Starting(SidecarError):
    """What is needed is starting; try again."""

    kind = "starting"


class Crashed(SidecarError):
    """What is needed has crashed, or keeps crashing."""

    kind = "crashed"


class ConnectionEnded(Crashed):
    """A client's word for a daemon that closed the connection before it answered; never sent over it."""


class NotFound(SidecarError):
    """A file, folder or other named thing does not exist."""

    kind = "notFound"


class NotInstalled(SidecarError):
    """A program that is needed is not installed."""

    kind = "notInstalled"


class NotTrusted(SidecarError):
    """A root that the user has not trusted asked for something only a trusted one may."""

    kind = "notTrusted"


class OutsideRoot(SidecarError):
    """A path leaves the roots it must stay in."""

    kind = "outsideRoot"


class Forbidden(SidecarError):
    """This client may not do that."""

    kind = "forbidden"


class NoSpace(SidecarError):
    """The disk is full, or a size limit is reached."""

    kind = "noSpace"


class Interrupted(SidecarError):
    """Somebody other than the request's own client ended it."""

    kind = "interrupted"


class ShuttingDown(SidecarError):
    """The daemon is leaving and takes no new work."""

    kind = "shuttingDown"


class Failed(SidecarError):
    """It could not be done, for a reason that has no kind of its own."""


class Misconfigured(Failed):
    """A setting is unknown or of the wrong type; the message names the file and the line."""


class Overloaded(SidecarError):
    """Over a bound; the same request may be made again later."""

    code, kind = -32001, "overloaded"
