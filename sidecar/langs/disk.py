"""The disk as language servers are shown it: bounded threads that look at files, and the texts they found. The loop never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sidecar.errors import ShuttingDown
from sidecar.langs import roots, text
from sidecar.langs.roots import Stamp

T = TypeVar("T")

KEPT_BYTES = 32 << 20
"""Texts of files that are kept, so that an unchanged file is neither read nor sent again."""
THREADS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is now: its path (a real one, where it must be confined), its project's root and its text."""

    path: str
    root: str
    text: text.Text | None


class Disk:
    """Looks at files in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="disk")
        self._kept: dict[str, tuple[Stamp, text.Text]] = {}
        self._kept_bytes = 0
        self._closed = False

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Do blocking work there.

        Raises:
            ShuttingDown: after `close`.
        """
        if self._closed:
            raise shutting_down()
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def look(self, path: str, bound: str | None, markers: Sequence[str], within: Sequence[str] | None, *, read: bool, root: str | None = None) -> Found:
        """Find a file's root, and read it.

        Args:
            path: absolute path.
            bound: the client's root, see `roots.root_of`.
            markers: of a root.
            within: folders that it must stay in, symlinks resolved; None = anywhere.
            read: whether its text is wanted.
            root: its root if that is known already; then nothing else is looked at.

        Raises:
            SidecarError: as `roots.read` and `roots.confined`.
        """
        kept = self._kept.get(path)
        found, stamp = await self.submit(lambda: _look(path, bound, markers, within, kept if read else None, read, root))
        if stamp is not None and found.text is not None and (kept is None or found.text is not kept[1]):
            self._keep(path, stamp, found.text)
        return found

    def close(self) -> None:
        """Take no more work."""
        self._closed = True
        self._threads.shutdown(wait=False)

    def _keep(self, path: str, stamp: Stamp, content: text.Text) -> None:
        old = self._kept.pop(path, None)
        self._kept_bytes += content.len_bytes - (old[1].len_bytes if old else 0)
        self._kept[path] = stamp, content
        while self._kept_bytes > KEPT_BYTES:
            oldest = next(iter(self._kept))
            self._kept_bytes -= self._kept.pop(oldest)[1].len_bytes


def shutting_down() -> ShuttingDown:
    """The error for who comes too late."""
    return ShuttingDown("the daemon is stopping", hint="Ask again: the next request starts a new daemon.")


def _look(
    path: str, bound: str | None, markers: Sequence[str], within: Sequence[str] | None, kept: tuple[Stamp, text.Text] | None, read: bool, root: str | None
) -> tuple[Found, Stamp | None]:
    """In a thread."""
    path = path if within is None else roots.confined(path, within)
    root = root or roots.root_of(path, bound, markers)
    if not read:
        return Found(path, root, None), None
    stamp, content = roots.read(path, kept[0] if kept else None)
    if content is None and kept is not None:
        return Found(path, root, kept[1]), stamp
    return Found(path, root, text.make(content or "")), stamp
