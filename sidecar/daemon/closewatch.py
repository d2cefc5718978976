"""Notices that a client has gone for good, where the loop cannot (design 3.3).

`eof_received` looks the same for a half-close and a full close, a close after a half-close is never reported on either loop, and
nothing is while reading is paused. So one epoll holds every client's descriptor at event mask 0: the kernel then reports only
EPOLLHUP (both directions shut) and EPOLLERR. Must never read or write a socket.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable


class CloseWatch:
    """Calls back once for each watched descriptor whose other end has closed completely.

    A descriptor is forgotten before it is closed. uvloop closes a failing transport's descriptor by itself: the kernel then drops
    it from the set, and its number may be another client's by the time the first one's owner forgets it, hence `owner`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[object, Callable[[], None]]] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, fd: int, owner: object, on_close: Callable[[], None]) -> None:
        """Watches `fd` until it is forgotten or `on_close` has been called."""
        if fd in self._watched:  # left over from a descriptor that uvloop closed
            self._unregister(fd)
        self._watched[fd] = (owner, on_close)
        self._epoll.register(fd, 0)

    def forget(self, fd: int, owner: object) -> None:
        """Stops watching `fd` if it is (still) watched for `owner`."""
        entry = self._watched.get(fd)
        if entry is not None and entry[0] is owner:
            del self._watched[fd]
            self._unregister(fd)

    def close(self) -> None:
        """Ends the watch; nothing is called any more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._watched.clear()
        self._epoll.close()

    def _unregister(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:  # closed already: the kernel has removed it
            return

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0):
            entry = self._watched.pop(fd, None)
            self._unregister(fd)  # level-triggered: it would be reported for ever
            if entry is not None:
                entry[1]()
