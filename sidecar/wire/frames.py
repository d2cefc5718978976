"""Bytes to message bodies and back, with their limits; both framings of one socket (design 3.3).

Owns: where a message begins and ends, and how large it may be. Must never look into a message further than is needed to tell a
document sync from anything else, and must never do I/O.
"""

from __future__ import annotations

import enum
import io
import re
from collections.abc import Sequence
from typing import TypeAlias

from sidecar.errors import FrameTooLarge, ParseFailed, SidecarError

MAX_BODY = 4 << 20
"""Bytes of one message: a batch of 13.5 MB decodes in 75 ms with the GIL held (design 3.3)."""
MAX_SYNC_BODY = 16 << 20
"""Bytes of one `textDocument/didOpen` or `didChange`: its text is cut out in Rust, not decoded here."""
SMALL = 4 << 10
"""Bytes up to which joining costs less than handling parts one by one."""
MAX_HEADER = 8 << 10
"""Bytes of one LSP header block."""
PEEK = 512
"""Bytes at either end of a large body in which its method must stand to be recognised."""
CHECKED_SYNC_BODY = 1 << 20
"""Bytes up to which a document sync is checked for UTF-8 here; above (8 to 14 ms for 16 MB) `native.cut_sync` does it."""

SYNC_METHODS = ("textDocument/didOpen", "textDocument/didChange")
_SYNC = re.compile(rb'"method"\s*:\s*"textDocument/did(?:Open|Change)"')
_ANY_METHOD = re.compile(rb'"method"\s*:')
_TEXT_FIRST = re.compile(rb'"(?:textDocument|contentChanges)"\s*:')
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE|PRI) ")
_LINE_FEED, _BLANKS = 0x0A, b" \t\r\n"
_ACCEPTED = "Send one JSON-RPC message a line (first byte '{') or LSP frames ('Content-Length: N', an empty line, N bytes)"


class Framing(enum.Enum):
    """How messages are told apart on one connection; its first byte decides, once."""

    LINES = "lines"
    HEADERS = "headers"


Chunk: TypeAlias = "bytes | memoryview"
"""A piece of a body: a view where bytes of a big reply are handed on without a copy."""


def frame(framing: Framing | None, parts: Sequence[Chunk]) -> Sequence[Chunk]:
    """The chunks to be written for one message body given in parts; no part is copied but a small one that is alone.

    Args:
        framing: of the connection; None (nothing received yet) means lines.
        parts: the body's bytes in order. For lines they hold no raw line feed: JSON written by us has none, and a body
            passed through from elsewhere must go through `one_line` first.
    """
    alone = len(parts) == 1 and len(parts[0]) <= SMALL
    if framing is Framing.HEADERS:
        if alone:
            return (b"".join((b"Content-Length: %d\r\n\r\n" % len(parts[0]), parts[0])),)
        return [b"Content-Length: %d\r\n\r\n" % sum(map(len, parts)), *parts]
    if alone:
        return (b"".join((parts[0], b"\n")),)  # one chunk less to handle, for the many small answers
    return [*parts, b"\n"]


def one_line(body: bytes) -> bytes:
    """The same JSON without raw line ends (RFC 8259: JSON strings hold none unescaped)."""
    return body.translate(None, b"\r\n") if b"\n" in body or b"\r" in body else body


