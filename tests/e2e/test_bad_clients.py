"""Clients that vanish, half-close, never read or come in crowds: each costs only itself."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from tests.support import bad_client
from tests.support.bystander import bystander
from tests.support.daemon import Daemon
from tests.support.waiting import eventually


def _hold(name: str) -> bytes:
    return bad_client.request("sidecar/tools/call", {"tool": "hold_search", "args": {"name": name}})


async def _searching(daemon: Daemon, running: int) -> None:
    await eventually(lambda: daemon.lane("search")["running"] == running, what=f"{running} calls run in the search lane")


async def test_a_client_killed_in_the_middle_of_a_request_frees_its_slot(daemon: Daemon) -> None:
    """A disconnect cancels its requests (features B2)."""
    async with bystander(daemon):
        with bad_client.process(daemon.socket, _hold("g")) as child:
            await _searching(daemon, 1)
            child.kill()
            await _searching(daemon, 0)


async def test_a_client_that_half_closes_gets_its_answers_before_the_end(daemon: Daemon) -> None:
    """The end of its input is no disconnect (design 3.3): what is in flight is answered, then we close."""
    async with bystander(daemon) as other, await daemon.connect() as client:
        asked = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "half"}, "partialResultToken": 1})
        await client.wait_notification("$/progress")
        client.half_close()
        assert await other.call("sidecar/ping") == {}
        await other.tool("release", {"name": "half"})
        assert "result" in await asyncio.wait_for(asked, 30)
        await client.wait_ended()


async def test_a_client_that_half_closes_and_then_dies_frees_its_slot(daemon: Daemon) -> None:
    """A close after a half-close is reported by nobody but our own watcher (design 3.3)."""
    async with bystander(daemon):
        await asyncio.to_thread(bad_client.half_closes_then_dies, daemon.socket, _hold("g"))
        await _searching(daemon, 0)
        with bad_client.raw(daemon.socket) as connection:
            connection.sendall(_hold("g"))
            connection.shutdown(socket.SHUT_WR)
            await _searching(daemon, 1)
        await _searching(daemon, 0)


async def test_a_client_that_aborts_frees_its_slot(daemon: Daemon) -> None:
    """A reset cancels its requests as a close does."""
    async with bystander(daemon), await daemon.connect() as client:
        client.request("sidecar/tools/call", {"tool": "hold_search", "args": {"name": "g"}})
        await _searching(daemon, 1)
        client.abort()
        await _searching(daemon, 0)


async def test_a_client_that_connects_and_says_nothing_costs_nobody(shared_daemon: Daemon) -> None:
    """Silence is allowed."""
    with bad_client.raw(shared_daemon.socket):
        async with bystander(shared_daemon):
            pass
    shared_daemon.check_idle()


async def test_200_clients_are_all_answered_beside_each_other(shared_daemon: Daemon) -> None:
    """Each gets the answers to its own ids, in spite of the same ids everywhere."""
    async with bystander(shared_daemon):
        clients = await asyncio.gather(*(shared_daemon.connect() for _ in range(200)))
        try:
            hellos = await asyncio.gather(*(one.call("sidecar/hello", {"client": {"name": f"c{number}"}}) for number, one in enumerate(clients)))
            assert len({hello["session"] for hello in hellos}) == 200
            status = await clients[0].call("sidecar/status")
            assert {f"c{number}" for number in range(200)} <= {one["name"] for one in status["clients"]}
        finally:
            await asyncio.gather(*(one.close() for one in clients))
    shared_daemon.check_idle()


async def test_100_connections_that_come_and_go_leave_nothing(shared_daemon: Daemon) -> None:
    """Descriptors are back to where they were."""
    for _ in range(100):
        async with await shared_daemon.connect() as client:
            await client.call("sidecar/ping")
    shared_daemon.check_idle()


async def test_an_unread_answer_is_no_trouble_when_its_client_goes(shared_daemon: Daemon, tmp_path: Path) -> None:
    """A close with our bytes unread is a reset on our side: logged as nothing worse than a disconnect."""
    async with bystander(shared_daemon):
        for _ in range(20):
            bad_client.never_reads(shared_daemon.socket, bad_client.request("sidecar/tools/list") * 50).close()
    shared_daemon.check_idle()


async def test_cancelling_what_was_never_asked_or_is_answered_is_ignored(shared_daemon: Daemon) -> None:
    """`$/cancelRequest` for an unknown id gets no answer and ends nothing."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        asked = client.request("sidecar/ping")
        await asked
        client.cancel(asked)
        client.notify("$/cancelRequest", {"id": "nobody"})
        assert await client.call("sidecar/ping") == {}
        assert not client.orphans


async def test_one_client_cannot_cancel_another_ones_request(daemon: Daemon) -> None:
    """Ids belong to their connection."""
    async with await daemon.connect() as one, await daemon.connect() as two:
        asked = one.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "g"}, "partialResultToken": 1}, id=7)
        await one.wait_notification("$/progress")
        two.notify("$/cancelRequest", {"id": 7})
        assert await two.call("sidecar/ping") == {}
        assert not asked.done()
        await two.tool("release", {"name": "g"})
        assert "result" in await asked


async def test_a_ten_line_script_with_socket_and_json_gets_an_answer(shared_daemon: Daemon) -> None:
    """The README's promise: no client library is needed."""
    with bad_client.raw(shared_daemon.socket) as connection:
        connection.sendall(bad_client.request("sidecar/tools/list"))
        with connection.makefile("rb") as lines:
            answer = json.loads(await asyncio.to_thread(lines.readline))
    assert "grep" in {tool["name"] for tool in answer["result"]["tools"]}
