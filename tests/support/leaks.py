"""Checks that a test leaves no task, thread or file descriptor behind in its own process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from typing import TypeVar

from tests.support.waiting import eventually, eventually_sync

T = TypeVar("T")


async def no_tasks_left(work: Awaitable[T]) -> T:
    """Await `work`; fail if a task that it made is still there afterwards."""
    before = asyncio.all_tasks()
    result = await work
    await eventually(lambda: not _new_tasks(before), 5, "tasks that the test leaves behind have ended") if _new_tasks(before) else None
    return result


def _new_tasks(before: set[asyncio.Task[object]]) -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() - before if not task.done()]


def descriptors() -> dict[int, str]:
    """Open file descriptors of this process and what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the folder's own descriptor
    return found


class Baseline:
    """Threads and descriptors of this process at one moment."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = set(descriptors().items())

    def check(self) -> None:
        """Fail if there is more now than there was then, after a moment for what is just ending."""
        eventually_sync(lambda: not self.excess(), 5, f"threads and descriptors that the test leaves behind: {self.excess()}")

    def excess(self) -> list[str]:
        """What is there now and was not then."""
        threads = [thread.name for thread in threading.enumerate() if thread not in self._threads]
        opened = [f"fd {number} -> {target}" for number, target in descriptors().items() if (number, target) not in self._descriptors]
        return threads + opened
