"""Crash, back-off, breaker, replay and idle stop, with time that stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sidecar.errors import Crashed, SidecarError
from sidecar.langs.breaker import BACK_OFF_S, OPEN_S
from tests.support.langs import Rig, VirtualClock, bad_rig
from tests.support.waiting import eventually


async def crash(rig: Rig) -> Crashed:
    """A hover that its server does not survive."""
    with pytest.raises(Crashed) as caught:
        await rig.hover()
    return caught.value


async def test_a_crash_fails_its_own_call_and_says_what_the_server_said(tmp_path: Path) -> None:
    """With the end of stderr, at once."""
    async with bad_rig(tmp_path, "--crash-on", "1", clock=VirtualClock()) as rig:
        error = await crash(rig)
    assert (error.code, error.kind) == (-32803, "crashed")
    assert "I crash now" in error.data["stderr"]


async def test_after_a_crash_nothing_is_started_before_the_back_off_is_over(tmp_path: Path) -> None:
    """An LSP hover meanwhile says `crashed` with the time to wait; the tool tells that it is degraded."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--crash-on", "2", clock=clock) as rig:
        await rig.echo()
        await crash(rig)
        with pytest.raises(Crashed) as caught:
            await rig.forward()
        assert caught.value.retry_after_ms == BACK_OFF_S[0] * 1e3
        assert (await rig.hover(ms=100)).readiness == "degraded"
        assert len(rig.starts()) == 1
        clock.advance(BACK_OFF_S[0])
        assert (await rig.echo())["word"] == "name"
        assert len(rig.starts()) == 2


async def test_a_tool_call_waits_through_the_back_off(tmp_path: Path) -> None:
    """It gets its answer from the next life."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--crash-on", "2", clock=clock) as rig:
        await rig.echo()
        await crash(rig)
        waiting = asyncio.ensure_future(rig.echo())
        await eventually(lambda: rig.hub.status()[0]["breaker"]["retryInMs"])
        clock.advance(BACK_OFF_S[0])
        await rig.until_told("server.ready", 2)
        assert (await waiting)["word"] == "name"


async def test_each_crash_waits_longer_until_the_breaker_opens(tmp_path: Path) -> None:
    """Then every call fails at once, without a process; after its time one attempt is made."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--crash-on", "1", clock=clock) as rig:
        waits = []
        for _ in range(len(BACK_OFF_S)):
            await crash(rig)
            waits.append(rig.hub.status()[0]["breaker"]["retryInMs"] / 1e3)
            clock.advance(waits[-1])
        await crash(rig)
        assert waits == list(BACK_OFF_S)
        before = len(rig.starts())
        for ask in (rig.hover, rig.forward):
            with pytest.raises(Crashed) as caught:
                await ask()
            assert caught.value.retry_after_ms == OPEN_S * 1e3
        assert len(rig.starts()) == before
        assert rig.hub.status()[0]["breaker"] == {"attempts": 5, "open": True, "retryInMs": OPEN_S * 1e3}
        clock.advance(OPEN_S)
        await crash(rig)
        assert len(rig.starts()) == before + 1


async def test_a_server_that_dies_in_initialize_is_tried_again(tmp_path: Path) -> None:
    """A tool call in the same wait succeeds once a start does."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--die-in-initialize", "2", clock=clock) as rig:
        waiting = asyncio.ensure_future(rig.echo())
        for times in (1, 2):
            await rig.until_told("server.crashed", times)
            await eventually(lambda: rig.hub.status()[0]["breaker"]["retryInMs"])
            clock.advance(OPEN_S)
        assert (await waiting)["word"] == "name"
        assert len(rig.starts()) == 3


async def test_a_server_that_refuses_or_never_answers_initialize_is_ended(tmp_path: Path) -> None:
    """No process of it stays."""
    for flag, start_s, said in (("--refuse-initialize", 30.0, "I will not"), ("--hang-in-initialize", 0.5, "did not answer initialize")):
        async with bad_rig(tmp_path, flag, clock=VirtualClock(), start_s=start_s) as rig:
            await rig.hover(ms=1)
            await rig.until_told("server.crashed")
            assert said in str(rig.told("server.crashed")[0]["message"])
            await eventually(lambda: rig.processes.live().count == 0)


async def test_after_a_crash_open_buffers_are_given_to_the_next_server(tmp_path: Path) -> None:
    """Without anybody asking: the restart is by itself, and with the present text."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--crash-on", "2", clock=clock) as rig:
        rig.open("ed", "first\n")
        await rig.echo("ed")
        rig.open("ed", "second\n", version=2)
        with pytest.raises(SidecarError):
            await rig.hover("ed")
        clock.advance(BACK_OFF_S[0])
        await rig.until_told("server.ready", 2)
        await rig.until_received("textDocument/didOpen", 2)
        assert rig.received("textDocument/didOpen")[-1]["params"]["textDocument"]["text"] == "second\n"


async def test_a_long_life_makes_the_next_crash_the_first_again(tmp_path: Path) -> None:
    """The breaker counts crashes in a row."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, "--crash-on", "2", clock=clock) as rig:
        for _ in range(3):
            await rig.echo()
            clock.advance(3600)
            await crash(rig)
            assert rig.hub.status()[0]["breaker"]["attempts"] == 1
            clock.advance(BACK_OFF_S[0])


async def test_an_unused_server_is_stopped_and_started_again_when_asked(tmp_path: Path) -> None:
    """Politely, by `shutdown` and `exit`; use puts it off."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, clock=clock, idle_stop_s=100) as rig:
        await rig.echo()
        clock.advance(60)
        await rig.echo()
        clock.advance(60)
        assert rig.told("server.stopped") == []
        clock.advance(60)
        assert rig.told("server.stopped")[0]["reason"] == "idle"
        await eventually(lambda: rig.processes.live().count == 0)
        assert [entry["method"] for entry in rig.log() if entry.get("method") in ("shutdown", "exit")] == ["shutdown", "exit"]
        assert (await rig.echo())["word"] == "name"
        assert rig.told("server.crashed") == []


async def test_a_server_in_use_is_not_idle(tmp_path: Path) -> None:
    """However long its answer takes."""
    clock, gate = VirtualClock(), tmp_path / "gate"
    async with bad_rig(tmp_path, "--gate", str(gate), clock=clock, idle_stop_s=100) as rig:
        waiting = asyncio.ensure_future(rig.echo())
        await rig.until_received("textDocument/hover")
        clock.advance(1000)
        gate.touch()
        assert (await waiting)["word"] == "name"


async def test_a_stubborn_server_and_its_child_are_killed_at_the_end(tmp_path: Path) -> None:
    """They ignore `exit` and TERM, and the child has a session of its own; the rig's end finds nothing left."""
    async with bad_rig(tmp_path, "--stubborn") as rig:
        assert (await rig.echo())["word"] == "name"
        (pid,) = rig.starts()
    assert not Path(f"/proc/{pid}").exists()


async def test_stopping_while_one_starts_leaves_nothing(tmp_path: Path) -> None:
    """The rig's end checks processes and run folders."""
    async with bad_rig(tmp_path, "--hang-in-initialize") as rig:
        await rig.hover(ms=200)
        await rig.hub.stop_all()
        with pytest.raises(SidecarError):
            await rig.hover()
