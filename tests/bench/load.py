"""Clients that cost little themselves: raw sockets, requests made beforehand, replies counted and not parsed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECEIVE_BYTES = 1 << 20


def connect(path: str) -> socket.socket:
    """A blocking connection to a Unix socket."""
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    return link


def request(number: int, method: str, params: dict[str, Any]) -> bytes:
    """One JSON-RPC request in LSP framing, which both sides of every comparison speak."""
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Link:
    """One connection in LSP framing: a call at a time, or a window of the same request."""

    def __init__(self, path: str) -> None:
        self.socket = connect(path)
        self._input = self.socket.makefile("rb", RECEIVE_BYTES)
        self._next = 0

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request and return its id."""
        self._next += 1
        self.socket.sendall(request(self._next, method, params))
        return self._next

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def read(self) -> bytes:
        """The next message's body; raises EOFError when the daemon has hung up."""
        length = 0
        while (line := self._input.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise EOFError("the daemon closed the connection")
        return self._input.read(length)

    def reply(self) -> dict[str, Any]:
        """The next message that is a reply, parsed."""
        while "id" not in (message := json.loads(self.read())) or "method" in message:
            pass
        return message

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask and wait; raises RuntimeError with the error object."""
        self.send(method, params)
        message = self.reply()
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def timed(self, method: str, params: dict[str, Any]) -> tuple[float, bytes]:
        """Seconds from the first byte sent to the last received, and the reply's body, unparsed."""
        self._next += 1
        frame = request(self._next, method, params)
        started = time.perf_counter()
        self.socket.sendall(frame)
        body = self.read()
        return time.perf_counter() - started, body

    def close(self) -> None:
        """End the connection."""
        self._input.close()
        self.socket.close()


def windowed(path: str, method: str, params: dict[str, Any], window: int, total: int) -> float:
    """Seconds for `total` requests, `window` of them in flight; each reply is answered by the next request."""
    frames = [request(number, method, params) for number in range(2 * window)]
    needle, tail = b"Content-Length:", b""
    with connect(path) as link:
        started = time.perf_counter()
        link.sendall(b"".join(frames[:window]))
        sent, received = window, 0
        while received < total:
            chunk = tail + link.recv(RECEIVE_BYTES)
            count = chunk.count(needle)
            tail = chunk[-len(needle) + 1 :]
            received += count
            more = min(count, total - sent)
            if more:
                link.sendall(b"".join(frames[(sent + step) % len(frames)] for step in range(more)))
                sent += more
        return time.perf_counter() - started


def one_by_one(path: str, method: str, params: dict[str, Any], total: int) -> list[float]:
    """Seconds of each of `total` requests, one in flight."""
    link = Link(path)
    try:
        return [link.timed(method, params)[0] for _ in range(total)]
    finally:
        link.close()


def cpu_s(pid: int) -> float:
    """CPU seconds that all threads of a process have used so far (proc(5) schedstat: nanoseconds, not clock ticks)."""
    return sum(int(path.read_text().split()[0]) for path in _schedstats(pid)) / 1e9


def _schedstats(pid: int) -> Sequence[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
