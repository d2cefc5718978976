"""B1, B2, B4, B6: deadlines, cancels and interrupts end the work, answer once, and give the thread back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.clients import Client, Message, Pending
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.trees import write_tree
from tests.support.waiting import eventually


def _slow_tree(root: Path) -> Path:
    """A first small match, then 6 GB to look through (one file, many names): no search of it ends by itself in a test."""
    write_tree(root, {"a.txt": "xxxxxxxxxy\n"})
    line = b"x" * 1023 + b"\n"
    (root / "b").mkdir()
    (root / "b" / "0.txt").write_bytes(line * 65536)
    for number in range(1, 96):
        os.link(root / "b" / "0.txt", root / "b" / f"{number}.txt")
    return root


# Matches nothing but a.txt's line, and looks at every byte.
_SLOW = "x{9}y|x{900}z"


async def _threads_free(daemon: Daemon) -> None:
    """Rust has returned: no slot of the search lane is held and no native worker is busy."""
    await eventually(lambda: daemon.lane("search")["running"] == 0 and not daemon.status()["native"]["activeSearches"], what="the native threads are free")


async def test_a_search_at_its_deadline_returns_what_it_found_and_says_why(shared_daemon: Daemon, short_tmp: Path) -> None:
    """Design 3.4: a deadline does not throw results away."""
    _slow_tree(short_tmp)
    async with await shared_daemon.connect() as client:

        async def timed_out() -> Message | None:
            reply = await client.reply("sidecar/grep", {"root": str(short_tmp), "pattern": _SLOW, "timeoutMs": 300})
            # On a machine that stands still for longer than the runner's grace nothing usable reaches us in time; then the error says so.
            assert "result" in reply or reply["error"]["data"]["kind"] == "timeout", reply
            return reply.get("result")

        found = await eventually(timed_out)
    assert (found["truncated"], found["reason"], found["meta"]["complete"]) == (True, "timeout", False)
    assert [match["path"] for match in found["matches"]] == ["a.txt"]
    await _threads_free(shared_daemon)


@pytest.mark.parametrize("token", [None, "t"], ids=["whole", "streamed"])
async def test_a_cancelled_search_is_answered_once_and_its_threads_are_free(shared_daemon: Daemon, short_tmp: Path, token: str | None) -> None:
    """B2, B4: -32800, exactly one answer, and Rust stops."""
    _slow_tree(short_tmp)
    async with await shared_daemon.connect() as client:
        asked = client.request("sidecar/grep", {"root": str(short_tmp), "pattern": _SLOW} | ({"partialResultToken": token} if token else {}))
        await eventually(lambda: shared_daemon.status()["native"]["activeSearches"] == 1)
        client.cancel(asked)
        assert (await asked)["error"]["code"] == -32800
        await _threads_free(shared_daemon)
        await client.call("sidecar/ping")
        assert not client.orphans


async def test_work_after_a_cancel_is_counted_in_units_not_in_time(shared_daemon: Daemon, short_tmp: Path) -> None:
    """B4: after the flag at most what each worker had in its hands is finished: a unit or two a thread, of some 100,000."""
    _slow_tree(short_tmp)
    async with await shared_daemon.connect() as client:
        before = shared_daemon.status()["native"]["unitsAfterStop"]
        asked = client.request("sidecar/grep", {"root": str(short_tmp), "pattern": _SLOW})
        await eventually(lambda: shared_daemon.status()["native"]["activeSearches"] == 1)
        client.cancel(asked)
        await asked
        await _threads_free(shared_daemon)
        native = shared_daemon.status()["native"]
        assert native["unitsAfterStop"] - before <= 2 * native["workers"]


async def test_a_client_that_goes_takes_its_search_with_it(shared_daemon: Daemon, short_tmp: Path) -> None:
    """B2: a disconnect cancels."""
    _slow_tree(short_tmp)
    async with await shared_daemon.connect() as client:
        client.request("sidecar/grep", {"root": str(short_tmp), "pattern": _SLOW})
        await eventually(lambda: shared_daemon.status()["native"]["activeSearches"] == 1)
    await _threads_free(shared_daemon)


async def test_ten_cancelled_searches_leave_every_thread_for_the_eleventh(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A timeout that frees no thread poisons the next call (field-notes 1.5): here it is answered."""
    _slow_tree(short_tmp / "slow")
    write_tree(short_tmp / "quick", {"a.txt": "needle\n"})
    async with await shared_daemon.connect() as client:
        for _ in range(10):
            asked = client.request("sidecar/grep", {"root": str(short_tmp / "slow"), "pattern": _SLOW})
            await eventually(lambda: shared_daemon.status()["native"]["activeSearches"] >= 1)
            client.cancel(asked)
            await asked
        found = await client.call("sidecar/grep", {"root": str(short_tmp / "quick"), "pattern": "needle"})
        assert len(found["matches"]) == 1
    await _threads_free(shared_daemon)


