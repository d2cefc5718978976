"""F2, F5, F6 and the read-only socket through the socket, with a language server that is told to be bad."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client, Message
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.langs import BAD_SERVER
from tests.support.trees import write_tree
from tests.support.waiting import eventually

PLACE = {"path": "a.py", "line": 0, "character": 0}


@pytest.fixture
def project(short_tmp: Path) -> Path:
    """A project with one file."""
    return write_tree(short_tmp / "p", {"pyproject.toml": "", "a.py": "name = 1\n"})


@pytest.fixture
def log(short_tmp: Path) -> Path:
    """Where the scripted server writes down what it is told."""
    return short_tmp / "bad.log"


@pytest.fixture
def bad_daemon(make_daemon: DaemonFactory, log: Path) -> Any:
    """Start a daemon whose language server for Python is the scripted one."""

    def start(*flags: str, expected: list[str] | None = None) -> Daemon:
        command = [sys.executable, "-S", str(BAD_SERVER), "--log", str(log), *flags]
        daemon = make_daemon(config=f"[servers.basedpyright]\ncommand = {json.dumps(command)}\n")
        daemon.expected += expected or []
        return daemon.start()

    return start


def echo(result: Message) -> Message:
    """What the scripted server told."""
    assert result["contents"], result
    told: Message = json.loads(result["contents"]["value"])
    return told


def starts(log: Path) -> int:
    """How many servers were started."""
    return log.read_text().count('{"start"') if log.exists() else 0


async def hover(client: Client, project: Path, **params: Any) -> Message:
    """The tool."""
    found: Message = await client.tool("hover", PLACE, root=str(project), **params)
    return found


async def test_many_clients_share_one_server(bad_daemon: Any, project: Path, log: Path) -> None:
    """Twenty at once, cold: one process; status names it."""
    daemon = bad_daemon()
    clients = [await daemon.connect() for _ in range(20)]
    asked = [client.request("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(project)}) for client in clients]
    assert {echo((await one)["result"])["word"] for one in asked} == {"name"}
    assert starts(log) == 1
    (server,) = daemon.status()["servers"]
    assert (server["name"], server["readiness"], server["running"]) == ("basedpyright", "ready", True)
    for client in clients:
        await client.close()


async def test_a_starting_server_is_waited_for_by_the_tool_and_told_by_lsp(bad_daemon: Any, project: Path, short_tmp: Path) -> None:
    """A success with its readiness at the deadline; -32803 `starting` at once."""
    gate = short_tmp / "gate"
    daemon = bad_daemon("--start-gate", str(gate))
    async with await daemon.connect_lsp() as client:
        await client.initialize(project)
        early = await hover(client, project, timeoutMs=300)
        assert (early["contents"], early["readiness"], early["server"]) == (None, "starting", "basedpyright")
        where = {"textDocument": {"uri": (project / "a.py").as_uri()}, "position": {"line": 0, "character": 0}}
        refused = await client.refusal("textDocument/hover", where)
        assert (refused.code, refused.kind) == (-32803, "starting")
        assert refused.data["retryAfterMs"] > 0 and refused.data["hint"]
        gate.touch()
        assert echo(await hover(client, project))["word"] == "name"


async def test_a_crash_is_told_and_the_next_server_answers(bad_daemon: Any, project: Path, log: Path) -> None:
    """Its own call fails, subscribers hear of it, and a later hover gets a new process."""
    daemon = bad_daemon("--crash-on", "2", expected=[])
    async with await daemon.connect() as client:
        await client.call("sidecar/events/subscribe", {"kinds": ["server.*"]})
        assert echo(await hover(client, project))["word"] == "name"
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(project)})
        assert (refused.code, refused.kind) == (-32803, "crashed")
        await client.wait_notification(lambda note: note["params"].get("kind") == "server.crashed")
        assert echo(await hover(client, project))["word"] == "name"
    assert starts(log) == 2


async def test_a_hopeless_server_opens_the_breaker(bad_daemon: Any, project: Path) -> None:
    """The tool waits through the back-offs, then says `crashed` with what the server said."""
    daemon = bad_daemon("--die-in-initialize", "1000")
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(project), "timeoutMs": 60_000})
        assert (refused.code, refused.kind) == (-32803, "crashed")
        assert refused.data["retryAfterMs"] > 0
        assert "I die now" in refused.data["stderr"]
    assert daemon.status()["servers"][0]["breaker"]["open"] is True


async def test_a_missing_server_says_how_to_get_it(make_daemon: DaemonFactory, project: Path) -> None:
    """-32803 notInstalled."""
    daemon = make_daemon(config='[servers.basedpyright]\ncommand = ["no-such-langserver"]\n').start()
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(project)})
    assert (refused.code, refused.kind) == (-32803, "notInstalled")
    assert "servers.basedpyright.command" in refused.data["hint"]


async def test_a_client_killed_in_its_hover_leaves_the_server_to_others(bad_daemon: Any, project: Path, short_tmp: Path, log: Path) -> None:
    """Its request is cancelled at the server, and the text is free."""
    gate = short_tmp / "gate"
    daemon = bad_daemon("--gate", str(gate))
    async with await daemon.connect_lsp() as gone, await daemon.connect() as other:
        await gone.initialize(project)
        uri = (project / "a.py").as_uri()
        gone.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": "mine = 1\n"}})
        gone.request("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(project)})
        await eventually(lambda: '"textDocument/hover"' in log.read_text() if log.exists() else False)
        gone.abort()
        await eventually(lambda: "$/cancelRequest" in log.read_text())
        gate.touch()
        assert echo(await hover(other, project))["word"] == "name"


async def test_a_reader_uses_a_running_server_and_starts_none(bad_daemon: Any, project: Path, log: Path) -> None:
    """Before anybody hovered it is refused; then it is answered from the disk."""
    daemon = bad_daemon()
    async with await daemon.connect(daemon.reader) as reader, await daemon.connect() as full:
        await full.call("sidecar/hello", {"root": str(project)})
        ask = {"tool": "hover", "args": PLACE, "root": str(project)}
        assert (await reader.refusal("sidecar/tools/call", ask)).kind == "forbidden"
        assert starts(log) == 0
        await hover(full, project)
        assert echo(await reader.call("sidecar/tools/call", ask))["word"] == "name"
        (project / "link.py").symlink_to("/etc/hostname")
        refused = await reader.refusal("sidecar/tools/call", ask | {"args": PLACE | {"path": "link.py"}})
        assert refused.kind == "outsideRoot"


@pytest.mark.parametrize("kind", ["absent", "folder", "fifo", "device", "binary", "too large"])
async def test_what_is_no_text_file_is_refused(bad_daemon: Any, project: Path, log: Path, kind: str) -> None:
    """An error that names it; nothing hangs and no server is started."""
    path = project / "bad.py"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "binary":
        path.write_bytes(b"\0" * 10)
    elif kind == "too large":
        with open(path, "wb") as file:
            file.truncate(100 << 20)
    daemon = bad_daemon()
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE | {"path": "bad.py"}, "root": str(project)})
    assert refused.kind == {"absent": "notFound", "too large": "tooLarge"}.get(kind, "invalidParams")
    assert starts(log) == 0


@pytest.mark.parametrize("args", [{"path": 1}, {"line": -1}, {"line": "0"}, {"character": 2**31}, {"character": 1.5}, {"path": None}])
async def test_wrong_arguments_are_named(shared_daemon: Daemon, args: Message) -> None:
    """-32602 with the field."""
    async with await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE | args, "root": "/tmp"})
    assert refused.code == -32602
    assert next(iter(args)) in refused.message


async def test_no_server_outlives_a_killed_daemon(bad_daemon: Any, project: Path) -> None:
    """`kill -9`: the supervisor ends the tree, the next daemon starts afresh."""
    daemon = bad_daemon("--stubborn")
    async with await daemon.connect() as client:
        await hover(client, project)
    daemon.kill9()
    await eventually(lambda: not daemon.processes())
    daemon.start()
    async with await daemon.connect() as client:
        assert echo(await hover(client, project))["word"] == "name"
