"""From `rg --json` to the tool's own matches: lines in, JSON objects out. Pure.

The shape, the window of an over-long line and the columns are those of `native_rs/src/sink.rs`, `clip.rs` and `positions.rs`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import msgspec

from sidecar.engine.spec import PositionEncoding

_encode = msgspec.json.Encoder().encode


class _Text(msgspec.Struct, frozen=True):
    text: str | None = None
    base64: str | None = msgspec.field(default=None, name="bytes")

    def raw(self) -> bytes:
        return self.text.encode() if self.text is not None else b64decode(self.base64 or "")


class _Span(msgspec.Struct, frozen=True):
    start: int
    end: int


class _Line(msgspec.Struct, frozen=True):
    path: _Text
    lines: _Text
    line_number: int
    absolute_offset: int
    submatches: list[_Span]


class _Begun(msgspec.Struct, frozen=True):
    path: _Text


class _Ended(msgspec.Struct, frozen=True):
    path: _Text
    binary_offset: int | None = None


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """A file with matches starts."""

    data: _Begun


class Match(msgspec.Struct, frozen=True, tag="match"):
    """A matching line."""

    data: _Line


class Context(msgspec.Struct, frozen=True, tag="context"):
    """A line around one."""

    data: _Line


class End(msgspec.Struct, frozen=True, tag="end"):
    """The file ends."""

    data: _Ended


class Summary(msgspec.Struct, frozen=True, tag="summary"):
    """The search ends."""


Event = Begin | Match | Context | End | Summary
decode = msgspec.json.Decoder(Event).decode


class FileItems:
    """The matches of one file.

    Args:
        shown: its path as the reply shows it.
        after: context lines asked for behind a match.
        max_line_bytes: of a line's text shown at most.
        encoding: of the columns.
    """

    def __init__(self, shown: bytes, after: int, max_line_bytes: int, encoding: PositionEncoding) -> None:
        self._head = path_member(shown)
        self._after = after
        self._max = max_line_bytes
        self._encoding = encoding
        self._open: dict[str, Any] | None = None
        self._last_line = 0
        self._before: list[str] = []
        self.items: list[bytes] = []
        self.size = 0

    def match(self, line: _Line) -> None:
        """A matching line, or lines in multiline mode."""
        self.close()
        raw = line.lines.raw()
        text = raw.removesuffix(b"\n")
        spans = _spans(raw, line.submatches, self._max)
        start, end = (spans[0].start, spans[0].end) if spans else (0, len(text))
        first, last = window(text, spans[0].start if spans else 0, self._max)
        found = self._head | {"line": line.line_number, "byteOffset": line.absolute_offset} | _text_or_bytes(text[first:last])
        found["submatches"] = spans
        found["range"] = {"start": self._position(raw, line.line_number, start), "end": self._position(raw, line.line_number, end)}
        if last - first < len(text):
            found |= {"clipped": True, "textStart": first}
        if self._before:
            found["before"], self._before = self._before, []
        self._open = found
        self._last_line = line.line_number + text.count(b"\n")

    def context(self, line: _Line) -> None:
        """A line around matches: `after` of the one before it if that asked for it, else `before` of the next."""
        text = line.lines.raw().removesuffix(b"\n")
        first, last = window(text, 0, self._max)
        shown = text[first:last].decode("utf-8", "replace")
        if self._open is not None and line.line_number <= self._last_line + self._after:
            self._open.setdefault("after", []).append(shown)
        else:
            self._before.append(shown)

    def close(self) -> None:
        """The last match has all its lines."""
        if self._open is not None:
            self.items.append(_encode(self._open))
            self.size += len(self.items[-1]) + 1
            self._open = None

    def _position(self, text: bytes, line: int, at: int) -> dict[str, int]:
        before = text[:at]
        below = before.count(b"\n")
        return {"line": line - 1 + below, "character": units(self._encoding, before[before.rfind(b"\n") + 1 :])}


def path_member(shown: bytes) -> dict[str, Any]:
    """`path`, or `pathBytes` for a name that is not UTF-8."""
    try:
        return {"path": shown.decode()}
    except UnicodeDecodeError:
        return {"pathBytes": b64encode(shown).decode()}


def units(encoding: PositionEncoding, prefix: bytes) -> int:
    """How many units the start of a line has; what is not UTF-8 counts as U+FFFD does."""
    if encoding is PositionEncoding.UTF8 or prefix.isascii():
        return len(prefix)
    text = prefix.decode("utf-8", "replace")
    return len(text) if encoding is PositionEncoding.UTF32 else len(text) + sum(sign > "\uffff" for sign in text)


def window(line: bytes, first: int, most: int) -> tuple[int, int]:
    """Which bytes of a line are shown when at most `most` may be: a quarter of them before `first`, cut at characters' borders."""
    if len(line) <= most:
        return 0, len(line)
    start = min(max(0, first - most // 4), len(line) - most)
    return _border(line, start, 1), _border(line, start + most, -1)


def _border(line: bytes, at: int, step: int) -> int:
    if at >= len(line):
        return len(line)
    nearby = range(at, min(len(line), at + 3)) if step > 0 else range(at, max(0, at - 3) - 1, -1)
    return next((place for place in nearby if line[place] & 0xC0 != 0x80), at)


def _spans(line: bytes, found: list[_Span], most: int) -> list[_Span]:
    """All of them, or of a clipped line those that start in what is shown."""
    if not found or len(line) <= most:
        return found
    last = window(line, found[0].start, most)[1]
    return [span for span in found if span.start <= last]


def _text_or_bytes(text: bytes) -> dict[str, str]:
    try:
        return {"text": text.decode()}
    except UnicodeDecodeError:
        return {"bytes": b64encode(text).decode()}