async def test_every_method_that_can_wait_can_be_cancelled(shared_daemon: Daemon) -> None:
    """B2: running and queued calls alike, each answered -32800 once."""
    async with await shared_daemon.connect() as client:
        held = [client.request("sidecar/tools/call", {"tool": tool, "args": {"name": "never"}}) for tool in ("hold", "hold_search") for _ in range(8)]
        await eventually(lambda: shared_daemon.lane("search")["queued"] > 0)
        for asked in held:
            client.cancel(asked)
        assert {(await asked)["error"]["code"] for asked in held} == {-32800}
        await client.call("sidecar/ping")
        assert not client.orphans
    shared_daemon.check_idle()


async def test_a_call_past_its_deadline_is_a_timeout_and_nothing_comes_after_it(shared_daemon: Daemon) -> None:
    """B1: nothing usable exists, so -32803 `timeout`; the late result is dropped."""
    async with await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hold", "args": {"name": "late"}, "timeoutMs": 50})
        assert (refused.code, refused.kind) == (-32803, "timeout")
        await client.tool("release", {"name": "late"})
        await client.call("sidecar/ping")
        assert not client.orphans


async def test_a_deadline_counts_while_a_call_waits_in_its_queue(shared_daemon: Daemon) -> None:
    """One deadline, made at accept, passed down (invariant 4)."""
    async with await shared_daemon.connect() as client:
        held = [client.request("sidecar/tools/call", {"tool": "hold_search", "args": {"name": "q"}}) for _ in range(8)]
        await eventually(lambda: shared_daemon.lane("search")["queued"] > 0)
        refused = await client.refusal("sidecar/tools/call", {"tool": "noop_search", "args": {}, "timeoutMs": 50})
        assert refused.kind == "timeout"
        await client.tool("release", {"name": "q"})
        await asyncio.gather(*held)


async def test_a_configured_maximum_shortens_what_a_request_asks_for(make_daemon: DaemonFactory) -> None:
    """B1: request <= method maximum <= configuration."""
    daemon = make_daemon(config="[timeouts.hold]\nmax_ms = 50\n").start()
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hold", "args": {"name": "g"}, "timeoutMs": 600_000})
        assert refused.kind == "timeout"


async def test_an_interrupt_ends_the_request_with_its_own_kind(shared_daemon: Daemon) -> None:
    """-32800 is only for a client's own cancel (design 3.4); an interrupt is -32803 `interrupted`, also for others' requests."""
    async with await shared_daemon.connect() as client, await shared_daemon.connect() as other:
        mine, theirs = await _held(client, "mine"), await _held(other, "theirs")
        assert await client.call("sidecar/interrupt", {"requestId": mine.request_id}) == {"interrupted": 1}
        assert (await mine)["error"]["data"]["kind"] == "interrupted"
        assert not theirs.done()
        assert (await client.call("sidecar/interrupt", {"scope": "mine"}))["interrupted"] == 0
        assert (await client.call("sidecar/interrupt", {"scope": "all"}))["interrupted"] >= 1
        assert (await theirs)["error"]["code"] == -32803


async def _held(client: Client, gate: str) -> Pending:
    asked = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": gate}, "partialResultToken": gate})
    await client.wait_notification(lambda note: note["params"].get("token") == gate)
    return asked


async def test_a_late_answer_is_dropped_and_counted(daemon: Daemon) -> None:
    """B6: a tool that answers after its cancel gets its result thrown away; the client sees one answer, the counter one more."""
    async with await daemon.connect() as client:
        asked = client.request("sidecar/tools/call", {"tool": "stubborn", "args": {"name": "g"}, "partialResultToken": 1})
        await client.wait_notification("$/progress")
        client.cancel(asked)
        assert (await asked)["error"]["code"] == -32800
        await eventually(lambda: daemon.status()["counters"].get("lateAnswers") == 1)
        await client.call("sidecar/ping")
        assert not client.orphans
