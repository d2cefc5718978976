"""The one owner of buffer text: what each client has open, as immutable values (LSP 3.17, Text Document Synchronization).

Fed by the LSP life cycle, read by the hub. Never asks a language server, never reads a file, never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams, Overloaded
from sidecar.langs import text
from sidecar.langs.positions import MAX_COORDINATE, canonical

MAX_DOCUMENTS = 4096
"""Documents that one client may have open."""
MAX_BYTES = 256 << 20
"""Bytes of text that one client may have open: sixteen documents of the largest size (design 3.3)."""


@dataclass(frozen=True, slots=True)
class Document:
    """One client's buffer at one moment.

    Attributes:
        uri: in its canonical spelling.
        language_id: as the client named it.
        version: of the client's own counting.
        text: the whole text.
    """

    uri: str
    language_id: str
    version: int
    text: text.Text


@dataclass(frozen=True, slots=True)
class Change:
    """One content change. `range` is (start line, start character, end line, end character), None for the whole text."""

    text: text.Given
    range: tuple[int, int, int, int] | None = None


class Documents:
    """Every open document, by client and canonical URI."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, Document]] = {}
        self._closed: list[Callable[[str, str], None]] = []

    def on_closed(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(client_id, uri)` for each document that is closed from now on, by its client's end too."""
        self._closed.append(listener)

    def open(self, client_id: str, uri: str, language_id: str, version: int, content: text.Given) -> None:
        """`didOpen`. Opening again replaces the text.

        Raises:
            InvalidParams: a file URI that is none of this host.
            Overloaded: over a bound; the document stays closed and is answered from the disk.
        """
        mine = self._open.setdefault(client_id, {})
        document = Document(canonical(uri), language_id, version, text.make(content))
        self._put(mine, document)

    def change(self, client_id: str, uri: str, version: int, changes: Sequence[Change], encoding: PositionEncoding) -> None:
        """`didChange`: changes apply one after the other. A document that is not open is ignored.

        Args:
            client_id: whose document.
            uri: which one.
            version: after all changes.
            changes: incremental and full ones, in any order.
            encoding: in which the client counts characters.

        Raises:
            InvalidParams: a file URI that is none of this host, or a negative position.
            Overloaded: over a bound; the document is closed, as its text would be wrong from now on.
        """
        mine = self._open.get(client_id, {})
        document = mine.get(canonical(uri))
        if document is None:
            return
        value = document.text
        for change in changes:
            value = _applied(value, change, encoding)
        try:
            self._put(mine, Document(document.uri, document.language_id, version, value))
        except Overloaded:
            self._drop(client_id, document.uri)
            raise

    def close(self, client_id: str, uri: str) -> None:
        """`didClose`. A document that is not open is ignored.

        Raises:
            InvalidParams: a file URI that is none of this host.
        """
        self._drop(client_id, canonical(uri))

    def drop_client(self, client_id: str) -> None:
        """A client has gone, and its documents with it."""
        for uri in list(self._open.get(client_id, ())):
            self._drop(client_id, uri)
        self._open.pop(client_id, None)

    def get(self, client_id: str, uri: str) -> Document | None:
        """A client's document by canonical URI, or None if it has not opened it."""
        mine = self._open.get(client_id)
        return None if mine is None else mine.get(uri)

    def of_client(self, client_id: str) -> Sequence[Document]:
        """All that a client has open."""
        return tuple(self._open.get(client_id, {}).values())

    def status(self) -> dict[str, object]:
        """For `sidecar/status`: how many documents each client has open, and their bytes."""
        clients = {name: len(mine) for name, mine in self._open.items() if mine}
        return {"open": sum(clients.values()), "bytes": sum(map(_bytes, self._open.values())), "clients": clients}

    def _put(self, mine: dict[str, Document], document: Document) -> None:
        old = mine.get(document.uri)
        grown = document.text.len_bytes - (old.text.len_bytes if old else 0)
        # Summing is linear in a client's documents, so only what grows a lot pays for it.
        if (old is None and len(mine) >= MAX_DOCUMENTS) or (grown > 0 and _bytes(mine) + grown > MAX_BYTES):
            raise Overloaded(f"a client may have {MAX_DOCUMENTS} documents of together {MAX_BYTES} bytes open", hint="Close documents that are not needed.")
        mine[document.uri] = document

    def _drop(self, client_id: str, uri: str) -> None:
        if self._open.get(client_id, {}).pop(uri, None) is not None:
            for listener in self._closed:
                listener(client_id, uri)


def _bytes(documents: dict[str, Document]) -> int:
    return sum(document.text.len_bytes for document in documents.values())


def _applied(value: text.Text, change: Change, encoding: PositionEncoding) -> text.Text:
    if change.range is None:
        return text.make(change.text)
    if min(change.range) < 0:
        raise InvalidParams("range: expected positions of 0 or more", hint="LSP positions count from 0.")
    first, start, last, end = (min(number, MAX_COORDINATE) for number in change.range)
    return value.apply(first, start, last, end, encoding, text.as_str(change.text))
