"""Language servers that are too heavy are stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sidecar.config import Limits
from sidecar.errors import Crashed
from sidecar.langs.scales import INTERVAL_S
from tests.support.langs import Rig, VirtualClock, bad_rig
from tests.support.waiting import eventually

MB = 1 << 20


async def hover_in(rig: Rig, number: int) -> str:
    """A hover in a project of its own."""
    rig.write(f"p{number}/.root", "")
    rig.write(f"p{number}/a.bad", f"word{number}\n")
    return str((await rig.echo(path=f"p{number}/a.bad"))["word"])


async def until_weighed(rig: Rig, clock: VirtualClock) -> None:
    """Let the interval pass, and wait for what was found."""
    clock.advance(INTERVAL_S)
    await eventually(lambda: any(one["rssBytes"] for one in rig.hub.status()) or bool(rig.told("server.stopped")))


async def test_a_server_over_its_own_bound_is_stopped_and_counts_as_failed(tmp_path: Path) -> None:
    """Subscribers hear why, status tells it, and the next one waits for its back-off."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--eat", str(100 * MB), clock=clock, rss_max_bytes=90 * MB) as rig:
        assert (await rig.echo())["word"] == "name"
        await until_weighed(rig, clock)
        (told,) = rig.told("server.stopped")
        assert (told["reason"], told["maxBytes"]) == ("memory", 90 * MB)
        assert isinstance(told["rssBytes"], int) and told["rssBytes"] > 100 * MB
        (status,) = rig.hub.status()
        assert status["breaker"]["attempts"] == 1 and "rss_max_bytes" in status["lastError"]
        assert (status["state"], status["rssBytes"], status["uptimeMs"]) == ("stopped", None, None)
        await eventually(lambda: rig.processes.live().count == 0)
        again = asyncio.ensure_future(rig.echo())
        await eventually(lambda: rig.hub.status()[0]["state"] == "waiting")
        clock.advance(1)
        assert (await again)["word"] == "name"
        assert rig.hub.status()[0]["restarts"] == 1


async def test_who_waits_for_it_is_told_why(tmp_path: Path) -> None:
    """`crashed`, with the bound's name."""
    clock, gate = VirtualClock(), tmp_path / "gate"
    async with bad_rig(tmp_path, "--eat", str(100 * MB), "--gate", str(gate), clock=clock, rss_max_bytes=90 * MB) as rig:
        waiting = asyncio.ensure_future(rig.echo())
        await rig.until_received("textDocument/hover")
        await until_stopped(rig, clock)
        with pytest.raises(Crashed, match="memory"):
            await waiting


async def test_over_the_bound_of_all_the_one_unused_longest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not one that somebody waits for, it did no wrong, and one is enough."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--eat", str(60 * MB), clock=clock, total=170 * MB) as rig:
        for number in (1, 2):
            assert await hover_in(rig, number) == f"word{number}"
            clock.advance(0.1)
        await until_weighed(rig, clock)
        assert rig.told("server.stopped") == []
        await hover_in(rig, 3)
        await until_stopped(rig, clock)
        assert [(str(told["root"])[-2:], told["reason"], told["maxBytes"]) for told in rig.told("server.stopped")] == [("p1", "memory", 170 * MB)]
        assert [one["breaker"]["attempts"] for one in rig.hub.status()] == [0, 0, 0]


async def until_stopped(rig: Rig, clock: VirtualClock) -> None:
    """Let time pass until something was stopped."""

    def passed() -> Any:
        clock.advance(INTERVAL_S)
        return rig.told("server.stopped")

    await eventually(passed)


async def test_nothing_is_weighed_while_no_server_runs(tmp_path: Path) -> None:
    """A daemon at rest does nothing; the next hover begins it again."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, clock=clock, idle_stop_s=10) as rig:
        await rig.echo()
        await until_weighed(rig, clock)
        clock.advance(20)
        await rig.until_told("server.stopped")
        await eventually(lambda: clock.advance(INTERVAL_S) or not clock.due())
        await rig.echo()
        assert clock.due()


def test_the_bound_of_all_is_at_first_half_of_the_machines_memory() -> None:
    """More than one server fits."""
    assert Limits().servers_rss_bytes > 256 * MB
