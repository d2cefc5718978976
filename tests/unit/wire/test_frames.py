"""Where messages begin and end: whole, byte by byte, and over every limit."""

from __future__ import annotations

import pytest

from sidecar.errors import FrameTooLarge, ParseFailed, SidecarError
from sidecar.wire.frames import MAX_BODY, MAX_HEADER, MAX_SYNC_BODY, FrameReader, Framing, frame, one_line

OPEN = b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"text":"'


def fed(*portions: bytes) -> tuple[list[bytes], FrameReader]:
    """The bodies of all portions, and the reader."""
    reader = FrameReader()
    return [body for portion in portions for body in reader.feed(portion)], reader


def bytewise(data: bytes) -> list[bytes]:
    """The bodies when every byte comes alone."""
    return fed(*(data[at : at + 1] for at in range(len(data))))[0]


def headed(body: bytes) -> bytes:
    """One frame with LSP headers."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def refused(*portions: bytes) -> SidecarError:
    """The error of a broken stream."""
    _, reader = fed(*portions)
    assert reader.error is not None
    assert reader.feed(b"{}\n") == []
    return reader.error


@pytest.mark.parametrize(
    ("stream", "bodies"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'\n \r\n{"a":1}\r\n\n\r\n{"b":2}\n\n', [b'{"a":1}', b'{"b":2}']),
        (b"[1]\n", [b"[1]"]),
        (headed(b"{}") + headed(b'{"a":"\n"}'), [b"{}", b'{"a":"\n"}']),
        (b"content-length:2\r\nCONTENT-TYPE: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}", [b"{}"]),
        (b"Content-Type: x\r\nContent-Length: 2  \r\n\r\n{}", [b"{}"]),
        (headed(b"") + headed(b"{}"), [b"", b"{}"]),
        (headed('{"漢":"🎉"}'.encode()), ['{"漢":"🎉"}'.encode()]),
    ],
)
def test_a_stream_yields_its_bodies(stream: bytes, bodies: list[bytes]) -> None:
    """The same whole and byte by byte."""
    assert fed(stream)[0] == bodies
    assert bytewise(stream) == bodies


@pytest.mark.parametrize("framing", [Framing.LINES, Framing.HEADERS])
def test_what_frame_writes_is_what_the_reader_reads(framing: Framing) -> None:
    """Output in parts is one body."""
    written = b"".join(frame(framing, [b'{"a":', b"1", b"}"])) * 3
    assert FrameReader(framing).feed(written) == [b'{"a":1}'] * 3


def test_a_client_whose_framing_is_not_known_is_answered_in_lines() -> None:
    """Anything can read a line."""
    assert b"".join(frame(None, [b"{}"])) == b"{}\n"


def test_the_first_byte_decides_once() -> None:
    """A line that begins like a header is a line."""
    bodies, reader = fed(b"{}\n", b"Content-Length: 2\n")
    assert (bodies, reader.framing) == ([b"{}", b"Content-Length: 2"], Framing.LINES)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"POST /x", "HTTP"),
        (b"\x16\x03\x01", "0x16"),
        (b'"text"\n', "0x22"),
        (b"Content-Length: -5\r\n\r\n", "decimal"),
        (b"Content-Length: 1e3\r\n\r\n", "decimal"),
        (b"Content-Length:\r\n\r\n", "decimal"),
        (b"Cookie: x\r\n\r\n", "without Content-Length"),
        (b"Content-Length 5\r\n\r\n", "colon"),
        (b"Content-Length: 5\n\nhello", "bare line feeds"),
        (b'{"a":"\xff"}\n', "not UTF-8 at its byte 6"),
        (headed(b'{"a":"\xc3("}'), "not UTF-8"),
    ],
)
def test_garbage_is_a_parse_error_that_says_what_is_accepted(stream: bytes, says: str) -> None:
    """One error names the fault and the remedy; nothing is read after it."""
    error = refused(stream)
    assert isinstance(error, ParseFailed)
    assert says in error.message
    assert error.hint


def test_an_http_connect_is_known_by_its_first_line() -> None:
    """Its first byte is that of a header; in portions it is told apart later."""
    stream = b"CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n"
    assert "HTTP" in refused(stream).message
    assert "HTTP" in refused(*(stream[at : at + 1] for at in range(len(stream)))).message


def test_bodies_before_a_fault_are_still_given() -> None:
    """A broken frame does not take the good ones before it along."""
    assert fed(b'{}\n{"\xff"}\n')[0] == [b"{}"]
    assert fed(headed(b"{}") + b"nonsense\r\n\r\n")[0] == [b"{}"]


def test_a_frame_is_refused_as_soon_as_its_length_is_known() -> None:
    """Without waiting for, or keeping, its bytes."""
    assert isinstance(refused(b"Content-Length: %d\r\n\r\n" % (MAX_SYNC_BODY + 1)), FrameTooLarge)
    assert isinstance(refused(b"Content-Length: %b\r\n\r\n" % (b"9" * 5000)), FrameTooLarge)
    assert isinstance(refused(b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), b'{"jsonrpc":"2.0","method":"x",' + b" " * 600), FrameTooLarge)


def test_a_line_is_refused_as_soon_as_it_passes_the_limit() -> None:
    """Also when its line feed never comes."""
    assert isinstance(refused(b'{"method":"x"', b" " * MAX_BODY), FrameTooLarge)
    assert isinstance(refused(b'{"method":"x"' + b" " * MAX_BODY + b"}\n"), FrameTooLarge)


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    """The bound itself is allowed."""
    body = b'{"a":"' + b"x" * (MAX_BODY - 8) + b'"}'
    assert fed(headed(body))[0] == [body]
    assert fed(body, b"\n")[0] == [body]


@pytest.mark.parametrize("method", [b"didOpen", b"didChange"])
def test_a_document_sync_may_be_larger(method: bytes) -> None:
    """Up to 16 MiB, whole or in portions, in both framings."""
    body = OPEN.replace(b"didOpen", method) + b"x" * (MAX_BODY + 5000) + b'"}}}'
    assert fed(headed(body))[0] == [body]
    assert fed(body + b"\n")[0] == [body]
    stream = headed(body)
    assert fed(*(stream[at : at + 65536] for at in range(0, len(stream), 65536)))[0] == [body]
    assert isinstance(refused(OPEN, b"x" * MAX_SYNC_BODY), FrameTooLarge)


def test_a_document_sync_with_its_method_last_is_known_by_its_end() -> None:
    """An editor's JSON writer may put params first."""
    params = b'{"params":{"textDocument":{"text":"' + b"x" * (MAX_BODY + 10) + b'"}},'
    body = params + b'"method":"textDocument/didOpen","jsonrpc":"2.0"}'
    assert fed(headed(body))[0] == [body]
    assert isinstance(refused(headed(params + b'"method":"textDocument/hover"}')), FrameTooLarge)


