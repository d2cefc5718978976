"""H3: standard LSP clients on the socket, beside newline-JSON clients that use the same ids; each life cycle is its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.bystander import bystander
from tests.support.daemon import Daemon
from tests.support.lsp_socket import SocketSession
from tests.support.trees import write_tree


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """A small workspace."""
    return write_tree(short_tmp, {"a.py": "needle = 1\n"})


@pytest.fixture(params=["neovim", "visual_studio_code"])
async def session(request: pytest.FixtureRequest, shared_daemon: Daemon) -> AsyncIterator[SocketSession]:
    """A pytest-lsp client with the capabilities of a real editor, connected."""
    one = SocketSession(shared_daemon.socket, request.param)
    await one.connect()
    yield one
    await one.stop()


async def test_a_standard_client_initializes_and_finds_the_sidecar(session: SocketSession, shared_daemon: Daemon, tree: Path) -> None:
    """`initialize` answers with what hello would, under `capabilities.experimental.sidecar`, and no standard provider by default but sync."""
    result = await session.initialize(tree)
    assert result.capabilities.experimental["sidecar"]["pid"] == shared_daemon.pid
    assert result.capabilities.experimental["sidecar"]["session"]
    assert result.server_info is not None
    assert result.server_info.name == "sidecar"


async def test_standard_and_own_methods_share_one_connection(session: SocketSession, tree: Path) -> None:
    """`sidecar/*` by the same client, with the root that `initialize` named."""
    await session.initialize(tree)
    found = await session.client.protocol.send_request_async("sidecar/grep", {"pattern": "needle"})
    assert found.files == 1


async def test_shutdown_and_exit_end_that_connection_only(session: SocketSession, shared_daemon: Daemon, tree: Path) -> None:
    """One client's `exit` never ends the daemon or another client (field-notes 2.2)."""
    async with bystander(shared_daemon), await shared_daemon.connect_lsp() as other:
        await other.initialize(tree)
        await session.initialize(tree)
        await session.client.shutdown_session()
        await session.ended()
        assert await other.call("sidecar/ping") == {}
    assert shared_daemon.status()["pid"] == shared_daemon.pid


async def test_the_same_ids_in_both_framings_get_their_own_answers(shared_daemon: Daemon, tree: Path) -> None:
    """Two LSP and two newline clients, ids 1 to 50 each, all at once: every client gets its own."""
    clients = [await shared_daemon.connect() for _ in range(2)] + [await shared_daemon.connect_lsp() for _ in range(2)]
    try:
        asked = {}
        for number, client in enumerate(clients):
            await client.call("sidecar/hello", {"client": {"name": f"n{number}"}, "root": str(tree)})
            write_tree(tree, {f"n{number}.txt": f"mark{number}\n"})
        for id in range(100, 150):
            for number, client in enumerate(clients):
                asked[number, id] = client.request("sidecar/grep", {"pattern": f"mark{number}", "mode": "files"}, id=id)
        for (number, id), future in asked.items():
            reply = await future
            assert (reply["id"], reply["result"]["paths"]) == (id, [f"n{number}.txt"])
        assert not any(client.orphans for client in clients)
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def test_exit_without_shutdown_ends_the_connection_too(shared_daemon: Daemon, tree: Path) -> None:
    """LSP 3.17: `exit` always ends; nobody else is affected."""
    async with bystander(shared_daemon), await shared_daemon.connect_lsp() as client:
        await client.initialize(tree)
        client.notify("exit")
        await client.wait_ended()


async def test_requests_after_shutdown_are_refused(shared_daemon: Daemon, tree: Path) -> None:
    """LSP 3.17: after `shutdown` only `exit` is allowed for LSP requests: -32600."""
    async with await shared_daemon.connect_lsp() as client:
        await client.initialize(tree)
        assert await client.call("shutdown") is None
        where = {"textDocument": {"uri": (tree / "a.py").as_uri()}, "position": {"line": 0, "character": 0}}
        assert (await client.refusal("textDocument/hover", where)).code == -32600


async def test_an_lsp_request_before_initialize_is_refused(shared_daemon: Daemon) -> None:
    """LSP 3.17: -32002 (or -32600) until `initialize`; `sidecar/*` works at once."""
    async with await shared_daemon.connect_lsp() as client:
        assert (await client.refusal("workspace/executeCommand", {"command": "x"})).code in (-32002, -32600, -32601)
        assert await client.call("sidecar/ping") == {}


async def test_a_second_initialize_is_refused(shared_daemon: Daemon, tree: Path) -> None:
    """LSP 3.17: `initialize` may be sent once."""
    async with await shared_daemon.connect_lsp() as client:
        await client.initialize(tree)
        refused = await client.refusal("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        assert refused.code == -32600


async def test_initialize_also_works_on_a_newline_connection(shared_daemon: Daemon, tree: Path) -> None:
    """Framing and language are independent of each other (`vim.lsp` through a pipe, a script by `nc`)."""
    async with await shared_daemon.connect() as client:
        result = await client.call("initialize", {"processId": None, "rootUri": tree.as_uri(), "capabilities": {}})
        assert result["capabilities"]["experimental"]["sidecar"]["pid"] == shared_daemon.pid


async def test_two_clients_in_initialize_at_once_are_both_answered(daemon: Daemon, tree: Path) -> None:
    """pygls is imported at the first `initialize`, in a thread: nobody waits for it, and both get their own reply."""
    clients = [await daemon.connect_lsp() for _ in range(5)]
    async with await daemon.connect() as other:
        asked = [client.request("initialize", {"processId": None, "rootUri": tree.as_uri(), "capabilities": {}}, id=1) for client in clients]
        assert await other.call("sidecar/ping") == {}
        sessions = {(await reply)["result"]["capabilities"]["experimental"]["sidecar"]["session"] for reply in asked}
        assert len(sessions) == 5
    await asyncio.gather(*(client.close() for client in clients))
