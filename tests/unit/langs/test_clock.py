"""The running loop's time."""

from __future__ import annotations

import asyncio
import time

from sidecar.langs.clock import LoopClock


async def test_a_call_comes_later_unless_it_is_cancelled() -> None:
    """Once."""
    clock, came = LoopClock(), asyncio.Event()
    calls: list[str] = []
    clock.call_later(0.001, lambda: calls.append("cancelled")).cancel()
    clock.call_later(0.002, came.set)
    await came.wait()
    assert calls == []


def test_it_counts_monotonic_seconds() -> None:
    """As deadlines do."""
    before = time.monotonic()
    assert before <= LoopClock().now() <= time.monotonic()
