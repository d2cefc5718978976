"""Bytes that are no messages: each ends at most its own connection, with one error that says why; a bystander never notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest

from tests.support import bad_client
from tests.support.bystander import bystander
from tests.support.clients import Message
from tests.support.daemon import Daemon

_MIB = 1 << 20
_PING = {"jsonrpc": "2.0", "id": 1, "method": "sidecar/ping", "params": {}}


def _bodies(answer: bytes) -> list[Message]:
    """The messages in what the daemon said, in either framing."""
    if not answer.startswith(b"Content-Length"):
        return [json.loads(line) for line in answer.splitlines()]
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(head.split(b":")[1])
        found.append(json.loads(rest[:length]))
        answer = rest[length:]
    return found


async def _said(daemon: Daemon, data: bytes) -> list[Message]:
    async with bystander(daemon):
        return _bodies(await asyncio.to_thread(bad_client.answer_to, daemon.socket, data))


def _framed(body: bytes, header: bytes = b"Content-Length") -> bytes:
    return header + b": %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("data", [b"\x00\x01\x02\x03", b"\x16\x03\x01\x02\x00\x01", b"hello\n", b"\xff\xfe{\x00", b"<xml/>"], ids=repr)
async def test_a_garbage_first_byte_gets_one_error_and_the_end(shared_daemon: Daemon, data: bytes) -> None:
    """Neither framing starts so: -32700, id null, close."""
    [message] = await _said(shared_daemon, data)
    assert (message["id"], message["error"]["code"], message["error"]["data"]["kind"]) == (None, -32700, "parse")
    assert message["error"]["data"]["hint"]


@pytest.mark.parametrize("verb", ["GET", "POST", "CONNECT"])
async def test_an_http_request_is_told_that_this_is_no_http(shared_daemon: Daemon, verb: str) -> None:
    """A web page that finds the socket gets no method called, also when its body is a request."""
    body = json.dumps(_PING).encode()
    [message] = await _said(shared_daemon, f"{verb} / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    assert message["error"]["code"] == -32700
    assert "HTTP" in message["error"]["message"]


@pytest.mark.parametrize("size", [4 * _MIB + 1, 17 * _MIB, 10**17])
async def test_an_announced_frame_over_the_bound_is_refused_before_it_is_read(shared_daemon: Daemon, size: int) -> None:
    """The error names the bound; nothing of that size is ever kept."""
    [message] = await _said(shared_daemon, b"Content-Length: %d\r\n\r\n" % size + b'{"jsonrpc":"2.0","id":1,"method":"sidecar/ping","x":"' + b" " * 600)
    assert message["error"]["code"] == -32600
    assert message["error"]["data"]["kind"] == "tooLarge"


async def test_a_line_over_the_bound_is_refused(shared_daemon: Daemon) -> None:
    """A newline client that never sends a newline costs 4 MiB at most, then its connection."""
    async with bystander(shared_daemon):
        connection = bad_client.raw(shared_daemon.socket)
        answer = await asyncio.to_thread(_push, connection, b'{"jsonrpc":"2.0","id":1,"method":"x","params":"' + b"x" * (6 * _MIB))
    [message] = _bodies(answer)
    assert message["error"]["data"]["kind"] == "tooLarge"


def _push(connection: socket.socket, data: bytes) -> bytes:
    with connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the daemon need not read on once it has refused
            connection.sendall(data)
        return bad_client.everything(connection)


async def test_an_oversize_header_block_is_refused(shared_daemon: Daemon) -> None:
    """More than 8 KiB of headers end the connection with an error."""
    [message] = await _said(shared_daemon, b"Content-Type: " + b"x" * 9000)
    assert message["error"]["data"]["kind"] == "tooLarge"


@pytest.mark.parametrize("header", [b"content-length", b"CONTENT-LENGTH", b"Content-length"])
async def test_header_names_count_in_any_case(shared_daemon: Daemon, header: bytes) -> None:
    """HTTP-style header names are case-insensitive (LSP 3.17, base protocol)."""
    [message] = await _said(shared_daemon, _framed(json.dumps(_PING).encode(), header))
    assert message == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize("length", [b"-1", b"ten", b"", b"1e3", b"0x10"])
async def test_a_length_that_is_no_number_is_a_parse_error(shared_daemon: Daemon, length: bytes) -> None:
    """The end of such a frame cannot be found: one error, close."""
    [message] = await _said(shared_daemon, b"Content-Length: " + length + b"\r\n\r\n{}")
    assert message["error"]["code"] == -32700


async def test_half_a_frame_then_silence_harms_nobody_and_the_rest_may_still_come(shared_daemon: Daemon) -> None:
    """A connection in the middle of a frame waits; what completes it is answered."""
    data = _framed(json.dumps(_PING).encode())
    with bad_client.raw(shared_daemon.socket) as connection:
        connection.sendall(data[:30])
        async with bystander(shared_daemon) as other:
            await other.call("sidecar/status")
        connection.sendall(data[30:])
        connection.shutdown(socket.SHUT_WR)
        [message] = _bodies(await asyncio.to_thread(bad_client.everything, connection))
    assert message["result"] == {}


async def test_the_end_of_input_inside_a_frame_is_a_parse_error(shared_daemon: Daemon) -> None:
    """A client that half-closes too early is told so."""
    [message] = await _said(shared_daemon, b'Content-Length: 100\r\n\r\n{"jsonrpc"')
    assert message["error"]["code"] == -32700


async def test_a_client_that_dies_in_the_middle_of_a_frame_is_forgotten(shared_daemon: Daemon) -> None:
    """Nothing of it is left but a count."""
    async with bystander(shared_daemon):
        await asyncio.to_thread(bad_client.dies_mid_frame, shared_daemon.socket)
    shared_daemon.check_idle()


async def test_a_last_line_without_its_newline_is_a_request(shared_daemon: Daemon) -> None:
    """`printf '{...}' | nc -U` needs no newline."""
    [message] = await _said(shared_daemon, json.dumps(_PING).encode())
    assert message["result"] == {}


@pytest.mark.parametrize("framed", [False, True], ids=["lines", "headers"])
async def test_invalid_utf8_is_a_parse_error(shared_daemon: Daemon, framed: bool) -> None:
    """JSON is UTF-8 (RFC 8259); the method is not called."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"sidecar/ping","params":{"x":"\xff\xfe"}}'
    messages = await _said(shared_daemon, _framed(body) if framed else body + b"\n")
    assert messages[0]["error"]["code"] == -32700


async def test_a_line_that_is_no_json_is_answered_and_the_next_one_served(shared_daemon: Daemon) -> None:
    """The end of a bad line is known, so the connection goes on."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        client.send_raw(b'{"jsonrpc": "2.0", "id": 1, "method": \n')
        message = await client.wait_orphan()
        assert (message["id"], message["error"]["code"]) == (None, -32700)
        assert await client.call("sidecar/ping") == {}


async def test_pipelined_requests_in_one_write_are_all_answered(shared_daemon: Daemon) -> None:
    """Each frame of one read counts for itself, split anywhere."""
    data = b"".join(_framed(json.dumps(_PING | {"id": number}).encode()) for number in range(200))
    messages = await _said(shared_daemon, data)
    assert [message["id"] for message in messages] == list(range(200))
