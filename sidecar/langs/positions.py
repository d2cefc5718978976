"""Where something is: LSP positions in each encoding, and file URIs. Pure: no I/O, no state.

Knows nothing of documents; a line of text is given without its line end, or with it (nothing here counts past the text given).
"""

from __future__ import annotations

import codecs
import os
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams

# What RFC 3986 allows in a path beside letters, digits and "_.-~" (`pchar`), less what some servers encode and others do not.
_URI_SAFE = "/!$&'()*+,;=:@"

# A codec is a module that is imported at its first use: now, and not on the loop.
codecs.lookup("utf-16-le")

MAX_COORDINATE = 2**31 - 1
"""LSP 3.17 `uinteger`; larger ones, which some clients send for "the end", mean the same as this one."""


def index_of(line: str, character: int, encoding: PositionEncoding) -> int:
    """The code point index in `line` of an LSP `character`; past the end it is the end (LSP 3.17, Position).

    A `character` inside a code point (half a surrogate pair, inside a UTF-8 sequence) means the start of that code point.
    """
    if encoding is PositionEncoding.UTF32 or line.isascii():
        return min(character, len(line))
    if encoding is PositionEncoding.UTF8:
        return _index_of_byte(line, character)
    return _index_of_unit(line, character)


def _index_of_byte(line: str, at: int) -> int:
    """The code point that holds a byte of the line's UTF-8."""
    data = line.encode("utf-8", "surrogatepass")
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at -= 1
    return len(data[:at].decode("utf-8", "surrogatepass"))


def _index_of_unit(line: str, at: int) -> int:
    """The code point that holds a code unit of the line's UTF-16."""
    data = line.encode("utf-16-le", "surrogatepass")
    if 0 < at < len(data) // 2 and 0xD8 <= data[2 * at - 1] < 0xDC and 0xDC <= data[2 * at + 1] < 0xE0:
        at -= 1
    return len(data[: 2 * at].decode("utf-16-le", "surrogatepass"))


def character_of(line: str, index: int, encoding: PositionEncoding) -> int:
    """The LSP `character` of a code point index in `line`; the reverse of `index_of`."""
    if encoding is PositionEncoding.UTF32 or line.isascii():
        return min(index, len(line))
    before = line[:index]
    if encoding is PositionEncoding.UTF8:
        return len(before.encode("utf-8", "surrogatepass"))
    return len(before.encode("utf-16-le", "surrogatepass")) // 2


def convert(line: str, character: int, source: PositionEncoding, target: PositionEncoding) -> int:
    """The same place on `line`, counted in another encoding, clamped to the line."""
    return character_of(line, index_of(line, character, source), target)


def path_of(uri: str) -> str | None:
    """The absolute path that a `file:` URI of this host names (RFC 8089); None for any other scheme.

    Raises:
        InvalidParams: a `file:` URI of another host, with a relative path or with a NUL.
    """
    if uri[:5].lower() != "file:":
        return None
    parts = urlsplit(uri)
    # A '?' or '#' belongs to a query or fragment; in a path it is percent-encoded.
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise InvalidParams(f"uri: expected a file URI of this host with an absolute path, got {uri[:200]!r}", hint="Send for example file:///home/you/a.py.")
    return os.path.normpath(path)


def uri_of(path: str) -> str:
    """The `file:` URI of an absolute path; bytes that are no UTF-8 are kept."""
    return "file://" + quote_from_bytes(os.fsencode(path), safe=_URI_SAFE)


def canonical(uri: str) -> str:
    """One spelling for every URI of the same document: editors differ in what they percent-encode.

    Raises:
        InvalidParams: as `path_of`.
    """
    path = path_of(uri)
    return uri if path is None else uri_of(path)
