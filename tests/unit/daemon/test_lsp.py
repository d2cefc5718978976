"""The LSP life cycle by pygls, driven by real bytes; one editor's end is nobody else's."""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import pytest

from sidecar.daemon.connection import Connection
from sidecar.daemon.hello import Hello
from sidecar.daemon.lsp import Editors, arrival_of
from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams, UnknownMethod
from sidecar.wire.messages import Notification, Raw, Request
from tests.support.connections import BareClient, ScriptedHost, Stage, stage
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


class EditorHost(ScriptedHost):
    """A scripted host with the life cycle in front, as the dispatcher has it."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[str] = []
        self.editors = Editors(self._welcome, lambda _, root: self.roots.append(root))

    def _welcome(self, conn: Connection, hello: Hello) -> Mapping[str, Any]:
        if hello.session == "refused":
            raise InvalidParams("session: refused", hint="Send another.")
        conn.encoding = hello.position_encoding
        return {"session": hello.session or "new", "root": hello.root, "encoding": hello.position_encoding, "client": hello.client.name}

    def on_request(self, conn: Connection, request: Request) -> None:
        """The life cycle first, then what the script has."""
        if self.editors.asked(conn, request):
            return
        if request.method in ("echo", "hang"):
            super().on_request(conn, request)
        else:
            conn.fail(request.id, UnknownMethod(request.method))

    def on_notification(self, conn: Connection, notification: Notification) -> None:
        """The life cycle first, then written down."""
        if not self.editors.notified(conn, notification):
            super().on_notification(conn, notification)


@contextlib.asynccontextmanager
async def editors() -> AsyncIterator[tuple[Stage, EditorHost]]:
    """A stage with the life cycle."""
    host = EditorHost()
    async with stage(host) as made:
        yield made, host
    host.editors.close()


async def send(client: BareClient, method: str, params: object = None, id: int | str | None = None) -> None:
    """Send one message in an LSP frame."""
    message = {"jsonrpc": "2.0", "method": method} | ({} if id is None else {"id": id}) | ({} if params is None else {"params": params})
    body = json.dumps(message).encode()
    await client.send(b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n%b" % (len(body), body))


async def initialize(client: BareClient, **params: object) -> dict[str, Any]:
    """Send `initialize`; its result."""
    await send(client, "initialize", {"processId": 1, "rootUri": "file:///r", "capabilities": {}} | params, id="i")
    answer = await client.frame()
    assert answer["id"] == "i"
    return dict(answer["result"])


def test_an_editor_is_told_what_there_is(on_loop: OnLoop) -> None:
    """Incremental sync with open and close, a hover provider, and hello's result under experimental.sidecar."""

    async def work() -> None:
        async with editors() as (made, _):
            client, _ = await made.connect()
            result = await initialize(client, clientInfo={"name": "Generic"})
            assert result["capabilities"]["textDocumentSync"] == {"openClose": True, "change": 2}
            assert result["capabilities"]["positionEncoding"] == "utf-16"
            assert result["capabilities"]["hoverProvider"] is True
            assert result["capabilities"]["experimental"]["sidecar"] == {"session": "new", "root": "file:///r", "encoding": "utf-16", "client": "Generic"}
            assert "executeCommandProvider" not in result["capabilities"]
            assert result["serverInfo"]["name"] == "sidecar"

    on_loop(work())


@pytest.mark.parametrize(
    ("options", "hover"),
    [(None, True), ({"other": 1}, True), ([1], True), ({"sidecar": {}}, False), ({"sidecar": {"providers": ["hover"]}}, True)],
)
def test_our_own_plugins_get_no_provider_unless_they_ask(on_loop: OnLoop, options: object, hover: bool) -> None:
    """Hover is advertised to a generic client, and to a plugin of ours that names it, else users see every hover twice."""

    async def work() -> None:
        async with editors() as (made, _):
            client, _ = await made.connect()
            result = await initialize(client, initializationOptions=options)
            assert result["capabilities"].get("hoverProvider", False) is hover

    on_loop(work())


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [(["utf-8", "utf-16"], "utf-8"), (["utf-16", "utf-8"], "utf-16"), (["utf-32"], "utf-32"), (["x", "utf-8"], "utf-8"), (["x"], "utf-16"), ([], "utf-16")],
)
def test_the_editors_first_known_encoding_is_taken(on_loop: OnLoop, listed: list[str], chosen: str) -> None:
    """All three encodings are served; the editor lists them by preference; its answer and our own state agree."""

    async def work() -> None:
        async with editors() as (made, _):
            client, conn = await made.connect()
            result = await initialize(client, capabilities={"general": {"positionEncodings": listed}})
            assert result["capabilities"]["positionEncoding"] == chosen
            assert conn.encoding == PositionEncoding(chosen)

    on_loop(work())


def test_exit_ends_that_connection_only(on_loop: OnLoop) -> None:
    """shutdown is answered with null, exit closes its connection, the other editor goes on and the process lives."""

    async def work() -> None:
        async with editors() as (made, host):
            one, _ = await made.connect()
            two, _ = await made.connect()
            await initialize(one)
            await initialize(two)
            await send(one, "initialized", {})
            await send(one, "shutdown", id=2)
            assert await one.frame() == {"jsonrpc": "2.0", "id": 2, "result": None}
            await send(one, "textDocument/foo", {}, id=3)
            assert (await one.frame())["error"]["code"] == -32600
            await send(one, "exit")
            assert await one.rest() == b""
            await eventually(lambda: host.gone == ["exit"])
            await send(two, "echo", [2], id=2)
            assert (await two.frame())["result"] == [2]

    on_loop(work())


