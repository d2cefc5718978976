"""How many servers there may be, and who makes room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sidecar.errors import Overloaded
from sidecar.langs import fleet
from tests.support.langs import Rig, bad_rig
from tests.support.waiting import eventually


async def hover_in(rig: Rig, number: int) -> str:
    """A hover in a project of its own."""
    rig.write(f"p{number}/.root", "")
    rig.write(f"p{number}/a.bad", f"word{number}\n")
    return str((await rig.echo(path=f"p{number}/a.bad"))["word"])


async def test_the_server_unused_longest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And comes back when it is asked."""
    monkeypatch.setattr(fleet, "MAX_SERVERS", 2)
    async with bad_rig(tmp_path) as rig:
        assert [await hover_in(rig, number) for number in (1, 2, 1, 3)] == ["word1", "word2", "word1", "word3"]
        assert [str(data["root"])[-2:] for data in rig.told("server.stopped")] == ["p2"]
        await eventually(lambda: rig.processes.live().count == 2)
        assert await hover_in(rig, 2) == "word2"


async def test_servers_in_use_do_not_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes then is told to come again."""
    monkeypatch.setattr(fleet, "MAX_SERVERS", 1)
    gate = tmp_path / "gate"
    async with bad_rig(tmp_path, "--gate", str(gate)) as rig:
        busy = asyncio.ensure_future(hover_in(rig, 1))
        await rig.until_received("textDocument/hover")
        with pytest.raises(Overloaded):
            await hover_in(rig, 2)
        gate.touch()
        assert await busy == "word1"


async def test_keys_that_are_remembered_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of stopped servers go first."""
    monkeypatch.setattr(fleet, "MAX_SERVERS", 1)
    monkeypatch.setattr(fleet, "MAX_KNOWN", 2)
    async with bad_rig(tmp_path) as rig:
        for number in range(4):
            await hover_in(rig, number)
        assert len(rig.hub.status()) == 2
