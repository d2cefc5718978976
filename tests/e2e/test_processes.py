"""Commands through the socket (B5, C1, C4, C5): real programs that misbehave, and nothing of them left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.clients import Client, Refused
from tests.support.daemon import Daemon
from tests.support.supervised import BAD_AGENT
from tests.support.waiting import eventually


def _agents(daemon: Daemon) -> dict[int, str]:
    """Living processes below the daemon."""
    return {pid: line for pid, line in daemon.processes().items() if pid != daemon.pid}


async def _run(client: Client, *words: str, **params: Any) -> Any:
    return await client.tool("run_command", {"argv": [*BAD_AGENT, *words], "cwd": "/"}, **params)


def _runs(daemon: Daemon) -> list[str]:
    folder = daemon.state / "run"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


async def test_a_command_is_run_and_answered(daemon: Daemon) -> None:
    """Exit code, both outputs, their sizes; no process and no folder afterwards."""
    async with await daemon.connect() as client:
        result = await client.tool("run_command", {"argv": ["sh", "-c", "echo out; echo err >&2; exit 3"]}, root="/")
    assert (result["exitCode"], result["stdout"], result["stderr"], result["timedOut"]) == (3, "out\n", "err\n", False)
    assert (result["stdoutBytes"], result["stderrBytes"]) == (4, 4)
    await eventually(lambda: not _agents(daemon) and not _runs(daemon))


@pytest.mark.parametrize("deed", ["silent", "ignores_term", "closes", "grandchild", "daemonises", "nameless"])
async def test_a_timed_out_command_is_dead_when_it_is_answered(daemon: Daemon, deed: str) -> None:
    """An ordinary result that says `timedOut`, and no descendant is left (B5)."""
    async with await daemon.connect() as client:
        result = await _run(client, deed, timeoutMs=500)
        assert result["timedOut"]
        assert _agents(daemon) == {}


async def test_a_command_whose_supervisor_was_killed_is_no_success(daemon: Daemon) -> None:
    """Nobody knows how it ended: an error that says so, as an agent takes a result for a success."""
    async with await daemon.connect() as client:
        with pytest.raises(Refused) as refused:
            await client.tool("run_command", {"argv": ["sh", "-c", "sleep 1; kill -9 $PPID; sleep 60"], "cwd": "/"})
    assert refused.value.error["data"]["kind"] == "crashed"
    await eventually(lambda: not _agents(daemon) and not _runs(daemon))


async def test_a_line_of_100_mb_is_clipped(daemon: Daemon) -> None:
    """Head, tail and the true size; the reply stays small (C2)."""
    async with await daemon.connect() as client:
        result = await _run(client, "line", str(100 << 20))
    assert result["stdoutBytes"] == (100 << 20) + 1
    assert result["stdoutOmitted"] == result["stdoutBytes"] - 65536
    assert len(result["stdout"]) < 66000


async def test_a_cancelled_command_dies_and_frees_its_slot(daemon: Daemon) -> None:
    """-32800 to its client at once; the slot of the lane is free when the tree is dead."""
    async with await daemon.connect() as client:
        asked = client.request("sidecar/tools/call", {"tool": "run_command", "args": {"argv": [*BAD_AGENT, "ignores_term"], "cwd": "/"}})
        await eventually(lambda: any("bad_agent" in line for line in _agents(daemon).values()))
        client.cancel(asked)
        assert (await asked)["error"]["code"] == -32800
        await eventually(lambda: daemon.lane("process")["running"] == 0)
        assert _agents(daemon) == {}


async def test_a_client_that_disconnects_takes_its_commands_with_it(daemon: Daemon) -> None:
    """Nobody waits for them any more (B2)."""
    async with await daemon.connect() as client:
        client.request("sidecar/tools/call", {"tool": "run_command", "args": {"argv": [*BAD_AGENT, "daemonises"], "cwd": "/"}})
        await eventually(lambda: _agents(daemon))
    await eventually(lambda: not _agents(daemon) and not _runs(daemon))


async def test_twenty_commands_at_once_are_all_answered(daemon: Daemon) -> None:
    """Each is answered by its own output; the audit of the fixture sees no start on the loop (C1)."""
    async with await daemon.connect() as client:
        calls = [client.tool("run_command", {"argv": ["echo", str(number)], "cwd": "/"}) for number in range(20)]
        assert [result["stdout"] for result in await asyncio.gather(*calls)] == [f"{number}\n" for number in range(20)]


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        ({"argv": []}, -32602, "invalidParams"),
        ({"argv": [""]}, -32602, "invalidParams"),
        ({"argv": "ls"}, -32602, "invalidParams"),
        ({"argv": ["a\0b"]}, -32602, "invalidParams"),
        ({"argv": ["true", "x" * 3_000_000]}, -32602, "tooLarge"),
        ({"argv": ["no-such-program-anywhere"]}, -32803, "notInstalled"),
        ({"argv": ["/no/such/program"]}, -32803, "notFound"),
        ({"argv": ["true"], "cwd": "/no/such/folder"}, -32803, "notFound"),
        ({"argv": ["/etc/passwd"]}, -32803, "forbidden"),
    ],
)
async def test_a_command_that_cannot_be_started_says_why(shared_daemon: Daemon, args: dict[str, Any], code: int, kind: str) -> None:
    """The kind, and a hint that says what to do next."""
    async with await shared_daemon.connect() as client:
        with pytest.raises(Refused) as told:
            await client.tool("run_command", args, root="/")
    assert (told.value.code, told.value.kind) == (code, kind)
    assert told.value.data["hint"]


async def test_no_process_we_started_outlives_its_purpose(daemon: Daemon) -> None:
    """After `kill -9` the trees end by themselves, and the next daemon starts at once and clears their folders."""
    async with await daemon.connect() as client:
        for deed in ("silent", "ignores_term", "daemonises"):
            client.request("sidecar/tools/call", {"tool": "run_command", "args": {"argv": [*BAD_AGENT, deed], "cwd": "/"}})
        await eventually(lambda: len(_agents(daemon)) >= 7)
        daemon.kill9()
        daemon.start()
        assert _agents(daemon) == {}
        assert _runs(daemon) == []


async def test_a_daemon_that_stops_leaves_no_command(daemon: Daemon) -> None:
    """`stop` ends what is attached."""
    async with await daemon.connect() as client:
        client.request("sidecar/tools/call", {"tool": "run_command", "args": {"argv": [*BAD_AGENT, "ignores_term"], "cwd": "/"}})
        await eventually(lambda: len(_agents(daemon)) >= 2)
        await client.call("sidecar/stop", {"mode": "now"})
        daemon.wait_exit()
        assert daemon.processes() == {}
        assert _runs(daemon) == []
