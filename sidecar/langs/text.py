"""The text of one document as an immutable value: a tuple of lines for the common size, a rope in Rust for large ones.

Owns how a text is changed and looked at. Knows nothing of clients, versions or servers.
"""

from __future__ import annotations

import re
from typing import Protocol, TypeAlias

import msgspec

from sidecar import native
from sidecar.engine.spec import PositionEncoding
from sidecar.langs.positions import index_of

LARGE = 256 << 10
"""Code points from which a text lives in Rust: below, a change of a line tuple costs under 0.1 ms."""

_encode = msgspec.json.Encoder().encode
# LSP 3.17, Text Documents: these three end a line, and nothing else does (`str.splitlines` knows seven more).
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class Text(Protocol):
    """One text; every method leaves it as it is. The same surface as `native.Text`."""

    def apply(self, start_line: int, start_char: int, end_line: int, end_char: int, encoding: str, new_text: str) -> Text:
        """The text with a range replaced; positions are LSP's, clamped to the text."""

    def line(self, n: int) -> str:
        """Line `n`, 0-based and below `line_count`, without its line end."""

    def json(self) -> bytes:
        """The whole as a JSON string."""

    def text(self) -> str:
        """The whole."""

    @property
    def len_bytes(self) -> int:
        """About how many bytes it holds."""

    @property
    def line_count(self) -> int:
        """Lines, at least 1."""


Given: TypeAlias = "str | Text"


class Lines:
    """A text of a common size, as its lines with their ends; the last one has none."""

    __slots__ = ("_lines", "_size")

    def __init__(self, lines: tuple[str, ...], size: int) -> None:
        self._lines = lines
        self._size = size

    def equals(self, other: Lines) -> bool:
        """Whether both hold the same characters."""
        return self._size == other._size and self._lines == other._lines

    def apply(self, start_line: int, start_char: int, end_line: int, end_char: int, encoding: str, new_text: str) -> Text:
        """See `Text`."""
        kind = PositionEncoding(encoding)
        first, start = self._clamped(start_line, start_char, kind)
        last, end = max((first, start), self._clamped(end_line, end_char, kind))
        region = self._lines[first][:start] + new_text + self._lines[last][end:]
        if first and region[:1] == "\n" and self._lines[first - 1].endswith("\r"):
            first -= 1  # the two meet and become one line end
            region = self._lines[first] + region
        old = sum(map(len, self._lines[first : last + 1]))
        size = self._size + len(region) - old
        whole = self._lines[:first] + _split(region, last + 1 == len(self._lines)) + self._lines[last + 1 :]
        return Lines(whole, size) if size <= LARGE else make("".join(whole))

    def line(self, n: int) -> str:
        """See `Text`."""
        return self._lines[n].rstrip("\r\n")

    def json(self) -> bytes:
        """See `Text`."""
        return _encode(self.text())

    def text(self) -> str:
        """See `Text`."""
        return "".join(self._lines)

    @property
    def len_bytes(self) -> int:
        """See `Text`."""
        return self._size

    @property
    def line_count(self) -> int:
        """See `Text`."""
        return len(self._lines)

    def _clamped(self, line: int, character: int, encoding: PositionEncoding) -> tuple[int, int]:
        """(line, code point index) of a position. A line past the last means the end of the text."""
        if line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        return line, index_of(self.line(line), character, encoding)


def make(given: Given) -> Text:
    """A text value of what was given."""
    if not isinstance(given, str):
        return given
    if len(given) > LARGE and native.available():
        return native.text(given)
    return Lines(_split(given, True), len(given))


def line_of(text: Text, n: int) -> str:
    """Line `n`, 0-based, without its line end; empty past the end."""
    return text.line(n) if n < text.line_count else ""


def same(one: Text, other: Text) -> bool:
    """Whether two texts are known to be equal. Large ones are compared by identity only: sending one again is cheaper than being wrong."""
    return one is other or (isinstance(one, Lines) and isinstance(other, Lines) and one.equals(other))


def as_str(given: Given) -> str:
    """What was given, as a string."""
    return given if isinstance(given, str) else given.text()


def _split(text: str, is_end: bool) -> tuple[str, ...]:
    """Lines with their ends; at the end of a text what follows the last line end is a line, if only an empty one."""
    if "\r" in text:
        lines = _LINE.findall(text)
        if is_end and (not lines or lines[-1][-1] in "\r\n"):
            lines.append("")
        return tuple(lines)
    parts = text.split("\n")
    last = parts.pop()
    lines = [part + "\n" for part in parts]
    if last or is_end:
        lines.append(last)
    return tuple(lines)
