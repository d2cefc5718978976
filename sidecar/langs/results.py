"""From a language server's hover result to ours: one shape of contents, positions in the caller's encoding. Pure (LSP 3.17, Hover)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sidecar.engine.spec import PositionEncoding
from sidecar.langs.positions import convert
from sidecar.langs.text import Text, line_of
from sidecar.wire.frames import one_line
from sidecar.wire.lsp import Position, Range

_encode = msgspec.json.Encoder().encode
NULL = Raw(b"null")


class _Hover(msgspec.Struct, frozen=True):
    contents: Raw = NULL
    range: Raw | UnsetType = UNSET


class _Markup(msgspec.Struct, frozen=True):
    kind: str
    value: str


_hover = msgspec.json.Decoder(_Hover | None)
_range = msgspec.json.Decoder(Range)
_markup = msgspec.json.Decoder(_Markup)
_any = msgspec.json.Decoder()


def hover(result: Raw, text: Text, server: PositionEncoding, caller: PositionEncoding) -> tuple[Raw, Raw | UnsetType]:
    """Contents as MarkupContent or `null`, and the range if there is one, both as JSON on one line.

    Raises:
        msgspec.DecodeError: it is no hover result.
    """
    found = _hover.decode(result)
    if found is None:
        return NULL, UNSET
    return Raw(one_line(bytes(_markup_of(found.contents)))), _range_of(found.range, text, server, caller)


def forwarded(result: Raw, text: Text, server: PositionEncoding, caller: PositionEncoding) -> bytes:
    """A whole hover result for an LSP client: as it came where encodings are equal, else with its range translated.

    Raises:
        msgspec.DecodeError: it is no hover result.
    """
    if server is caller or result == NULL:
        return one_line(bytes(result))
    found = _hover.decode(result)
    if found is None:
        return b"null"
    span = _range_of(found.range, text, server, caller)
    tail = b"" if span is UNSET else b',"range":' + bytes(span)
    return b'{"contents":%b%b}' % (one_line(bytes(found.contents)), tail)


def _range_of(found: Raw | UnsetType, text: Text, server: PositionEncoding, caller: PositionEncoding) -> Raw | UnsetType:
    if found is UNSET or found == NULL:
        return UNSET
    if server is caller:
        return Raw(one_line(bytes(found)))
    span = _range.decode(found)
    return Raw(_encode(Range(*(_converted(position, text, server, caller) for position in (span.start, span.end)))))


def _converted(position: Position, text: Text, server: PositionEncoding, caller: PositionEncoding) -> Position:
    return Position(position.line, convert(line_of(text, position.line), position.character, server, caller))


def _markup_of(contents: Raw) -> Raw | bytes:
    """MarkupContent as it came, and the two older shapes (MarkedString, a list of them) as one of markdown."""
    try:
        return contents if _markup.decode(contents).value else NULL
    except msgspec.ValidationError:
        parts = [part for part in map(_marked, _listed(_any.decode(contents))) if part]
        return _encode(_Markup("markdown", "\n\n".join(parts))) if parts else NULL


def _listed(contents: Any) -> list[Any]:
    return contents if isinstance(contents, list) else [contents]


def _marked(part: Any) -> str:
    if isinstance(part, dict) and isinstance(part.get("value"), str):
        return f"```{part.get('language', '')}\n{part['value']}\n```" if part["value"] else ""
    return part if isinstance(part, str) else ""
