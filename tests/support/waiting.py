"""Waiting for something to become true. The only place in the tests that polls; a test itself never sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# Generous: a bound against hanging for ever on a busy machine, never a measurement.
PATIENCE_S = 30.0
_STEP_S = 0.01


async def eventually(predicate: Callable[[], T | Awaitable[T]], timeout_s: float = PATIENCE_S, what: str = "") -> T:
    """The first true value of `predicate`, which may be a coroutine function.

    Raises:
        AssertionError: it did not become true within `timeout_s` seconds.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        found = predicate()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {timeout_s} s: {what or predicate}; last seen: {value!r}")
        await asyncio.sleep(_STEP_S)


def eventually_sync(predicate: Callable[[], T], timeout_s: float = PATIENCE_S, what: str = "") -> T:
    """The same for tests without a loop."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {timeout_s} s: {what or predicate}; last seen: {value!r}")
        time.sleep(_STEP_S)
