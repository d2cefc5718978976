"""D3, H4: replies of any size, to readers fast, slow and absent; nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from tests.support import bad_client
from tests.support.bystander import bystander
from tests.support.clients import Client, Message
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.trees import wide_tree
from tests.support.waiting import eventually

_ALL = {"pattern": "needle", "limit": 200_000, "maxBytes": 64 << 20}


@pytest.fixture(scope="module")
def big_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100,000 matching lines in 500 files."""
    return wide_tree(tmp_path_factory.mktemp("big"), 500, 200)


@pytest.mark.parametrize("order", ["path", "any"])
async def test_a_reply_of_100_000_matches_arrives_whole(shared_daemon: Daemon, big_tree: Path, order: str) -> None:
    """Every match once, in one frame, while a bystander is served."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        found = await client.call("sidecar/grep", {"root": str(big_tree), "order": order, **_ALL})
    assert found["truncated"] is False
    assert len({(match["path"], match["line"]) for match in found["matches"]}) == len(found["matches"]) == 100_000


async def test_a_stream_of_100_000_matches_arrives_whole(shared_daemon: Daemon, big_tree: Path) -> None:
    """In LSP framing too; the final reply carries no match."""
    async with bystander(shared_daemon), await shared_daemon.connect_lsp() as client:
        reply = await client.call("sidecar/grep", {"root": str(big_tree), "partialResultToken": 5, **_ALL})
        chunks = [note["params"]["value"]["matches"] for note in client.notifications if note["method"] == "$/progress"]
    assert sum(map(len, chunks)) == 100_000
    assert len(chunks) > 1
    assert not reply.get("matches")


async def test_a_slow_but_honest_reader_gets_everything(shared_daemon: Daemon, big_tree: Path) -> None:
    """It reads a little, does something else, and reads on: no byte is lost, nobody else waits (design 3.16)."""
    async with bystander(shared_daemon) as other:
        with bad_client.raw(shared_daemon.socket, receive_buffer=4096) as connection:
            connection.sendall(bad_client.request("sidecar/grep", {"root": str(big_tree), **_ALL}))
            received = await _read_slowly(connection, other)
    assert len(json.loads(received)["result"]["matches"]) == 100_000


async def _read_slowly(connection: socket.socket, other: Client) -> bytes:
    chunks: list[bytes] = []
    while not chunks or not chunks[-1].endswith(b"\n"):
        chunks.append(await asyncio.to_thread(connection.recv, 32768))
        assert chunks[-1], "the daemon closed on an honest reader"
        await other.call("sidecar/ping")
    return b"".join(chunks)


async def test_a_client_that_never_reads_is_dropped_and_nobody_else(make_daemon: DaemonFactory, big_tree: Path) -> None:
    """What queues behind the reply being written is bounded; over the bound that client goes (H4)."""
    daemon = make_daemon(config="[limits]\noutbox_bytes = 4194304\n").start()
    ask = {"root": str(big_tree), "pattern": "needle", "limit": 10_000, "maxBytes": 1 << 20}
    requests = b"".join(bad_client.request("sidecar/grep", ask, id=number) for number in range(60))
    async with bystander(daemon) as other:
        connection = bad_client.never_reads(daemon.socket, requests)
        with connection:
            await eventually(lambda: len(daemon.status()["clients"]) == 2, what="the client that never reads is dropped")
            assert (await other.call("sidecar/grep", ask))["matches"]
        await eventually(lambda: daemon.lane("search")["running"] == 0)


async def test_twenty_clients_that_never_read_cost_the_others_nothing(shared_daemon: Daemon, big_tree: Path) -> None:
    """Each has one big reply waiting; a twenty-first client is answered as ever."""
    ask = bad_client.request("sidecar/grep", {"root": str(big_tree), "pattern": "needle", "limit": 20_000, "maxBytes": 4 << 20})
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        silent = [bad_client.never_reads(shared_daemon.socket, ask) for _ in range(20)]
        try:
            for _ in range(20):
                assert await client.call("sidecar/ping") == {}
                assert (await client.call("sidecar/grep", {"root": str(big_tree), "pattern": "needle", "limit": 5}))["truncated"]
        finally:
            for connection in silent:
                connection.close()
    shared_daemon.check_idle()


async def test_replies_of_two_clients_do_not_mix(shared_daemon: Daemon, big_tree: Path) -> None:
    """The same ids, big replies, both framings, at once."""
    ask = {"root": str(big_tree), "pattern": "number 1", "limit": 100_000, "maxBytes": 32 << 20}
    async with await shared_daemon.connect() as lines, await shared_daemon.connect_lsp() as headers:
        replies = await asyncio.gather(*(client.request("sidecar/grep", ask, id=7) for client in (lines, headers) for _ in range(1)))
        assert [reply["id"] for reply in replies] == [7, 7]
        assert len(replies[0]["result"]["matches"]) == len(replies[1]["result"]["matches"]) > 10_000


async def test_a_stream_larger_than_the_outbox_waits_whole_for_its_reader(make_daemon: DaemonFactory, big_tree: Path) -> None:
    """Chunks of a stream are bounded by the request's own `maxBytes`, not by what may queue behind a reply (design 3.16)."""
    daemon = make_daemon(config="[limits]\noutbox_bytes = 1048576\n").start()
    ask = {"root": str(big_tree), "partialResultToken": 1, **_ALL}
    with bad_client.never_reads(daemon.socket, bad_client.request("sidecar/grep", ask)) as connection:
        await eventually(lambda: daemon.status()["native"]["units"] > 0, what="it searches")
        await eventually(lambda: daemon.lane("search")["running"] == 0, what="the search is done, and nothing is read yet")
        messages = await asyncio.to_thread(_until_reply, connection)
    assert sum(len(message["params"]["value"]["matches"]) for message in messages[:-1]) == 100_000
    assert messages[-1]["result"]["truncated"] is False


async def test_a_stream_that_nobody_reads_ends_by_itself_and_says_why(shared_daemon: Daemon, short_tmp: Path) -> None:
    """After 5 s without progress the search ends with what it found, and who reads at last is told `slowReader`."""
    lines = (b"x" * 1023 + b"\n") * 63 + b"xxxxxxxxxy\n"
    wide = short_tmp / "0.txt"
    wide.write_bytes(lines * 1024)
    for number in range(1, 400):
        os.link(wide, short_tmp / f"{number}.txt")
    ask = {"root": str(short_tmp), "pattern": "x{9}y|x{900}z", "limit": 10_000_000, "maxBytes": 256 << 20, "partialResultToken": 1}
    async with bystander(shared_daemon):
        with bad_client.never_reads(shared_daemon.socket, bad_client.request("sidecar/grep", ask)) as connection:
            await eventually(lambda: shared_daemon.lane("search")["running"] == 1, what="it searches")
            await eventually(lambda: shared_daemon.lane("search")["running"] == 0, what="the search has ended by itself")
            reply = (await asyncio.to_thread(_until_reply, connection))[-1]
    assert (reply["result"]["truncated"], reply["result"]["reason"]) == (True, "slowReader")


def _until_reply(connection: socket.socket) -> list[Message]:
    messages: list[Message] = []
    with connection.makefile("rb") as lines:
        while not messages or messages[-1].get("id") != 1:
            messages.append(json.loads(lines.readline()))
    return messages
