"""What waits to be written to one client: the one place that writes a client's socket (invariant 2).

Owns the bound in bytes, the slicing of big replies, and the knowledge whether the client is still reading. Must never wait for it:
a full outbox, or one without progress, costs that client its connection and nobody else anything (design 3.16).
"""

from __future__ import annotations

import asyncio
import enum
import fcntl
import struct
import termios
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.wire.frames import Chunk

SLICE = 256 << 10
"""Bytes handed to the transport at a time; also its high-water mark, so at most two slices wait there."""
TURN = 1 << 20
"""Bytes written in one turn of the loop: one client that reads as fast as we write must not keep the others waiting."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """Bounds of one client's outbox.

    Attributes:
        queued_bytes: what may queue behind the reply that is being written; over it the client is dropped.
        pause_bytes: above it no more input is read from the client.
        slow_s: seconds without progress after which the client counts as slow (design 3.16).
        dead_s: seconds without progress after which it is dropped.
    """

    queued_bytes: int = 32 << 20
    pause_bytes: int = 8 << 20
    slow_s: float = 5.0
    dead_s: float = 30.0


class Trouble(enum.StrEnum):
    """Why a client is dropped."""

    OVERFLOW = "outboxOverflow"
    STALLED = "stalled"


class Outbox:
    """Frames go in by `put`; they leave in order, small ones together, big ones in slices, as fast as the client reads.

    Args:
        transport: of the client; its protocol passes pause_writing and resume_writing on.
        on_trouble: called once, when the client has to be dropped.
        on_room: called with False when reading from the client should pause, with True when it may go on.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        limits: OutboxLimits,
        on_trouble: Callable[[Trouble], None],
        on_room: Callable[[bool], None],
    ) -> None:
        self._loop, self._transport, self._limits = loop, transport, limits
        self._on_trouble: Callable[[Trouble], None] = on_trouble
        self._on_room: Callable[[bool], None] = on_room
        self._current: memoryview | None = None  # the big chunk being sliced
        self._chunks: deque[Chunk] = deque()  # bounded by limits.queued_bytes, behind the frame being written
        self._sizes: deque[int] = deque()  # of the frames queued behind the one being written; negative: streamed
        self._unsent = 0  # of the frame being written
        self.queued = 0
        """Bytes behind the frame that is being written."""
        self._streamed = 0  # of `queued`: bounded by their request's own maxBytes, and for the whole daemon by who emits them (design 3.16)
        self._scheduled = self._paused = self._full = self._closing = self._dead = False
        self._progress_at = loop.time()
        self._left = 0
        self._then: Callable[[], None] = transport.close
        self._timer: asyncio.TimerHandle | None = None
        transport.set_write_buffer_limits(high=SLICE, low=SLICE // 4)

    @property
    def pending(self) -> int:
        """Bytes that wait here or in the transport."""
        return self._unsent + self.queued + self._transport.get_write_buffer_size()

    def slow(self) -> bool:
        """Whether bytes have waited for `slow_s` seconds without the client taking any."""
        return self.pending > 0 and self._idle_s() >= self._limits.slow_s

    def put(self, chunks: Sequence[Chunk], *, streamed: bool = False) -> None:
        """Queues one frame. May call `on_trouble`; never raises, never blocks."""
        if self._dead or self._closing:
            return
        size = sum(map(len, chunks))
        self._chunks.extend(chunks)
        if self._unsent:
            self._sizes.append(-size if streamed else size)
            self.queued += size
            self._streamed += size if streamed else 0
            if not streamed and self.queued - self._streamed > self._limits.pause_bytes:
                self._crowded()
        else:
            self._unsent = size
        if not self._scheduled and not self._paused:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def pause(self) -> None:
        """The transport's buffer is full (`Protocol.pause_writing`)."""
        self._paused = True
        self._watch_progress()

    def resume(self) -> None:
        """The transport's buffer has room (`Protocol.resume_writing`)."""
        self._paused = False
        self._progress_at = self._loop.time()
        if not self._scheduled:
            self._flush()

    def close(self, then: Callable[[], None]) -> None:
        """Takes no more; calls `then` once the transport has everything, or drops the client when it takes nothing."""
        self._closing, self._then = True, then
        self._watch_progress()
        if not self._chunks and self._current is None:
            then()

    def discard(self) -> None:
        """The connection is gone: nothing is written or called any more."""
        self._dead = True
        self._chunks.clear()
        self._sizes.clear()
        self._current, self._unsent, self.queued, self._streamed = None, 0, 0, 0
        self._on_trouble, self._on_room, self._then = _nobody, _nobody, _nobody  # no cycle keeps the connection alive
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _crowded(self) -> None:
        if self.queued - self._streamed > self._limits.queued_bytes:
            self._fail(Trouble.OVERFLOW)
        elif not self._full:
            self._full = True
            self._on_room(False)

    def _fail(self, trouble: Trouble) -> None:
        if not self._dead:
            tell = self._on_trouble
            self.discard()
            tell(trouble)

    def _flush(self) -> None:
        """Writes up to one turn's bytes; the rest at the next turn, or when the transport has room again."""
        self._scheduled = False
        budget = TURN
        while budget > 0 and not self._paused and not self._dead and (self._chunks or self._current is not None):
            block = self._next_block()
            budget -= len(block)
            self._account(len(block))
            self._transport.write(block)
        if self._dead:
            return
        if self._full and self.queued - self._streamed < self._limits.pause_bytes // 2:
            self._full = False
            self._on_room(True)
        if self._chunks or self._current is not None:
            if not self._paused:
                self._scheduled = True
                self._loop.call_soon(self._flush)
        elif self._closing:
            self._then()

    def _next_block(self) -> Chunk:
        """A slice of the big chunk in hand, or as many queued chunks as fit into one slice, joined."""
        if self._current is None and len(self._chunks[0]) > SLICE:
            self._current = memoryview(self._chunks.popleft())
        if self._current is not None:
            block = self._current[:SLICE]
            self._current = self._current[SLICE:] if len(self._current) > SLICE else None
            return block
        if self._unsent + self.queued <= SLICE:  # the usual case: all that waits leaves together
            everything = b"".join(self._chunks)
            self._chunks.clear()
            return everything
        first = self._chunks.popleft()
        small, size = [first], len(first)
        while self._chunks and size + len(self._chunks[0]) <= SLICE:
            small.append(chunk := self._chunks.popleft())
            size += len(chunk)
        return b"".join(small)

    def _account(self, size: int) -> None:
        """Takes written bytes off the frame being written, and off those behind it."""
        while size >= self._unsent:
            size -= self._unsent
            if not self._sizes:
                self._unsent = 0
                return
            frame_size = self._sizes.popleft()
            self._unsent = abs(frame_size)
            self.queued -= self._unsent
            self._streamed -= self._unsent if frame_size < 0 else 0
        self._unsent -= size

    def _watch_progress(self) -> None:
        if self._timer is None and not self._dead:
            self._progress_at, self._left = self._loop.time(), self._unread()
            self._timer = self._loop.call_later(self._limits.dead_s / 8, self._check_progress)

    def _check_progress(self) -> None:
        self._timer = None
        if self._dead or not (self._paused or self._closing):
            return
        if self._idle_s() >= self._limits.dead_s:
            self._fail(Trouble.STALLED)
            return
        self._timer = self._loop.call_later(self._limits.dead_s / 8, self._check_progress)

    def _idle_s(self) -> float:
        """Seconds since the client last took bytes."""
        left, now = self._unread(), self._loop.time()
        if left != self._left or (not self._paused and not self._closing):
            self._left, self._progress_at = left, now
        return now - self._progress_at

    def _unread(self) -> int:
        """Bytes that the client has not read yet, those in the kernel included: an honest slow reader empties these first."""
        sock = self._transport.get_extra_info("socket")
        try:
            (in_kernel,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
        except OSError:  # the descriptor has just been closed
            in_kernel = 0
        return int(in_kernel) + self._transport.get_write_buffer_size()


def _nobody(*_: object) -> None:
    """Called when there is nobody left to tell."""
