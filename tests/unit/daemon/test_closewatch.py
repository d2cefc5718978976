"""A client that has closed completely is noticed once, whatever its reading state; a half-close is not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from sidecar.daemon.closewatch import CloseWatch
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[tuple[CloseWatch, socket.socket, socket.socket]]:
    """A watch, our socket and theirs; nothing reads either."""
    watch = CloseWatch(asyncio.get_running_loop())
    ours, theirs = socket.socketpair()
    try:
        yield watch, ours, theirs
    finally:
        theirs.close()
        watch.close()
        ours.close()


async def turns(count: int) -> None:
    """Let the loop look at its descriptors a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_full_close_is_reported_once(on_loop: OnLoop) -> None:
    """With unread bytes in the socket too."""

    async def work() -> None:
        async with watching() as (watch, ours, theirs):
            seen: list[str] = []
            watch.watch(ours.fileno(), watch, lambda: seen.append("closed"))
            theirs.sendall(b"unread")
            theirs.close()
            await eventually(lambda: seen)
            await turns(20)
            assert seen == ["closed"]

    on_loop(work())


def test_a_half_close_is_not_reported_until_the_rest_follows(on_loop: OnLoop) -> None:
    """Only when both directions are shut."""

    async def work() -> None:
        async with watching() as (watch, ours, theirs):
            seen: list[str] = []
            watch.watch(ours.fileno(), watch, lambda: seen.append("closed"))
            theirs.shutdown(socket.SHUT_WR)
            await turns(20)
            assert seen == []
            theirs.close()
            await eventually(lambda: seen)

    on_loop(work())


def test_a_forgotten_descriptor_is_not_reported(on_loop: OnLoop) -> None:
    """And forgetting on behalf of somebody else, or twice, changes nothing."""

    async def work() -> None:
        async with watching() as (watch, ours, theirs):
            seen: list[str] = []
            owner = object()
            watch.watch(ours.fileno(), owner, lambda: seen.append("closed"))
            watch.forget(ours.fileno(), object())
            watch.forget(ours.fileno(), owner)
            watch.forget(ours.fileno(), owner)
            theirs.close()
            await turns(20)
            assert seen == []

    on_loop(work())


def test_a_reused_descriptor_number_is_its_new_owners(on_loop: OnLoop) -> None:
    """uvloop closes a failing transport's descriptor by itself; its number may be another client's at once."""

    async def work() -> None:
        async with watching() as (watch, ours, theirs):
            seen: list[str] = []
            old, new = object(), object()
            first, other = socket.socketpair()
            number = first.fileno()
            watch.watch(number, old, lambda: seen.append("old"))
            first.close()
            os.dup2(ours.fileno(), number)
            watch.watch(number, new, lambda: seen.append("new"))
            watch.forget(number, old)
            other.close()
            theirs.close()
            await eventually(lambda: seen)
            watch.forget(number, new)
            os.close(number)
            assert seen == ["new"]

    on_loop(work())
