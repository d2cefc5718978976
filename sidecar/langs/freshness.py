"""What has changed on disk since a server read it: a stale answer is worse than none (field note 13).

A look at the project's own files by name, size and time, in a disk thread and at most once in `INTERVAL_S`, before a question is asked;
what differs is told by `workspace/didChangeWatchedFiles` (LSP 3.17). A watcher in Rust may take its place; what it owes is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from sidecar.langs.clock import Clock
from sidecar.langs.disk import Disk
from sidecar.langs.positions import uri_of
from sidecar.langs.servers import Row

INTERVAL_S = 1.0
"""Seconds that a look is good for: an answer may be behind the disk by this much."""
PATIENCE_S = 0.1
"""How long a question waits for the look; 10,000 files take about this long. Then it is asked, and the next one knows."""
MAX_ENTRIES = 50_000
"""Names that a look reads; a project with more is not looked at, and its server is told nothing."""
SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages"})
CREATED, CHANGED, DELETED = 1, 2, 3
"""LSP 3.17 FileChangeType."""

Seen: TypeAlias = "dict[str, tuple[int, int]]"
"""Path -> size in bytes, time of change in nanoseconds."""
News: TypeAlias = "tuple[Seen | None, bytes]"
"""What is there now, and the params that tell what is new; empty if nothing is."""
_encode = msgspec.json.Encoder().encode


class Freshness:
    """What one server should know of the disk.

    Args:
        disk: where looking happens.
        clock: for the interval.
        root: the project's folder.
        row: which files count: those of its languages, and its markers.
        send: takes the params of one `workspace/didChangeWatchedFiles`.
    """

    def __init__(self, disk: Disk, clock: Clock, root: str, row: Row, send: Callable[[bytes], None]) -> None:
        self._disk = disk
        self._clock = clock
        self._root = root
        self._row = row
        self._send = send
        self._seen: Seen | None = None
        self._looking: asyncio.Future[News] | None = None
        self._looked_at = float("-inf")

    async def ensure(self) -> None:
        """Let the server know what has changed, as far as that is found within `PATIENCE_S`."""
        if self._clock.now() - self._looked_at >= INTERVAL_S:
            self.look()
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=PATIENCE_S)

    def look(self) -> None:
        """Begin to look, unless that is under way. The first look is what later ones are compared with."""
        if self._looking is None:
            self._looked_at = self._clock.now()
            before = self._seen
            self._looking = self._disk.submit(lambda: _news(self._root, self._row, before))
            self._looking.add_done_callback(self._looked)

    def _looked(self, done: asyncio.Future[News]) -> None:
        self._looking = None
        if done.cancelled():
            return
        self._seen, told = done.result()
        if told:
            self._send(told)


def _news(root: str, row: Row, before: Seen | None) -> News:
    """In a thread, to the last byte: a checkout can change every file of a project."""
    seen = look(root, row)
    found = changes(before, seen) if before is not None and seen is not None else []
    return seen, _encode({"changes": [{"uri": uri_of(path), "type": kind} for path, kind in found]}) if found else b""


def look(root: str, row: Row) -> Seen | None:
    """All files that count below a folder; None if there are too many names. Blocking. Symlinks to folders are not followed."""
    seen: Seen = {}
    folders, names = [root], 0
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    names += 1
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith(".") and entry.name not in SKIPPED:
                            folders.append(entry.path)
                    elif entry.name in row.markers or row.language_of(entry.name) is not None:
                        with contextlib.suppress(OSError):  # a dangling link, or gone meanwhile
                            status = entry.stat()
                            seen[entry.path] = status.st_size, status.st_mtime_ns
        except OSError:
            continue  # gone or unreadable: for the server too
        if names > MAX_ENTRIES:
            return None
    return seen


def changes(before: Mapping[str, tuple[int, int]], now: Mapping[str, tuple[int, int]]) -> list[tuple[str, int]]:
    """Paths that were created, changed or deleted, with LSP's number for it."""
    found = [(path, CREATED if path not in before else CHANGED) for path, stamp in now.items() if before.get(path) != stamp]
    return found + [(path, DELETED) for path in before if path not in now]
