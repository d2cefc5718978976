"""How long a leaving daemon may take."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.daemon.stopping import DRAIN_S, NOW_S, Stop, StopMode, ended_in_time


async def for_ever(stop: Stop) -> None:
    """A drain whose requests never end."""
    await asyncio.Event().wait()


@pytest.mark.parametrize(("mode", "asked_s", "expected_s"), [(StopMode.DRAIN, None, DRAIN_S), (StopMode.NOW, None, NOW_S), (StopMode.HANDOVER, 7.0, 7.0)])
def test_a_stop_has_its_modes_time_unless_asked_otherwise(mode: StopMode, asked_s: float | None, expected_s: float) -> None:
    """`deadlineMs` wins."""
    assert expected_s - 1 < Stop.within(mode, asked_s, "test").deadline.remaining_s() <= expected_s


async def test_a_drain_that_ends_by_itself_is_not_cut_short() -> None:
    """It saw the stop."""
    seen: list[Stop] = []

    async def drain(stop: Stop) -> None:
        seen.append(stop)

    stop = Stop.within(StopMode.DRAIN, None, "test")
    assert await ended_in_time(drain, stop)
    assert seen == [stop]


async def test_a_drain_is_cancelled_at_its_deadline() -> None:
    """The daemon does not stay for a request that never ends."""
    assert not await ended_in_time(for_ever, Stop.within(StopMode.DRAIN, 0.01, "test"))


async def test_a_drain_is_cancelled_when_somebody_hurries_it() -> None:
    """A second signal, or a stop with `now`."""
    hurry = asyncio.Event()
    hurry.set()
    assert not await ended_in_time(for_ever, Stop.within(StopMode.DRAIN, 1000, "test"), hurry)


async def test_a_defect_in_a_drain_is_not_hidden() -> None:
    """It is raised to the composition root."""

    async def drain(stop: Stop) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ended_in_time(drain, Stop.within(StopMode.NOW, None, "test"))
