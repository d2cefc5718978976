"""A1, A5, A6 and fairness: what runs beside what, who waits, and who is sent away. Order decides here, never time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.support.clients import Client, Pending, Refused
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.noise import cpu_hogs, grep_flood
from tests.support.trees import wide_tree
from tests.support.waiting import PATIENCE_S, eventually

_NARROW = """
[lanes.search]
limit = 2
queue = {queue}
queue_budget_ms = {budget}
"""


def _hold(client: Client, gate: str, tool: str = "hold_search", **params: Any) -> Pending:
    """Ask for a call that runs until its gate is opened; it says `holding` when it starts."""
    return client.request("sidecar/tools/call", {"tool": tool, "args": {"name": gate}, "partialResultToken": gate, **params})


async def _started(client: Client, gate: str) -> None:
    await client.wait_notification(lambda note: note["method"] == "$/progress" and note["params"]["token"] == gate)


def _has_started(client: Client, gate: str) -> bool:
    return any(note["params"].get("token") == gate for note in client.notifications)


async def test_a_later_request_is_answered_before_an_earlier_one_that_still_runs(daemon: Daemon) -> None:
    """Requests of one connection run concurrently and are answered by id (A1)."""
    async with await daemon.connect() as client:
        first = _hold(client, "first", "hold")
        second = _hold(client, "second", "hold")
        third = client.request("sidecar/status")
        assert (await third)["id"] == third.request_id
        await client.tool("release", {"name": "second"})
        assert (await second)["id"] == second.request_id
        assert not first.done()
        await client.tool("release", {"name": "first"})
        assert (await first)["id"] == first.request_id


async def test_over_the_bound_a_request_is_refused_with_when_to_try_again(make_daemon: DaemonFactory) -> None:
    """A5: the lane's queue is bounded and visible; one more gets -32001 with `retryAfterMs`, at once."""
    daemon = make_daemon(config=_NARROW.format(queue=3, budget=600_000)).start()
    async with await daemon.connect() as client, await daemon.connect() as other:
        held = [_hold(client, f"g{number}") for number in range(4)]
        await eventually(lambda: daemon.lane("search")["queued"] == 3)
        refused = await client.refusal("sidecar/tools/call", {"tool": "hold_search", "args": {"name": "more"}})
        assert (refused.code, refused.kind) == (-32001, "overloaded")
        assert refused.data["retryAfterMs"] > 0
        lane = daemon.lane("search")
        assert (lane["running"], lane["queued"], lane["limit"], lane["rejected"]) == (1, 3, 2, 1)
        assert await other.tool("noop_search"), "another client still has its own place"
        for number in range(4):
            await other.tool("release", {"name": f"g{number}"})
        assert all("result" in reply for reply in await asyncio.gather(*held))


async def test_a_wait_over_the_queue_budget_is_refused_as_overload(make_daemon: DaemonFactory) -> None:
    """Design 3.18: over the lane's queue budget a call gets -32001, though its own deadline is far."""
    daemon = make_daemon(config=_NARROW.format(queue=8, budget=50)).start()
    async with await daemon.connect() as client:
        running = _hold(client, "running")
        await _started(client, "running")
        refused = await client.refusal("sidecar/tools/call", {"tool": "hold_search", "args": {"name": "waiting"}})
        assert refused.kind == "overloaded"
        await client.tool("release", {"name": "running"})
        assert "result" in await running


async def test_fifty_queued_searches_of_one_client_delay_anothers_by_at_most_one(make_daemon: DaemonFactory) -> None:
    """Design 3.17, though the slot kept for newcomers is taken: the client that holds least goes first."""
    daemon = make_daemon(config=_NARROW.format(queue=64, budget=600_000)).start()
    async with await daemon.connect() as greedy, await daemon.connect() as newcomer, await daemon.connect() as single:
        many = [_hold(greedy, f"g{number}") for number in range(50)]
        await _started(greedy, "g0")
        kept = _hold(newcomer, "kept")
        await _started(newcomer, "kept")
        one = _hold(single, "one")
        await eventually(lambda: daemon.lane("search")["queued"] == 50)
        await single.tool("release", {"name": "g0"})
        await _started(single, "one")
        assert not _has_started(greedy, "g1"), "the newcomer's call waited for one search, not for two"
        for gate in ("kept", "one", *(f"g{number}" for number in range(1, 50))):
            await single.tool("release", {"name": gate})
        assert all("result" in reply for reply in await asyncio.gather(*many, kept, one))


