"""The loop guard counts lateness and keeps the stack of what made the loop late."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import pytest

from sidecar.engine.lag import STALL_S, Histogram, LagGuard, Witness


def test_quantiles_are_upper_bounds_within_a_quarter() -> None:
    """A quantile is never below the true value and at most a quarter above it."""
    histogram = Histogram()
    for duration_ms in range(1, 1001):
        histogram.add(float(duration_ms))
    for share, true_ms in ((0.5, 500.0), (0.99, 990.0), (0.999, 999.0)):
        assert true_ms <= histogram.quantile_ms(share) <= true_ms * 1.25
    assert histogram.max_ms == 1000.0


def test_an_empty_histogram_is_all_zero() -> None:
    """Nothing measured is zero, not an error."""
    assert Histogram().quantile_ms(0.99) == 0.0


@pytest.mark.parametrize("block", ["_block_the_loop", "_hold_the_gil"])
async def test_a_blocked_loop_leaves_its_stack(block: str) -> None:
    """A callback that blocks the loop over the bound is found by name in `worst`, also one that never lets the GIL go (design 3.20)."""
    rested = asyncio.Event()
    guard = LagGuard(lambda: bool(rested.set()))
    guard.wake()
    globals()[block]()
    await rested.wait()
    worst = guard.status()["worst"]
    guard.close()
    assert isinstance(worst, list) and len(worst) == 1
    assert block in worst[0]["stack"].splitlines()[0]
    assert worst[0]["ms"] >= STALL_S * 1e3


async def test_nothing_live_means_no_heartbeat() -> None:
    """The heart rests while nothing is live, so that an idle daemon costs no CPU."""
    rested = asyncio.Event()
    guard = LagGuard(lambda: bool(rested.set()))
    guard.wake()
    await rested.wait()
    assert guard.status()["samples"] == 1
    guard.close()


async def test_looking_at_a_busy_loop_is_safe() -> None:
    """The process survives many looks at frames that come and go; faulthandler's own thread ends it within seconds."""
    witness = Witness(threading.get_ident())
    for _ in range(30):
        witness.expect(due_at := time.monotonic() - STALL_S)
        until = time.monotonic() + 0.02
        while time.monotonic() < until:
            _deep(60)
        assert isinstance(witness.stack(due_at), str)
    witness.close()


def _deep(depth: int) -> int:
    return depth if depth == 0 else _deep(depth - 1)


def _hold_the_gil() -> None:
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        sum(itertools.repeat(1, 20_000_000))  # one bytecode, about 0.2 s


def _block_the_loop() -> None:
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass
