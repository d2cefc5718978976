"""Noise beside a test: processes that burn the processors, and a client that floods the daemon with searches."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.support.clients import Client, Refused


@contextmanager
def cpu_hogs(count: int = 2) -> Iterator[None]:
    """So many processes that do nothing but count."""
    hogs = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


class Flood:
    """What a flood has done so far."""

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0


@asynccontextmanager
async def grep_flood(socket: Path, root: Path, pattern: str = ".", window: int = 4) -> AsyncIterator[Flood]:
    """A client that keeps `window` searches of `root` running for as long as the context lasts."""
    flood = Flood()
    async with await Client.open(socket) as client:
        tasks = [asyncio.get_running_loop().create_task(_repeat(client, root, pattern, flood)) for _ in range(window)]
        try:
            yield flood
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(client: Client, root: Path, pattern: str, flood: Flood) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            try:
                await client.call("sidecar/grep", {"root": str(root), "pattern": pattern, "limit": 100000})
                flood.answered += 1
            except Refused:
                flood.refused += 1
