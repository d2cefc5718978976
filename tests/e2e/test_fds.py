"""No free file descriptors: who is connected is served on, who comes is served when one is free again."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from tests.support import bad_client, processes
from tests.support.daemon import DaemonFactory
from tests.support.waiting import eventually

_LIMIT = 64


async def test_without_free_descriptors_the_connected_are_served_and_the_others_wait(make_daemon: DaemonFactory) -> None:
    """`accept` fails with EMFILE: no crash, no endless loop in the log, and new clients once there is room."""
    daemon = make_daemon(wrapper=["prlimit", f"--nofile={_LIMIT}:{_LIMIT}"]).start()
    daemon.expected.append("descriptors|Too many open files")
    crowd: list[socket.socket] = []
    async with await daemon.connect() as before:
        await before.call("sidecar/hello")
        try:
            crowd.extend(bad_client.raw(daemon.socket) for _ in range(2 * _LIMIT))
            await eventually(lambda: len(processes.descriptors(daemon.pid)) >= _LIMIT - 4, what="its descriptors are used up")
            for _ in range(20):
                assert await before.call("sidecar/ping") == {}
        finally:
            for connection in crowd:
                connection.close()
        async with await daemon.connect() as after:
            assert (await after.call("sidecar/hello"))["pid"] == daemon.pid
    assert len(daemon.log_text().splitlines()) < 1000, "the log is not flooded"


async def test_a_request_that_finds_no_descriptor_fails_or_is_marked_and_works_later(make_daemon: DaemonFactory) -> None:
    """A search that cannot open files says so; afterwards the same search finds them."""
    daemon = make_daemon(wrapper=["prlimit", f"--nofile={_LIMIT}:{_LIMIT}"]).start()
    daemon.expected.append("descriptors|Too many open files|Traceback|ERROR|OSError")
    ask = {"root": str(daemon.base / "tree"), "pattern": "needle"}
    (daemon.base / "tree").mkdir()
    for number in range(20):
        (daemon.base / "tree" / f"{number}.txt").write_text("needle\n")
    async with await daemon.connect() as client:
        with contextlib.ExitStack() as crowd:
            for _ in range(2 * _LIMIT):
                crowd.enter_context(contextlib.closing(bad_client.raw(daemon.socket)))
            await eventually(lambda: len(processes.descriptors(daemon.pid)) >= _LIMIT - 4)
            starved = await asyncio.wait_for(client.request("sidecar/grep", ask), 30)
        result = starved.get("result")
        assert result is None or len(result["matches"]) == 20 or result["skipped"]["unreadable"] > 0 or result["truncated"], starved

        async def found_all() -> bool:
            return len((await client.call("sidecar/grep", ask))["matches"]) == 20

        await eventually(found_all)


async def test_a_starters_low_limit_does_not_bound_the_clients(make_daemon: DaemonFactory) -> None:
    """The daemon raises its soft limit towards the hard one: 200 clients where its starter had 128 descriptors, and all are answered."""
    daemon = make_daemon(wrapper=["prlimit", "--nofile=128:4096"]).start()
    async with contextlib.AsyncExitStack() as crowd:
        clients = [await crowd.enter_async_context(await daemon.connect()) for _ in range(200)]
        assert await asyncio.gather(*(client.call("sidecar/ping") for client in clients)) == [{}] * 200
        limit = (await clients[0].call("sidecar/status"))["openFilesLimit"]
    assert limit == {"soft": 4096, "hard": 4096}
