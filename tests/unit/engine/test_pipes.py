"""A process's pipes on the loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sidecar.engine.pipes import STDIN_BOUND_BYTES, ReadPipe, WritePipe
from sidecar.errors import Crashed, Overloaded
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


def test_every_chunk_arrives_and_the_end_closes(on_loop: OnLoop) -> None:
    """What is written is fed in order; the end of the pipe closes our end."""

    async def check() -> None:
        theirs, ours = os.pipe()[::-1]
        fed: list[bytes] = []
        pipe = ReadPipe(asyncio.get_running_loop(), ours, fed.append)
        os.write(theirs, b"ab")
        await eventually(lambda: fed)
        os.write(theirs, b"c")
        os.close(theirs)
        await eventually(lambda: pipe._fd < 0)
        assert b"".join(fed) == b"abc"

    on_loop(check())


def test_a_drain_ends_though_another_holds_the_pipe(on_loop: OnLoop) -> None:
    """What is there is taken, and nobody waits for an end that may never come."""

    async def check() -> None:
        theirs, ours = os.pipe()[::-1]
        fed: list[bytes] = []
        pipe = ReadPipe(asyncio.get_running_loop(), ours, fed.append)
        os.write(theirs, b"rest")
        pipe.drain()
        assert fed == [b"rest"]
        os.close(theirs)

    on_loop(check())


def test_a_write_larger_than_the_pipe_waits_for_its_reader(on_loop: OnLoop) -> None:
    """Nothing is lost or blocked when the pipe is full."""

    async def check() -> None:
        theirs, ours = os.pipe()
        pipe = WritePipe(asyncio.get_running_loop(), ours)
        fed = bytearray()
        pipe.write(b"x" * 300_000)
        pipe.write(b"y")
        assert 0 < pipe.waiting_bytes < 300_001
        pipe.end()
        reader = ReadPipe(asyncio.get_running_loop(), theirs, fed.extend)
        await eventually(lambda: reader._fd < 0)
        assert fed == b"x" * 300_000 + b"y"
        assert pipe.waiting_bytes == 0

    on_loop(check())


def test_what_waits_for_a_deaf_process_is_bounded(on_loop: OnLoop) -> None:
    """Over the bound a write is refused and changes nothing."""

    async def check() -> None:
        theirs, ours = os.pipe()
        pipe = WritePipe(asyncio.get_running_loop(), ours)
        pipe.write(bytes(STDIN_BOUND_BYTES))
        with pytest.raises(Overloaded):
            pipe.write(bytes(1 << 20))
        pipe.close()
        os.close(theirs)

    on_loop(check())


def test_writing_to_the_dead_is_an_error_of_the_second_write(on_loop: OnLoop) -> None:
    """The broken pipe is noticed once, then every write says so."""

    async def check() -> None:
        theirs, ours = os.pipe()
        os.close(theirs)
        pipe = WritePipe(asyncio.get_running_loop(), ours)
        pipe.write(b"nobody")
        with pytest.raises(Crashed):
            pipe.write(b"hears")

    on_loop(check())