async def test_a_newcomer_has_a_slot_while_another_client_fills_the_lane(make_daemon: DaemonFactory) -> None:
    """One slot of each lane serves only clients that hold none in it."""
    daemon = make_daemon(config=_NARROW.format(queue=64, budget=600_000)).start()
    async with await daemon.connect() as greedy, await daemon.connect() as newcomer:
        many = [_hold(greedy, f"g{number}") for number in range(10)]
        await _started(greedy, "g0")
        await newcomer.tool("noop_search")
        assert not any(asked.done() for asked in many)
        for number in range(10):
            await newcomer.tool("release", {"name": f"g{number}"})
        await asyncio.gather(*many)


async def test_interactive_requests_are_answered_in_the_middle_of_a_flood(daemon: Daemon, short_tmp: Path) -> None:
    """A6: while searches and processors are busy, small requests of another client are answered, every one."""
    wide_tree(short_tmp, 200, 20)
    with cpu_hogs(2):
        async with grep_flood(daemon.socket, short_tmp) as flood, await daemon.connect() as client:
            await eventually(lambda: flood.answered > 2)
            for _ in range(50):
                assert await client.call("sidecar/ping") == {}
                assert "meta" in await client.tool("noop")
            assert flood.refused == 0
    assert daemon.lane("interactive")["rejected"] == 0


async def test_a_full_search_lane_does_not_hold_up_the_other_lanes(make_daemon: DaemonFactory) -> None:
    """Lanes are apart: status, tools of other lanes and cancels pass a stuck search lane."""
    daemon = make_daemon(config=_NARROW.format(queue=64, budget=600_000)).start()
    async with await daemon.connect() as one, await daemon.connect() as two:
        stuck = [_hold(one, f"g{number}") for number in range(20)] + [_hold(two, "two")]
        await _started(two, "two")
        for client in (one, two):
            assert (await client.call("sidecar/status"))["pid"] == daemon.pid
            await client.tool("noop")
            assert (await client.call("sidecar/tools/list"))["tools"]
        for asked in stuck[:20]:
            one.cancel(asked)
        two.cancel(stuck[20])
        assert {(await reply)["error"]["code"] for reply in stuck} == {-32800}


async def test_a_tool_with_a_bug_fails_its_own_call_alone(daemon: Daemon) -> None:
    """Invariant 7: the error says where to look, the connection and the daemon go on."""
    daemon.expected += ["Traceback", "failed$", "ERROR", "KeyError"]
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "crash", "args": {}})
        assert (refused.code, refused.kind) == (-32803, "failed")
        assert refused.data["hint"]
        assert "meta" in await client.tool("noop")


async def test_times_in_meta_tell_the_queue_from_the_run(make_daemon: DaemonFactory) -> None:
    """A12: a call that waited says so, one that ran at once does not."""
    daemon = make_daemon(config=_NARROW.format(queue=64, budget=600_000)).start()
    async with await daemon.connect() as client:
        first = _hold(client, "first")
        await _started(client, "first")
        second = client.request("sidecar/tools/call", {"tool": "noop_search", "args": {}})
        await eventually(lambda: daemon.lane("search")["queued"] == 1)
        await client.tool("release", {"name": "first"})
        ran, waited = (await first)["result"]["meta"], (await asyncio.wait_for(second, PATIENCE_S))["result"]["meta"]
        assert waited["queuedMs"] > ran["queuedMs"]
        assert ran["runMs"] > waited["runMs"]


async def test_requests_of_one_client_over_the_in_flight_bound_are_refused(make_daemon: DaemonFactory) -> None:
    """Every queue has a bound: `limits.in_flight` of one connection, and then -32001."""
    daemon = make_daemon(config="[limits]\nin_flight = 5\n").start()
    async with await daemon.connect() as client, await daemon.connect() as other:
        held = [_hold(client, f"g{number}", "hold") for number in range(5)]
        await _started(client, "g4")
        try:
            await client.tool("noop")
            raise AssertionError("the sixth request was taken")
        except Refused as refused:
            assert refused.kind == "overloaded"
        await other.tool("noop")
        for number in range(5):
            await other.tool("release", {"name": f"g{number}"})
        await asyncio.gather(*held)
        await client.tool("noop")