def test_a_header_block_is_bounded() -> None:
    """8 KiB, whether it comes whole or byte by byte."""
    assert isinstance(refused(b"C" * (MAX_HEADER + 1)), FrameTooLarge)
    reader = FrameReader()
    for _ in range(MAX_HEADER + 1):
        reader.feed(b"C")
    assert isinstance(reader.error, FrameTooLarge)


def test_half_a_frame_keeps_no_more_than_it_announced() -> None:
    """Silence costs only the bytes that came."""
    bodies, reader = fed(b"Content-Length: 100\r\n\r\n", b"x" * 99)
    assert bodies == []
    assert reader.error is None
    assert reader.feed(b"x") == [b"x" * 99 + b"x"]


def test_the_end_of_input_completes_a_last_line_only() -> None:
    """A line without its line feed is whole; half a frame is an error; nothing is nothing."""
    lines, half, none = FrameReader(), FrameReader(), FrameReader()
    lines.feed(b'{"a":1}')
    half.feed(b"Content-Length: 5\r\n\r\nab")
    assert lines.finish() == [b'{"a":1}']
    assert half.finish() == []
    assert isinstance(half.error, ParseFailed)
    assert none.finish() == []
    assert none.error is None


def test_one_line_takes_raw_line_ends_out() -> None:
    """A reply passed through from a pretty-printing server fits on a line."""
    assert one_line(b'{\r\n  "a": "\\n"\n}') == b'{  "a": "\\n"}'
