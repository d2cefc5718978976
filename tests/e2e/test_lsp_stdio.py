"""H8: `sidecar lsp --stdio`, as an editor starts it, against a real daemon and a real language server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from sidecar.daemon import logfile
from tests.support.clients import BridgeClient
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.trees import write_tree
from tests.support.waiting import eventually

SOURCE = 'def greet(name: str) -> str:\n    """Say hello."""\n    return name\n\n\ngreet("x")\n'


@pytest.fixture
def project(short_tmp: Path) -> Path:
    """A Python project."""
    return write_tree(short_tmp / "p", {"m.py": SOURCE, "pyproject.toml": ""})


async def hover_until_known(editor: BridgeClient, uri: str) -> str:
    """What the language server says about `greet`, once it has read the project."""
    params = {"textDocument": {"uri": uri}, "position": {"line": 5, "character": 1}}
    while True:
        reply = await editor.request("textDocument/hover", params)
        if reply.get("result"):
            return json.dumps(reply["result"])
        if "error" in reply:
            assert reply["error"]["data"]["kind"] == "starting", reply


async def test_an_editor_that_only_knows_stdio_gets_a_hover(daemon: Daemon, project: Path) -> None:
    """initialize, didOpen, hover, shutdown, exit: a whole life."""
    async with await BridgeClient.start(daemon.env) as editor:
        result = await editor.initialize(project)
        assert result["capabilities"]["experimental"]["sidecar"]["pid"] == daemon.pid
        uri = (project / "m.py").as_uri()
        editor.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": SOURCE}})
        assert "Say hello." in await hover_until_known(editor, uri)
        assert await editor.call("shutdown") is None
        editor.notify("exit")
        assert await editor.process.wait() == 0
    assert daemon.status()["pid"] == daemon.pid


async def test_two_editors_do_not_notice_each_other(daemon: Daemon, project: Path) -> None:
    """`exit` of one ends that one only."""
    async with await BridgeClient.start(daemon.env) as first, await BridgeClient.start(daemon.env) as second:
        await asyncio.gather(first.initialize(project), second.initialize(project))
        await first.call("shutdown")
        first.notify("exit")
        await first.process.wait()
        assert (await second.call("sidecar/status"))["pid"] == daemon.pid


async def test_a_killed_bridge_leaves_nothing_in_the_daemon(daemon: Daemon, project: Path) -> None:
    """kill -9 is a disconnect like any other."""
    async with await BridgeClient.start(daemon.env) as editor:
        await editor.initialize(project)
        editor.process.send_signal(signal.SIGKILL)
        await editor.process.wait()
    await eventually(lambda: len(daemon.status()["clients"]) == 1, what="only the asker is left")


async def test_a_daemon_that_is_killed_ends_the_bridge_so_that_the_editor_restarts_it(make_daemon: DaemonFactory, project: Path) -> None:
    """No bridge without a daemon hangs about."""
    daemon = make_daemon().start()
    async with await BridgeClient.start(daemon.env) as editor:
        await editor.initialize(project)
        daemon.kill9()
        assert await editor.process.wait() == 0
    daemon.start()


async def test_the_bridge_starts_the_daemon_when_none_runs(make_daemon: DaemonFactory, project: Path) -> None:
    """The editor is the first to come."""
    daemon = make_daemon(env={"SIDECAR_NO_AUTOSTART": "0"})
    async with await BridgeClient.start(daemon.env) as editor:
        started = (await editor.initialize(project))["capabilities"]["experimental"]["sidecar"]
        assert started["socket"] == str(daemon.socket)
        pid = int(started["pid"])
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: not daemon.processes(), what="the daemon has gone")
    assert "serving" in logfile.path(daemon.state).read_text()