def test_exit_without_shutdown_ends_the_connection(on_loop: OnLoop) -> None:
    """Even before initialize."""

    async def work() -> None:
        async with editors() as (made, host):
            client, _ = await made.connect()
            await send(client, "exit")
            assert await client.rest() == b""
            await eventually(lambda: host.gone == ["exit"])

    on_loop(work())


def test_what_follows_initialize_at_once_waits_for_it(on_loop: OnLoop) -> None:
    """Messages sent without waiting for the answer are handled after it, in order."""

    async def work() -> None:
        async with editors() as (made, host):
            client, _ = await made.connect()
            await send(client, "initialize", {"processId": None, "rootUri": None, "capabilities": {}}, id=1)
            await send(client, "initialized", {})
            await send(client, "textDocument/didOpen", {})
            await send(client, "echo", 5, id=2)
            assert [(await client.frame())["id"] for _ in range(2)] == [1, 2]
            assert host.seen == [("open",), ("notification", "textDocument/didOpen"), ("request", 2, "echo")]

    on_loop(work())


def test_a_second_initialize_is_refused(on_loop: OnLoop) -> None:
    """-32600, and the connection goes on."""

    async def work() -> None:
        async with editors() as (made, _):
            client, _ = await made.connect()
            await initialize(client)
            await send(client, "initialize", {"capabilities": {}}, id=5)
            assert (await client.frame())["error"]["code"] == -32600
            await send(client, "nothing/known", {}, id=6)
            assert (await client.frame())["error"]["code"] == -32601

    on_loop(work())


@pytest.mark.parametrize(
    "params",
    [
        {"capabilities": {}, "initializationOptions": {"sidecar": {"session": 5}}},
        {"rootUri": 5},
        [],
        {"capabilities": {}, "initializationOptions": {"sidecar": {"session": "refused"}}},
    ],
)
def test_a_wrong_initialize_can_be_repeated(on_loop: OnLoop, params: object) -> None:
    """A wrong type or a refused hello is -32602, and a correct initialize then succeeds."""

    async def work() -> None:
        async with editors() as (made, _):
            client, _ = await made.connect()
            await send(client, "initialize", params, id=1)
            assert (await client.frame())["error"]["code"] == -32602
            await initialize(client)

    on_loop(work())


def test_workspace_folders_are_roots(on_loop: OnLoop) -> None:
    """Every folder of the workspace, and every one added later, is told to the host."""

    async def work() -> None:
        async with editors() as (made, host):
            client, _ = await made.connect()
            await initialize(client, workspaceFolders=[{"uri": "file:///r", "name": "r"}, {"uri": "file:///s", "name": "s"}])
            assert host.roots == ["file:///r", "file:///s"]
            event = {"added": [{"uri": "file:///t", "name": "t"}], "removed": [{"uri": "file:///r", "name": "r"}]}
            await send(client, "workspace/didChangeWorkspaceFolders", {"event": event})
            await eventually(lambda: "file:///t" in host.roots)
            await send(client, "workspace/didChangeWorkspaceFolders", {"event": 5})
            await send(client, "$/setTrace", {"value": "verbose"})
            await send(client, "echo", 1, id=1)
            assert (await client.frame())["result"] == 1

    on_loop(work())


def test_an_ended_connection_is_not_kept_alive_by_pygls(on_loop: OnLoop) -> None:
    """pygls' cached methods would keep 128 connections (field-notes 2.2)."""

    async def one_life(made: Stage) -> weakref.ref[Connection]:
        client, conn = await made.connect()
        await initialize(client)
        client.close()
        await eventually(lambda: conn.closed and conn.peer_pidfd is None)
        made.connections.remove(conn)
        return weakref.ref(conn)

    async def work() -> None:
        async with editors() as (made, _):
            gone = await one_life(made)
            await eventually(lambda: gc.collect() >= 0 and gone() is None)

    on_loop(work())


def test_params_with_a_jsonrpc_key_are_harmless(on_loop: OnLoop) -> None:
    """pygls alone would answer never (field-notes 2.2)."""

    async def work() -> None:
        async with editors() as (made, _):
            client, _ = await made.connect()
            result = await initialize(client, initializationOptions={"log": {"jsonrpc": "2.0", "method": "x"}})
            assert result["serverInfo"]["name"] == "sidecar"

    on_loop(work())


def test_pygls_is_not_imported_before_an_initialize() -> None:
    """It takes 0.4 s of the loop and 15 MB (design 3.1, field-notes 1.3)."""
    code = "import sys, sidecar.daemon.connection, sidecar.daemon.lsp; sys.exit('pygls' in sys.modules or 'lsprotocol' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_workspace_folder_is_the_root_where_there_is_no_other() -> None:
    """rootUri comes first, then the first folder, then rootPath; other schemes are no roots."""
    assert arrival_of(Raw(b'{"rootUri":null,"workspaceFolders":[{"uri":"file:///w","name":""}]}')).hello.root == "file:///w"
    assert arrival_of(Raw(b'{"rootUri":"untitled:x","rootPath":"/p"}')).hello.root == "/p"
    assert arrival_of(Raw(b"{}")).hello.root is None
