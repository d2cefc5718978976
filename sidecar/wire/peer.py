"""One side of a JSON-RPC 2.0 conversation, without I/O: towards editors and towards language servers alike.

Owns the ledgers of what is in flight in both directions, and with them invariant 1: every accepted request gets exactly one
response; a second one is refused (`None`) for the caller to count. Must never decode parameters or results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from sidecar.errors import FrameTooLarge, InvalidRequest, Overloaded, ParseFailed, SidecarError
from sidecar.wire.frames import MAX_BODY, SMALL, SYNC_METHODS, Chunk
from sidecar.wire.messages import (
    CANCEL_METHOD,
    NULL,
    Cancel,
    Dropped,
    Envelope,
    Event,
    Id,
    Notification,
    Rejected,
    Reply,
    Request,
    decode_cancel,
    decode_envelope,
    decode_id,
    decode_loose,
    encode,
    encode_error,
    encode_id,
)

IN_FLIGHT_LIMIT = 4096
"""Requests one peer may have open: far above any editor's, and a ledger of it weighs under 1 MB."""


class Peer:
    """The state of one conversation. `receive` what came; what the other methods return is to be framed and sent.

    Attributes:
        in_flight: accepted requests that are owed an answer, id to method.
        outgoing: our own requests that are owed an answer, id to method.
    """

    __slots__ = ("_last_id", "in_flight", "limit", "outgoing")

    def __init__(self, limit: int = IN_FLIGHT_LIMIT) -> None:
        self.limit = limit
        self.in_flight: dict[Id, str] = {}
        self.outgoing: dict[Id, str] = {}
        self._last_id = 0

    def receive(self, body: bytes) -> Event:
        """What one message body means. Never raises; a `Request` is entered in the ledger before it is returned."""
        try:
            message = decode_envelope(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._diagnosed(body, error)
        method, id = message.method, message.id
        if method is UNSET:
            return self._reply(message)
        if len(body) > MAX_BODY and method not in SYNC_METHODS:
            return self._rejected(FrameTooLarge(f"{method}: more than {MAX_BODY} bytes", hint="Only document syncs may be larger."), id)
        if id is UNSET:
            return self._cancel(message.params) if method == CANCEL_METHOD else Notification(method, message.params, body)
        if id in self.in_flight or len(self.in_flight) >= self.limit:
            return self._refused(id)
        self.in_flight[id] = method
        return Request(id, method, message.params)

    def result(self, id: Id, parts: Sequence[Chunk]) -> Sequence[Chunk] | None:
        """The response with a result given as parts of JSON, uncopied unless small; None if `id` is not owed an answer (any more)."""
        if self.in_flight.pop(id, None) is None:
            return None
        if len(parts) == 1 and len(parts[0]) <= SMALL:
            return (b"".join((b'{"jsonrpc":"2.0","id":', encode_id(id), b',"result":', parts[0], b"}")),)
        return [b'{"jsonrpc":"2.0","id":%b,"result":' % encode_id(id), *parts, b"}"]

    def error(self, id: Id, error: Mapping[str, Any] | Raw) -> list[bytes] | None:
        """The response with an error object; None if `id` is not owed an answer (any more)."""
        if self.in_flight.pop(id, None) is None:
            return None
        return refusal(error, id)

    def notify(self, method: str, params: bytes) -> bytes:
        """A notification; `params` is JSON, empty for none (TypeScript 7's server takes no `null` where LSP 3.17 says void)."""
        return b'{"jsonrpc":"2.0","method":%b%b}' % (encode(method), params and b',"params":' + params)

    def request(self, method: str, params: bytes) -> tuple[Id, bytes]:
        """A request of ours with a fresh id, entered in the ledger; `params` is JSON, empty for none."""
        self._last_id += 1
        self.outgoing[self._last_id] = method
        return self._last_id, b'{"jsonrpc":"2.0","id":%d,"method":%b%b}' % (self._last_id, encode(method), params and b',"params":' + params)

    def forget(self, id: Id) -> bool:
        """No longer expects the answer to a request of ours: when it comes it is `Dropped`. False if it was not expected."""
        return self.outgoing.pop(id, None) is not None

    def _reply(self, message: Envelope) -> Event:
        id, error = message.id, message.error
        if id is UNSET or (message.result is UNSET and error is UNSET):
            return Rejected(InvalidRequest("A message without a method that is no response", hint="Send method and params."), self._free(id))
        method = self.outgoing.pop(id, None)
        if method is None:
            return Dropped("unknownReply")
        if error is not UNSET and bytes(error) != b"null":
            return Reply(id, method, NULL, error)
        return Reply(id, method, NULL if message.result is UNSET else message.result, None)

    def _cancel(self, params: Raw) -> Event:
        try:
            id = decode_cancel(params).id
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Rejected(InvalidRequest(f"{CANCEL_METHOD}: params.id: {error}", hint="Send {id}, the request's id."))
        return Cancel(id) if id in self.in_flight else Dropped("lateCancel")

    def _refused(self, id: Id) -> Rejected:
        if id in self.in_flight:  # an answer with this id would end the first request (protocol.md, "Wire")
            return Rejected(InvalidRequest(f"The id {id!r:.80} is in flight already", hint="Give each request its own id."))
        return Rejected(Overloaded(f"{self.limit} requests are in flight already", hint="Wait for answers.", retry_after_ms=100), id)

    def _rejected(self, error: SidecarError, id: Id | msgspec.UnsetType) -> Rejected:
        return Rejected(error, self._free(id))

    def _free(self, id: Id | msgspec.UnsetType) -> Id | None:
        """The id if an answer with it cannot be taken for another request's."""
        return None if id is UNSET or id in self.in_flight else id

    def _diagnosed(self, body: bytes, error: Exception) -> Event:
        """Says what is wrong with a message that could not be decoded."""
        if isinstance(error, RecursionError):
            return Rejected(ParseFailed("The message is nested too deeply", hint="Nest less than 500 levels."))
        if not isinstance(error, msgspec.ValidationError):
            return Rejected(ParseFailed(f"Not valid JSON: {error}", hint="Send one complete JSON object a message."))
        if body.lstrip()[:1] == b"[":
            return Rejected(InvalidRequest("JSON-RPC batch arrays are not accepted", hint="Send each request as its own message (later: sidecar/batch)."))
        try:
            loose = decode_loose(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Rejected(InvalidRequest(f"Not a JSON-RPC message: {error}", hint="Send a JSON object with jsonrpc, id, method and params."))
        return self._diagnosed_fields(loose.id, loose.method is UNSET, error)

    def _diagnosed_fields(self, raw_id: Raw | msgspec.UnsetType, is_reply: bool, error: Exception) -> Event:
        id: Id | msgspec.UnsetType = UNSET
        if raw_id is not UNSET:
            if is_reply and bytes(raw_id) == b"null":
                return Dropped("nullIdReply")  # the other side could not read a message of ours
            try:
                id = decode_id(raw_id)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return Rejected(InvalidRequest("id must be an integer or a string", hint="Leave id out to send a notification."))
        return self._rejected(InvalidRequest(f"Not a JSON-RPC 2.0 message: {error}", hint='Send "jsonrpc": "2.0", a string method, and params.'), id)


def refusal(error: Mapping[str, Any] | Raw, id: Id | None = None) -> list[bytes]:
    """An error response that answers no accepted request: `id` is null, or of a request that was never accepted."""
    return [b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (encode_id(id), encode_error(error))]
