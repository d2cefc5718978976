"""Lanes are bounded and fair: who waits, who goes first, who is sent away."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.engine.deadline import Deadline
from sidecar.engine.lanes import Lane, LaneLimits, Lanes, LaneSlot
from sidecar.engine.spec import LaneName
from sidecar.errors import Overloaded, TimedOut


def lane(limit: int = 2, queue: int = 8, budget_s: float = 60.0) -> Lane:
    """A lane with small bounds."""
    return Lane(LaneName.SEARCH, LaneLimits(limit, queue, budget_s))


def far() -> Deadline:
    """A deadline that never comes in a test."""
    return Deadline.after_ms(60_000)


async def waiting(of: Lane, client_id: str) -> asyncio.Task[LaneSlot]:
    """A task that waits in the lane; it has joined the queue when this returns."""
    task = asyncio.create_task(of.acquire(client_id, far()))
    await asyncio.sleep(0)
    return task


async def test_never_more_run_than_the_limit() -> None:
    """A slot is granted only while fewer than `limit` are in use."""
    search = lane(limit=3)
    slots = [await search.acquire(name, far()) for name in "abc"]
    fourth = await waiting(search, "d")
    assert (search.running, search.queued, fourth.done()) == (3, 1, False)
    slots[0].release()
    assert (await fourth).client_id == "d"
    assert (search.running, search.queued) == (3, 0)


async def test_one_slot_serves_only_clients_that_hold_none() -> None:
    """A client that holds a slot cannot take the last one; a newcomer gets it at once (design 3.17)."""
    search = lane(limit=2)
    await search.acquire("greedy", far())
    second = await waiting(search, "greedy")
    assert not second.done()
    newcomer = await search.acquire("newcomer", far())
    assert newcomer.client_id == "newcomer"
    second.cancel()


async def test_a_freed_general_slot_goes_on_while_the_reserved_one_is_taken() -> None:
    """The reserved slot counts as taken by whoever sits in it, so that the lane is never left half empty."""
    search = lane(limit=2)
    first = await search.acquire("greedy", far())
    await search.acquire("newcomer", far())
    second = await waiting(search, "greedy")
    first.release()
    assert (await second).client_id == "greedy"


async def test_fifty_queued_calls_delay_another_client_by_at_most_one() -> None:
    """Whoever has waited longest without being served is next, however many calls another client has queued (design 3.17)."""
    search = lane(limit=2, queue=64)
    running = [await search.acquire("flood", far()), await search.acquire("other", far())]
    flood = [await waiting(search, "flood") for _ in range(50)]
    single = await waiting(search, "single")
    running[0].release()
    assert (await single).client_id == "single"
    assert not any(task.done() for task in flood)
    for task in flood:
        task.cancel()


async def test_waiting_clients_take_turns() -> None:
    """Two clients with queues are served alternately."""
    search = lane(limit=2, queue=8)
    slot, _ = await search.acquire("x", far()), await search.acquire("y", far())
    tasks = [await waiting(search, name) for name in "aaabbb"]
    served = []
    for _ in range(4):
        slot.release()
        await asyncio.sleep(0)
        done = next(task for task in tasks if task.done())
        tasks.remove(done)
        slot = done.result()
        served.append(slot.client_id)
    assert served == ["a", "b", "a", "b"]
    for task in tasks:
        task.cancel()


async def test_a_full_queue_sends_away_with_a_time_to_come_back() -> None:
    """One client's call over its queue is refused with -32001 and retryAfterMs, and counted; another client may still wait."""
    search = lane(limit=2, queue=1)
    await search.acquire("a", far())
    queued = await waiting(search, "a")
    with pytest.raises(Overloaded) as refused:
        await search.acquire("a", far())
    assert refused.value.retry_after_ms is not None and refused.value.retry_after_ms > 0
    assert search.rejected == 1
    assert (await search.acquire("b", far())).client_id == "b"
    queued.cancel()


async def test_waiting_longer_than_the_budget_is_overload() -> None:
    """The queue budget is the lane's setting; over it: -32001 (design 3.18)."""
    search = lane(budget_s=0.0)
    await search.acquire("a", far())
    with pytest.raises(Overloaded):
        await search.acquire("a", far())
    assert search.queued == 0


async def test_a_deadline_that_passes_in_the_queue_is_a_timeout() -> None:
    """The request's own deadline ends its wait as `timeout`."""
    search = lane()
    await search.acquire("a", far())
    with pytest.raises(TimedOut):
        await search.acquire("a", Deadline.after_ms(0))
    assert search.queued == 0


async def test_a_cancelled_wait_leaves_the_queue() -> None:
    """A cancelled call neither waits on nor gets a slot."""
    search = lane()
    slot = await search.acquire("a", far())
    task = await waiting(search, "a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slot.release()
    assert (search.running, search.queued) == (0, 0)


async def test_a_slot_granted_while_its_wait_is_cancelled_is_handed_on() -> None:
    """Grant and cancel in one turn of the loop must not lose the slot."""
    search = lane()
    slot = await search.acquire("a", far())
    task = await waiting(search, "a")
    slot.release()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert search.running == 0


async def test_a_slot_is_free_only_when_its_last_holder_lets_go() -> None:
    """Work that outlives its answer keeps the slot (invariant 5)."""
    search = lane()
    slot = await search.acquire("a", far())
    slot.hold()
    slot.release()
    assert search.running == 1
    slot.release()
    assert search.running == 0


async def test_status_shows_every_lane() -> None:
    """Each lane's running, queued, limit and rejected are visible (features A5)."""
    lanes = Lanes({name: LaneLimits(4, 8, 1.0) for name in LaneName})
    await lanes[LaneName.SPAWN].acquire("a", far())
    rows = {row["name"]: row for row in lanes.status()}
    assert set(rows) == set(LaneName)
    assert rows[LaneName.SPAWN] == {"name": "spawn", "running": 1, "queued": 0, "limit": 4, "rejected": 0}


async def test_calls_cancelled_together_with_the_running_one_leave_the_lane_empty() -> None:
    """A slot freed in the same turn of the loop is never given to a wait that is already cancelled."""
    search = lane(limit=2)

    async def run() -> None:
        slot = await search.acquire("one", far())
        try:
            await asyncio.Event().wait()
        finally:
            slot.release()

    tasks = [asyncio.create_task(run()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    assert (search.running, search.queued) == (0, 0)


async def test_a_client_that_has_just_been_served_goes_behind_one_that_has_not() -> None:
    """Holding nothing any more is no advantage over a client that never held anything, whoever queued first."""
    search = lane(limit=2)
    served = await search.acquire("greedy", far())
    await search.acquire("other", far())
    again = await waiting(search, "greedy")
    single = await waiting(search, "single")
    served.release()
    assert (await single).client_id == "single"
    assert not again.done()
    again.cancel()