class FrameReader:
    """Takes bytes in any portions, gives whole bodies; linear in the bytes fed, bounded in the bytes kept.

    Attributes:
        framing: None until the first byte that is not blank.
        error: why the stream cannot be read further; nothing is returned after it.
    """

    __slots__ = ("_expected", "_head", "_kept", "_pending", "error", "framing")

    def __init__(self, framing: Framing | None = None) -> None:
        self.framing = framing
        self.error: SidecarError | None = None
        self._pending = io.BytesIO()  # of an unfinished body (or line): getvalue() hands it over without a copy
        self._kept = 0  # bytes in _pending
        self._head = b""  # an unfinished header block, at most MAX_HEADER
        self._expected = -1  # length of the body that is being received; -1 = in a header block

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete now, in order. On a broken stream `error` is set; bodies before the fault are returned."""
        if self.error is not None:
            return []
        bodies: list[bytes] = []
        try:
            if self.framing is Framing.LINES:
                self._feed_lines(data, bodies)
            elif self.framing is Framing.HEADERS:
                self._feed_headers(data, bodies)
            elif data := data.lstrip(_BLANKS):
                self.framing = _told_by(data)
                return self.feed(data)
        except SidecarError as error:
            self.error = error
            self._pending, self._kept, self._head = io.BytesIO(), 0, b""
        return bodies

    def finish(self) -> list[bytes]:
        """What the end of input completes: a last line without its line feed. An unfinished frame sets `error`."""
        if self.error is None and self.framing is Framing.LINES and self._kept:
            return self.feed(b"\n")
        if self.error is None and (self._head or self._expected >= 0):
            self.error = ParseFailed("The input ended inside a frame", hint="Send as many bytes as Content-Length says.")
        return []

    def _feed_lines(self, data: bytes, bodies: list[bytes]) -> None:
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._kept:
            self._keep_line(lines[0])
            lines[0] = self._take()
        for line in lines:
            if line := line.strip(_BLANKS):
                self._accept(line, bodies)
        if rest:
            self._keep_line(rest)

    def _keep_line(self, data: bytes) -> None:
        self._keep(data)
        if self._kept > MAX_BODY:
            _check_length(self._kept, bytes(self._pending.getbuffer()[:PEEK]))

    def _feed_headers(self, data: bytes, bodies: list[bytes]) -> None:
        at, size = self._feed_usual(data, bodies), len(data)
        while at < size or self._expected == 0:
            if self._expected < 0:
                at, data = self._take_header(data, at)
                size = len(data)
                continue
            need = self._expected - self._kept
            if not self._kept and size - at >= need:
                body = data[at : at + need]
            else:
                self._keep(data[at : at + need])
                if self._expected > MAX_BODY and self._kept >= min(PEEK, self._expected):
                    _check_length(self._expected, bytes(self._pending.getbuffer()[:PEEK]))
                if self._kept < self._expected:
                    return
                body = self._take()
            at += need
            self._expected = -1
            self._accept(body, bodies)

    def _feed_usual(self, data: bytes, bodies: list[bytes]) -> int:
        """Takes the complete small ASCII frames with nothing but Content-Length that `data` begins with; gives where they end."""
        at = 0
        if self._kept or self._head or self._expected >= 0 or not data.isascii():
            return at
        while data.startswith(b"Content-Length: ", at):
            end = data.find(b"\r\n\r\n", at, at + 24)
            digits = data[at + 16 : end]
            if end < 0 or not digits.isdigit() or (stop := end + 4 + int(digits)) > len(data):
                break
            bodies.append(data[end + 4 : stop])
            at = stop
        return at

    def _accept(self, body: bytes, bodies: list[bytes]) -> None:
        if len(body) > MAX_BODY:
            _check_length(len(body), body[:PEEK], body)
        bodies.append(_checked(body))

    def _take_header(self, data: bytes, at: int) -> tuple[int, bytes]:
        """Reads one header block at `at`, or keeps the rest of `data` until there is more; gives (where to go on, in what)."""
        if self._head:
            data, at, self._head = self._head + data[at:], 0, b""
        end = data.find(b"\r\n\r\n", at, at + MAX_HEADER)
        if end >= 0:
            self._expected = _content_length(data[at:end])
            return end + 4, data
        rest = data[at : at + MAX_HEADER]
        if b"\n\n" in rest:
            raise ParseFailed("A header block with bare line feeds", hint="End each header line with CR LF, and the block with an empty line.")
        if len(data) - at >= MAX_HEADER:
            raise FrameTooLarge(f"A header block of more than {MAX_HEADER} bytes", hint=f"{_ACCEPTED}; at most {MAX_HEADER} bytes of headers.")
        self._head = data[at:]
        return len(data), data

    def _keep(self, data: bytes) -> None:
        self._pending.write(data)
        self._kept += len(data)

    def _take(self) -> bytes:
        whole = self._pending.getvalue()
        self._pending, self._kept = io.BytesIO(), 0
        return whole


def _told_by(data: bytes) -> Framing:
    first = data[:1]
    if first in (b"{", b"["):
        return Framing.LINES
    if _HTTP.match(data):
        raise _http()
    if first in (b"C", b"c"):
        return Framing.HEADERS
    raise ParseFailed(f"The first byte 0x{data[0]:02x} begins neither framing", hint=f"{_ACCEPTED}.")


def _http() -> ParseFailed:
    return ParseFailed("This is HTTP; the socket speaks JSON-RPC 2.0", hint=f"{_ACCEPTED}.")


def _content_length(block: bytes) -> int:
    """The length that an LSP header block gives (LSP 3.17, base protocol); other header fields are tolerated."""
    if block[:16] == b"Content-Length: " and block[16:].isdigit():
        return _length(block[16:])
    found = -1
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise _http() if _HTTP.match(block) else ParseFailed("A header line without a colon", hint=f"{_ACCEPTED}.")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                raise ParseFailed("Content-Length is not a decimal number", hint=f"{_ACCEPTED}.")
            found = _length(value.strip())
    if found < 0:
        raise _http() if _HTTP.match(block) else ParseFailed("A header block without Content-Length", hint=f"{_ACCEPTED}.")
    return found


def _length(digits: bytes) -> int:
    if len(digits) > 18:  # int() of a longer run of digits is slow, and refused above 4,300
        raise _too_large(f"10^{len(digits) - 1}")
    length = int(digits)
    if length > MAX_SYNC_BODY:
        raise _too_large(str(length))
    return length


def _check_length(length: int, head: bytes, whole: bytes | None = None) -> None:
    """Refuses a body of over MAX_BODY bytes unless it is a document sync; without a method at its head its tail decides."""
    if length <= MAX_SYNC_BODY:
        if _SYNC.search(head):
            return
        undecided = not _ANY_METHOD.search(head) and _TEXT_FIRST.search(head)
        if undecided and (whole is None or _SYNC.search(whole[-PEEK:])):
            return
    raise _too_large(str(length))


def _too_large(length: str) -> FrameTooLarge:
    return FrameTooLarge(
        f"A frame of {length} bytes; at most {MAX_BODY}, for textDocument/didOpen and didChange {MAX_SYNC_BODY}",
        hint="Split the work into several requests, or name a file instead of sending its text.",
        limit=MAX_BODY,
    )


def _checked(body: bytes) -> bytes:
    if not body.isascii() and (len(body) <= CHECKED_SYNC_BODY or not _SYNC.search(body, 0, PEEK)):
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise ParseFailed(f"A message is not UTF-8 at its byte {error.start}", hint="Send UTF-8.") from error
    return body
