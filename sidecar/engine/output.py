"""What is kept of a stream that may be endless: its first and last bytes, and how many there were.

Pure; memory is bounded by `keep_bytes` plus one chunk, whatever is fed (features C2).
"""

from __future__ import annotations

from collections import deque

from sidecar.engine.spec import Stream


class Tail:
    """The last `keep_bytes` bytes of a stream."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep = keep_bytes
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes; whole chunks that fell out of the tail are let go."""
        self.total += len(data)
        data = data[-self._keep :] if self._keep else b""
        if not data:
            return
        self._chunks.append(data)
        self._held += len(data)
        while self._held - len(self._chunks[0]) >= self._keep:
            self._held -= len(self._chunks.popleft())
        if len(self._chunks) > 1024:
            # A writer of single bytes must not cost one object a byte.
            self._chunks = deque([self.value()])
            self._held = len(self._chunks[0])

    def value(self) -> bytes:
        """The tail."""
        return b"".join(self._chunks)[-self._keep :] if self._keep else b""


class HeadTail:
    """The first and the last half of `keep_bytes` bytes; all of it as the head when it fits there whole."""

    def __init__(self, keep_bytes: int) -> None:
        self._head_room = keep_bytes - keep_bytes // 2
        self._head: list[bytes] = []
        self._tail = Tail(keep_bytes // 2)
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._total += len(data)
        if self._head_room:
            head, data = data[: self._head_room], data[self._head_room :]
            self._head.append(head)
            self._head_room -= len(head)
        if data:
            self._tail.feed(data)

    def stream(self) -> Stream:
        """Head and tail; they are adjacent when nothing was dropped: `total == len(head) + len(tail)`."""
        return Stream(b"".join(self._head), self._tail.value(), self._total)
