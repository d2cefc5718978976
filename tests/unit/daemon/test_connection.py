"""One client, byte by byte: what it is told, when it is over, and that it never costs another anything."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sidecar.daemon.outbox import OutboxLimits
from sidecar.engine.spec import PositionEncoding
from sidecar.errors import Failed
from sidecar.wire.frames import MAX_BODY
from tests.support.connections import stage
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


def test_requests_are_answered_in_the_framing_they_came_in(on_loop: OnLoop) -> None:
    """Lines are answered with lines, LSP frames with LSP frames, on connections beside each other with the same ids."""

    async def work() -> None:
        async with stage() as made:
            lines, _ = await made.connect()
            headers, _ = await made.connect()
            await lines.ask(1, "echo", {"from": "lines"})
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"from": "headers"}}).encode()
            await headers.send(b"content-length: %d\r\n\r\n%b" % (len(body), body))
            assert await lines.line() == {"jsonrpc": "2.0", "id": 1, "result": {"from": "lines"}}
            assert await headers.frame() == {"jsonrpc": "2.0", "id": 1, "result": {"from": "headers"}}

    on_loop(work())


def test_many_requests_of_one_read_are_answered_in_order(on_loop: OnLoop) -> None:
    """A pipelining client gets every answer, in the order of its inline requests."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.send(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"echo","params":%d}\n' % (i, i) for i in range(1000)))
            assert [(await client.line())["result"] for _ in range(1000)] == list(range(1000))

    on_loop(work())


def test_the_client_is_known_by_its_socket(on_loop: OnLoop) -> None:
    """Pid and uid come from the kernel; what hello sets has its defaults."""

    async def work() -> None:
        async with stage() as made:
            _, conn = await made.connect()
            assert (conn.peer_pid, conn.peer_uid) == (os.getpid(), os.geteuid())
            assert (conn.session, conn.root, conn.encoding, dict(conn.env)) == (None, None, PositionEncoding.UTF16, {})
            assert conn.peer_pidfd is None or os.readlink(f"/proc/self/fd/{conn.peer_pidfd}") == "anon_inode:[pidfd]"

    on_loop(work())


