"""The reply of the CLI engine in the making: order, limits and bytes, as Rust's `output.rs` applies them. Pure; memory is bounded by the limits."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

import msgspec

Key = tuple[Any, ...]
"""A file's place in path order: the number of the request's path that it was found under, its path as shown, and what else the order goes by."""


class _File(msgspec.Struct, frozen=True, order=True):
    key: Key
    items: list[bytes]


class Gathering:
    """Items of files that come one file after the other, in any order.

    Args:
        limit: items at most.
        max_bytes: of JSON, at most.
        sort: keep the first ones in path order, else the first to come.
    """

    def __init__(self, limit: int, max_bytes: int, *, sort: bool) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._sort = sort
        self._files: list[_File] = []
        self._items = 0
        self._bytes = 0

    def is_full(self) -> bool:
        """Whether there is more than fits."""
        return self._items > self._limit or self._bytes > self._max_bytes

    def goes_on(self) -> bool:
        """Whether more can change the reply: in path order always, as what comes may stand before what is there."""
        return self._sort or not self.is_full()

    def admits(self, key: Key) -> bool:
        """Whether items of this file could still get into the reply."""
        return not self.is_full() if not self._sort else not (self.is_full() and key > self._files[-1].key)

    def has_enough(self, items: int, size: int) -> bool:
        """Whether so many items and bytes of one file fill the reply: alone, or in order of arrival behind what is there."""
        there = (0, 0) if self._sort else (self._items, self._bytes)
        return there[0] + items > self._limit or there[1] + size > self._max_bytes

    def add(self, key: Key, items: list[bytes]) -> None:
        """Take a file's items; what can no longer get into the reply is forgotten."""
        if not items:
            return
        file = _File(key, items)
        if self._sort:
            bisect.insort(self._files, file, key=lambda one: one.key)
        else:
            self._files.append(file)
        self._items += len(items)
        self._bytes += _size(file)
        while self._sort and len(self._files) > 1 and self._overflows_without_last():
            last = self._files.pop()
            self._items -= len(last.items)
            self._bytes -= _size(last)

    def _overflows_without_last(self) -> bool:
        last = self._files[-1]
        return self._items - len(last.items) > self._limit or self._bytes - _size(last) > self._max_bytes

    def taken(self) -> Iterator[tuple[Key, list[bytes]]]:
        """Key and items of each file that are in the reply, in its order."""
        items, size = 0, 0
        for file in self._files:
            fitting: list[bytes] = []
            for item in file.items:
                items, size = items + 1, size + len(item) + 1
                if items > self._limit or size > self._max_bytes:
                    break
                fitting.append(item)
            if fitting:
                yield file.key, fitting
            if len(fitting) < len(file.items):
                return

    def reason(self) -> str | None:
        """Why not everything is in the reply."""
        items, size = 0, 0
        for item in (item for file in self._files for item in file.items):
            items, size = items + 1, size + len(item) + 1
            if items > self._limit:
                return "limit"
            if size > self._max_bytes:
                return "bytes"
        return None


def _size(file: _File) -> int:
    return sum(map(len, file.items)) + len(file.items)
