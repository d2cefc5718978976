"""Clients that behave badly, over raw blocking sockets; each can also be a process of its own, to be killed.

`python -m tests.support.bad_client SOCKET JSON-REQUEST`: send one request, print `sent`, then wait for the end of stdin without ever reading.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.daemon import PROJECT
from tests.support.waiting import PATIENCE_S


def raw(path: Path | str, *, receive_buffer: int | None = None) -> socket.socket:
    """A connected blocking socket.

    Args:
        path: the daemon's socket.
        receive_buffer: bytes that the kernel may keep for us; small ones make a slow reader felt at once.
    """
    connection = socket.socket(socket.AF_UNIX)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE_S)
    connection.connect(str(path))
    return connection


def request(method: str, params: Any = None, id: int | str = 1) -> bytes:
    """One newline-delimited request."""
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}).encode() + b"\n"


def answer_to(path: Path | str, data: bytes) -> bytes:
    """Everything the daemon says to these bytes, until it closes; we half-close after sending."""
    with raw(path) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """All bytes until the daemon closes."""
    chunks = []
    try:
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    except ConnectionResetError:
        pass  # closed with our bytes unread: the end as well
    return b"".join(chunks)


def never_reads(path: Path | str, data: bytes) -> socket.socket:
    """Send, and never read an answer. The caller closes it."""
    connection = raw(path, receive_buffer=4096)
    connection.sendall(data)
    return connection


def half_closes_then_dies(path: Path | str, data: bytes) -> None:
    """Send, end our input, then close without having read the answer."""
    with raw(path) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def dies_mid_frame(path: Path | str) -> None:
    """Promise 1000 bytes, send few, and go."""
    with raw(path) as connection:
        connection.sendall(b'Content-Length: 1000\r\n\r\n{"jsonrpc"')


@contextmanager
def process(path: Path | str, data: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A client process that has sent its request and never reads; killed at the end if the test has not done so."""
    argv = [sys.executable, "-m", "tests.support.bad_client", str(path), data.decode()]
    child = subprocess.Popen(argv, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"sent\n"
        yield child
    finally:
        child.kill()
        child.communicate()


if __name__ == "__main__":
    with raw(sys.argv[1]) as ours:
        ours.sendall(sys.argv[2].encode())
        print("sent", flush=True)
        sys.stdin.read()
