"""Basic structures of the Language Server Protocol, as far as the daemon itself reads or writes them (LSP 3.17, Basic JSON Structures)."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True):
    """A place between two characters; both 0-based, `character` in units of the negotiated encoding."""

    line: int
    character: int


class Range(msgspec.Struct, frozen=True):
    """From `start` up to, but not including, `end`."""

    start: Position
    end: Position


class TextDocumentIdentifier(msgspec.Struct, frozen=True):
    """A document by its URI."""

    uri: str


class VersionedTextDocumentIdentifier(msgspec.Struct, frozen=True):
    """One version of a document."""

    uri: str
    version: int
