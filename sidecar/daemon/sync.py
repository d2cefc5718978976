"""Document sync (LSP 3.17 didOpen, didChange, didClose): decoded here, applied in `langs/documents`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from sidecar import native
from sidecar.daemon.core import Core
from sidecar.engine.runner import decode
from sidecar.errors import InvalidParams
from sidecar.langs.documents import Change
from sidecar.langs.text import Given
from sidecar.wire.lsp import Range, TextDocumentIdentifier, VersionedTextDocumentIdentifier

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection
    from sidecar.wire.messages import Notification

# From this size on the text is cut out in Rust, without the GIL (design 3.3); below, msgspec is faster than two passes.
LARGE_BYTES = 256 << 10


class _Opened(msgspec.Struct, frozen=True, rename="camel"):
    uri: str
    language_id: str
    version: int
    text: str | int


class DidOpen(msgspec.Struct, frozen=True, rename="camel"):
    """LSP 3.17 DidOpenTextDocumentParams; a number in place of a text is its index among the texts that were cut out."""

    text_document: _Opened


class _Change(msgspec.Struct, frozen=True):
    text: str | int
    range: Range | None = None


class DidChange(msgspec.Struct, frozen=True, rename="camel"):
    """LSP 3.17 DidChangeTextDocumentParams."""

    text_document: VersionedTextDocumentIdentifier
    content_changes: list[_Change]


class DidClose(msgspec.Struct, frozen=True, rename="camel"):
    """LSP 3.17 DidCloseTextDocumentParams."""

    text_document: TextDocumentIdentifier


class _Message(msgspec.Struct, frozen=True):
    params: msgspec.Raw


_opened = msgspec.json.Decoder(DidOpen)
_changed = msgspec.json.Decoder(DidChange)
_closed = msgspec.json.Decoder(DidClose)
_message = msgspec.json.Decoder(_Message)


class Cut(NamedTuple):
    """The params of a document sync, and the texts that were cut out of them."""

    params: msgspec.Raw
    texts: list[Given]


def cut(notification: Notification) -> Cut:
    """Cut the texts out of a large document sync; called in a thread.

    Raises:
        InvalidParams, TooLarge: it cannot be read.
    """
    body, texts = native.cut_sync(notification.body)
    return Cut(decode(_message, body).params, list(texts))


def did_open(core: Core, connection: Connection, cut: Cut) -> None:
    """A client has opened a document.

    Raises:
        InvalidParams: the params are not LSP's.
        Overloaded: the client has too much open.
    """
    document = decode(_opened, cut.params).text_document
    core.documents.open(connection.id, document.uri, document.language_id, document.version, _given(document.text, cut.texts))


def did_change(core: Core, connection: Connection, cut: Cut) -> None:
    """A client has changed an open document.

    Raises:
        InvalidParams: the params are not LSP's.
        Overloaded: the client has too much open.
    """
    said: DidChange = decode(_changed, cut.params)
    changes = [Change(_given(change.text, cut.texts), _flat(change.range)) for change in said.content_changes]
    core.documents.change(connection.id, said.text_document.uri, said.text_document.version, changes, connection.encoding)


def did_close(core: Core, connection: Connection, cut: Cut) -> None:
    """A client has closed a document.

    Raises:
        InvalidParams: the params are not LSP's.
    """
    core.documents.close(connection.id, decode(_closed, cut.params).text_document.uri)


def _given(text: str | int, texts: list[Given]) -> Given:
    if isinstance(text, str):
        return text
    if not 0 <= text < len(texts):
        raise InvalidParams("text: expected `str`, got `int`", hint="Send the document's text.")
    return texts[text]


def _flat(range_: Range | None) -> tuple[int, int, int, int] | None:
    if range_ is None:
        return None
    return range_.start.line, range_.start.character, range_.end.line, range_.end.character