def test_a_client_of_another_user_is_turned_away(on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once and unheard: the host never learns of it, a counter does."""

    async def work() -> None:
        async with stage() as made:
            us = os.geteuid()
            monkeypatch.setattr(os, "geteuid", lambda: us + 1)
            client, conn = await made.connect()
            assert await client.rest() == b""
            assert (conn.closed, made.host.seen, made.host.gone) == ("foreign user", [], [])
            assert made.counters["foreignUsers"] == 1

    on_loop(work())


def test_two_answers_to_one_request_are_one_and_a_count(on_loop: OnLoop) -> None:
    """The second answer is refused and counted; the client sees one (invariant 1)."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask("a", "hang")
            await eventually(lambda: conn.in_flight)
            assert conn.fail("a", Failed("first"))
            assert not conn.reply("a", [b"1"])
            await client.ask("b", "echo", "next")
            assert (await client.line())["error"]["message"] == "first"
            assert (await client.line())["result"] == "next"
            assert made.counters["lateAnswers"] == 1

    on_loop(work())


def test_a_request_of_ours_gets_its_reply(on_loop: OnLoop) -> None:
    """The same peer serves the other direction."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "echo")
            await client.line()
            conn.request("workspace/configuration", b"{}")
            asked = await client.line()
            await client.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": [7]}).encode() + b"\n")
            await eventually(lambda: ("reply", asked["id"], [7]) in made.host.seen)
            await client.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": [8]}).encode() + b"\n")
            await eventually(lambda: made.counters["unknownReply"] == 1)

    on_loop(work())


def test_a_half_close_still_gets_its_answers(on_loop: OnLoop) -> None:
    """The end of input is no disconnect: what is in flight is answered, then the connection is closed."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "hang")
            client.half_close()
            await eventually(lambda: conn.in_flight)
            assert made.host.gone == []
            conn.reply(1, [b'"late but there"'])
            assert (await client.line())["result"] == "late but there"
            assert await client.line() is None
            await eventually(lambda: made.host.gone == ["end of input"])

    on_loop(work())


def test_a_last_line_without_its_line_feed_is_answered(on_loop: OnLoop) -> None:
    """`printf request | nc -NU socket` works."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.send(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]}')
            client.half_close()
            assert json.loads(await client.rest())["result"] == [1]

    on_loop(work())


def test_a_client_that_half_closes_and_then_dies_is_noticed(on_loop: OnLoop) -> None:
    """Its requests are the host's to cancel as soon as both directions are closed; neither loop reports that by itself."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "hang")
            client.half_close()
            await eventually(lambda: conn.in_flight)
            client.close()
            await eventually(lambda: made.host.gone == ["closed"])

    on_loop(work())


def test_a_full_close_disconnects_once(on_loop: OnLoop) -> None:
    """A client that closes with a request in flight is gone, exactly once."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "hang")
            await eventually(lambda: conn.in_flight)
            client.close()
            await eventually(lambda: conn.peer_pidfd is None and conn.closed)
            assert made.host.gone == ["closed"]

    on_loop(work())


def test_what_was_sent_before_a_full_close_is_still_taken(on_loop: OnLoop) -> None:
    """An ack or `exit` followed at once by close() is not lost."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.send(b'{"jsonrpc":"2.0","method":"ack"}\n')
            client.close()
            await eventually(lambda: made.host.gone)
            assert ("notification", "ack") in made.host.seen

    on_loop(work())


@pytest.mark.parametrize(
    ("sent", "code", "says"),
    [
        (b"\x00\x01\x02", -32700, "0x00"),
        (b"hello\n", -32700, "neither framing"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", -32700, "HTTP"),
        (b"Content-Length: x\r\n\r\n", -32700, "decimal"),
        (b"Content-Type: y\r\n\r\n", -32700, "without Content-Length"),
        (b"Content-Length: 5\n\nhello", -32700, "line feeds"),
        (b"Content-Length: %d\r\n\r\n" % (MAX_BODY * 5), -32600, "at most"),
        (b"Content-Length: %d\r\n\r\n%b" % (MAX_BODY + 1, b'{"jsonrpc":"2.0","id":1,"method":"x","params":"' + b"y" * 600), -32600, "at most"),
        (b"C" + b"x" * 9000, -32600, "header block"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}\n', -32700, "UTF-8"),
    ],
)
def test_a_stream_that_cannot_be_read_gets_one_error_and_the_end(on_loop: OnLoop, sent: bytes, code: int, says: str) -> None:
    """Bad bytes get exactly one error that says what is accepted, then the end of the stream."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.send(sent)
            answer = await client.rest()
            body = answer.partition(b"\r\n\r\n")[2] if answer.startswith(b"Content-Length") else answer
            error = json.loads(body)
            assert error["id"] is None
            assert error["error"]["code"] == code
            assert says in error["error"]["message"]
            assert error["error"]["data"]["hint"]
            assert made.counters["brokenStreams"] == 1

    on_loop(work())


def test_a_100_mb_line_is_refused_without_breaking_its_senders_pipe(on_loop: OnLoop) -> None:
    """The sender can finish its sendall and then reads why; meanwhile no more than the limit is kept."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.send(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":"')
            for _ in range(100):
                await client.send(b"x" * 1_000_000)
            error = json.loads(await client.rest())
            assert error["error"]["data"]["kind"] == "tooLarge"
            client.half_close()
            await eventually(lambda: conn.closed == "broken input")

    on_loop(work())


def test_a_broken_stream_still_gets_the_answers_it_is_owed(on_loop: OnLoop) -> None:
    """Requests accepted before the fault are answered before the end."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "hang")
            await client.send(b'{"\xff"}\n')
            assert (await client.line())["error"]["code"] == -32700
            conn.reply(1, [b"true"])
            assert (await client.line())["result"] is True
            assert await client.line() is None

    on_loop(work())


def test_a_broken_stream_that_ends_is_told_once(on_loop: OnLoop) -> None:
    """The end of its input brings no second error, and the connection ends with the last answer."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            await client.ask(1, "hang")
            await client.send(b'{"\xff"}\n{"jsonrpc":"2.0","id":2,"method":"echo"}\n')
            client.half_close()
            assert (await client.line())["error"]["code"] == -32700
            conn.reply(1, [b"true"])
            assert (await client.line())["result"] is True
            assert await client.line() is None
            await eventually(lambda: made.host.gone == ["broken input"])

    on_loop(work())


def test_a_crowded_client_whose_stream_breaks_gets_all_it_is_owed(on_loop: OnLoop) -> None:
    """Answers first, then the error, then the end; its further input is discarded."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect(OutboxLimits(queued_bytes=64 << 20, pause_bytes=1 << 10))
            await client.ask(1, "big", 3_000_000)
            await client.ask(2, "big", 3_000_000)
            await eventually(lambda: made.counters["readingPaused"])
            await client.send(b'{"\xff"}\n' + b"x" * 10_000)
            assert [(await client.line()).get("id") for _ in range(3)] == [1, 2, None]
            assert await client.line() is None

    on_loop(work())


def test_half_a_frame_and_the_end_is_told(on_loop: OnLoop) -> None:
    """A client that ends inside a frame reads that it did."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.send(b"Content-Length: 100\r\n\r\n{")
            client.half_close()
            assert b"ended inside a frame" in await client.rest()

    on_loop(work())


def test_a_message_that_is_no_request_costs_only_itself(on_loop: OnLoop) -> None:
    """Batch arrays, null, a duplicate id, a bad id: one error each, and the next request is served."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.ask("dup", "hang")
            await client.send(b'[{"jsonrpc":"2.0"}]\nnull\n{"jsonrpc":"2.0","id":1.5,"method":"x"}\n{"jsonrpc":"2.0","id":2,"method":3}\n')
            await client.ask("dup", "echo")
            await client.ask(9, "echo", "served")
            errors = [await client.line() for _ in range(5)]
            assert [error["error"]["code"] for error in errors] == [-32600] * 5
            assert [error["id"] for error in errors] == [None, None, None, 2, None]
            assert (await client.line()) == {"jsonrpc": "2.0", "id": 9, "result": "served"}

    on_loop(work())


def test_a_client_that_never_reads_is_dropped_and_another_is_served(on_loop: OnLoop) -> None:
    """What queues behind the reply being written is bounded; over it that client goes, nobody else notices."""

    async def work() -> None:
        async with stage() as made:
            limits = OutboxLimits(queued_bytes=4 << 20, pause_bytes=3 << 20)
            deaf, conn = await made.connect(limits)
            other, _ = await made.connect(limits)
            for number in range(8):
                await deaf.ask(number, "hang")
            await eventually(lambda: conn.in_flight == 8)
            for number in range(8):
                conn.reply(number, [b"1" * (1 << 20)])
            await eventually(lambda: conn.closed == "outboxOverflow")
            assert made.counters["outboxOverflow"] == 1
            await other.ask(1, "big", 1000)
            assert len((await other.line())["result"]) == 1000
            assert made.host.gone == ["outboxOverflow"]

    on_loop(work())


def test_a_crowded_client_is_not_read_until_it_reads(on_loop: OnLoop) -> None:
    """Its requests wait unread and unanswered, none is lost, and each is answered once it reads."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect(OutboxLimits(queued_bytes=64 << 20, pause_bytes=1 << 20))
            await client.send(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"big","params":200000}\n' % i for i in range(50)))
            await eventually(lambda: made.counters["readingPaused"])
            assert conn.pending_bytes < 4 << 20
            assert [(await client.line())["id"] for _ in range(50)] == list(range(50))

    on_loop(work())


def test_a_client_that_dies_while_it_is_not_read_is_noticed(on_loop: OnLoop) -> None:
    """The close watch works while reading is paused."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect(OutboxLimits(queued_bytes=64 << 20, pause_bytes=1 << 10))
            await client.ask(1, "big", 3_000_000)
            await client.ask(2, "big", 3_000_000)
            await eventually(lambda: made.counters["readingPaused"])
            client.close()
            await eventually(lambda: conn.closed)
            assert len(made.host.gone) == 1

    on_loop(work())


def test_a_slow_honest_reader_gets_a_big_reply_whole(on_loop: OnLoop) -> None:
    """A reply far above the outbox bound arrives in full, however small the portions it is read in."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect(OutboxLimits(queued_bytes=1 << 20, pause_bytes=1 << 19))
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await client.ask(1, "big", 6_000_000)
            got = 0
            while got < 6_000_030:
                got += len(await client.some(9999))
            await client.ask(2, "echo", "still here")
            assert b"still here" in await client.some()

    on_loop(work())


def test_held_messages_wait_in_order(on_loop: OnLoop) -> None:
    """What arrives during a hold is handled after its release, in the order of arrival."""

    async def work() -> None:
        async with stage() as made:
            client, conn = await made.connect()
            conn.hold()
            for number in range(3):
                await client.ask(number, "echo", number)
            conn.release()
            assert [(await client.line())["result"] for _ in range(3)] == [0, 1, 2]

    on_loop(work())


def test_a_cancel_of_an_unknown_request_is_ignored(on_loop: OnLoop) -> None:
    """Only a request in flight can be cancelled; a late cancel is counted."""

    async def work() -> None:
        async with stage() as made:
            client, _ = await made.connect()
            await client.ask(1, "hang")
            await client.send(
                b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":5}}\n{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}\n'
            )
            await eventually(lambda: ("cancel", 1) in made.host.seen)
            assert made.counters["lateCancel"] == 1
            assert ("cancel", 5) not in made.host.seen

    on_loop(work())
