"""A process's pipes on the loop: non-blocking descriptors with `add_reader`/`add_writer`, alike on asyncio and uvloop.

Owns the descriptors it is given and closes each exactly once. Knows nothing of processes.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from sidecar.errors import Crashed, Overloaded

READ_BYTES = 65536
"""One turn of the loop takes at most this from one pipe: the size of a pipe's own buffer (pipe(7))."""

STDIN_BOUND_BYTES = 64 * 1024 * 1024
"""What may wait for a process that does not read: four of the largest documents (design 3.3)."""


class ReadPipe:
    """The reading end of a pipe; every chunk goes to `feed` as it arrives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, feed: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._feed = feed
        os.set_blocking(fd, False)
        loop.add_reader(fd, self.read)

    def read(self) -> bool:
        """Take what is there, at most once; False when there is nothing now or ever."""
        if self._fd < 0:
            return False
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._feed(data)
            return True
        self.close()
        return False

    def drain(self) -> None:
        """Take what is left of a writer that is dead, and close. Bounded: another holder may write for ever."""
        for _ in range(32):
            if not self.read():
                break
        self.close()

    def close(self) -> None:
        """Stop reading."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


class WritePipe:
    """The writing end of a process's stdin."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self._waiting: deque[memoryview] = deque()
        self._ending = False
        self.waiting_bytes = 0
        os.set_blocking(fd, False)

    def write(self, data: bytes | memoryview) -> None:
        """Write now, or as the reader makes room.

        Raises:
            Overloaded: more than `STDIN_BOUND_BYTES` would wait.
            Crashed: the process has ended or closed its stdin.
        """
        if self._fd < 0 or self._ending:
            raise Crashed("the process does not read its input any more", hint="It has ended or closed its stdin; start it again.")
        if self.waiting_bytes + len(data) > STDIN_BOUND_BYTES:
            raise Overloaded("the process does not read its input", hint="It is busy or hangs; try again later.", retry_after_ms=1000)
        self._waiting.append(memoryview(data))
        self.waiting_bytes += len(data)
        if len(self._waiting) == 1:
            self._flush()
            if self._waiting:
                self._loop.add_writer(self._fd, self._flush)

    def end(self) -> None:
        """Close once everything is written."""
        self._ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close now; what waits is dropped."""
        self._waiting.clear()
        self.waiting_bytes = 0
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        while self._waiting:
            try:
                written = os.write(self._fd, self._waiting[0])
            except BlockingIOError:
                return
            except OSError:  # EPIPE: nobody will read it
                self.close()
                return
            self.waiting_bytes -= written
            rest = self._waiting.popleft()[written:]
            if rest:
                self._waiting.appendleft(rest)
        self._loop.remove_writer(self._fd)
        if self._ending:
            self.close()
