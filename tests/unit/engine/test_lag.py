"""The loop guard counts lateness and keeps the stack of what made the loop late."""

from __future__ import annotations

import asyncio
import time

from sidecar.engine.lag import STALL_S, Histogram, LagGuard


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


async def test_a_blocked_loop_leaves_its_stack() -> None:
    """A callback that blocks the loop over the bound is found by name in `worst` (design 3.20)."""
    rested = asyncio.Event()
    guard = LagGuard(lambda: bool(rested.set()))
    guard.wake()
    _block_the_loop()
    await rested.wait()
    worst = guard.status()["worst"]
    guard.close()
    assert isinstance(worst, list) and len(worst) == 1
    assert "_block_the_loop" in worst[0]["stack"]
    assert worst[0]["ms"] >= STALL_S * 1e3


async def test_nothing_live_means_no_heartbeat() -> None:
    """The heart rests while nothing is live, so that an idle daemon costs no CPU."""
    rested = asyncio.Event()
    guard = LagGuard(lambda: bool(rested.set()))
    guard.wake()
    await rested.wait()
    assert guard.status()["samples"] == 1
    guard.close()


def _block_the_loop() -> None:
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass
