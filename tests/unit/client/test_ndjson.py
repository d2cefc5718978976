"""The blocking client against scripted servers: what it sends, what it makes of answers, and when it tries again."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.client import ndjson
from sidecar.errors import ConnectionEnded, Failed, Forbidden, InvalidParams, NotFound, Overloaded, ParseFailed, SidecarError, TimedOut, TooLarge

Script = Callable[[socket.socket], None]
NO_START = {"SIDECAR_NO_AUTOSTART": "1"}


def read_request(sock: socket.socket) -> dict[str, Any]:
    """One line from a client."""
    line = b""
    while not line.endswith(b"\n"):
        data = sock.recv(65536)
        assert data, "the client left"
        line += data
    request: dict[str, Any] = json.loads(line)
    return request


def send(sock: socket.socket, **message: Any) -> None:
    """One line to a client."""
    sock.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def greets(sock: socket.socket) -> None:
    """Answer a hello, then each request with its own params, until the client leaves."""
    while True:
        try:
            request = read_request(sock)
        except AssertionError:
            return
        send(sock, id=request["id"], result=request["params"])


def leaves(sock: socket.socket) -> None:
    """Read the hello and go without an answer."""
    read_request(sock)


def resets(sock: socket.socket) -> None:
    """Go with the hello unread: the client sees ECONNRESET or EPIPE."""
    sock.recv(1)


@contextmanager
def serving(path: Path, *scripts: Script) -> Iterator[list[BaseException]]:
    """A server that plays one script for each connection, then is gone. Yields what went wrong in it."""
    wrong: list[BaseException] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(10)

    def play() -> None:
        try:
            for script in scripts:
                with listener.accept()[0] as sock:
                    script(sock)
        except (OSError, AssertionError) as error:
            wrong.append(error)
        finally:
            listener.close()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield wrong
    finally:
        thread.join(15)


@pytest.fixture
def pair() -> Iterator[tuple[ndjson.Client, socket.socket]]:
    """A client and the other end of its connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    with ndjson.Client(ours) as client, theirs:
        yield client, theirs


def answered(theirs: socket.socket, *lines: bytes) -> threading.Thread:
    """Send bytes as soon as a request has come."""

    def answer() -> None:
        read_request(theirs)
        for line in lines:
            theirs.sendall(line)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_request_gets_the_result_with_its_id(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """Answers to other ids are not taken for ours."""
    client, theirs = pair
    thread = answered(theirs, b'{"id": 99, "result": "other"}\n', b'{"id": 1, "result": {"a": 1}}\n')
    assert client.request("sidecar/status") == {"a": 1}
    thread.join()


def test_an_answer_is_taken_byte_by_byte(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """Nothing depends on how the bytes are cut."""
    client, theirs = pair
    thread = answered(theirs, *[bytes([byte]) for byte in '{"id":1,"result":"grün"}\n'.encode()])
    assert client.request("x") == "grün"
    thread.join()


def test_notifications_before_the_answer_reach_the_callback() -> None:
    """Partial results come while a request waits."""
    seen: list[tuple[str, Any]] = []
    ours, theirs = socket.socketpair()
    with ndjson.Client(ours, lambda method, params: seen.append((method, params))) as client, theirs:
        thread = answered(theirs, b'{"method": "$/progress", "params": {"n": 1}}\n{"id": 1, "result": null}\n')
        assert client.request("sidecar/grep") is None
        thread.join()
    assert seen == [("$/progress", {"n": 1})]


def test_listen_returns_the_next_notification(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """For clients that follow events."""
    client, theirs = pair
    send(theirs, method="sidecar/event", params={"kind": "server.ready"})
    assert client.listen(timeout_s=5) == ("sidecar/event", {"kind": "server.ready"})


def test_an_error_is_raised_as_the_class_of_its_kind(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """With its hint, its retry time and the rest of its data."""
    client, theirs = pair
    error = Overloaded("full", hint="wait", retry_after_ms=250, lane="search").as_object()
    thread = answered(theirs, json.dumps({"id": 1, "error": error}).encode() + b"\n")
    with pytest.raises(Overloaded, match="full") as caught:
        client.request("sidecar/grep")
    thread.join()
    assert (caught.value.hint, caught.value.retry_after_ms, caught.value.data) == ("wait", 250, {"lane": "search"})


@pytest.mark.parametrize("made", [TooLarge("a"), InvalidParams("b"), NotFound("c"), TimedOut("d"), Failed("e")])
def test_every_error_survives_the_wire(made: SidecarError) -> None:
    """What one side makes is what the other catches."""
    assert type(ndjson.error_from(made.as_object())) is type(made)


@pytest.mark.parametrize("body", [{"code": 7, "message": "new"}, "text", None, {"data": None}])
def test_an_unknown_error_is_a_failure_all_the_same(body: Any) -> None:
    """A newer daemon may know kinds that this client does not."""
    assert type(ndjson.error_from(body)) is Failed


def test_an_error_without_an_id_ends_the_request(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """It is about the connection itself; nothing else would follow."""
    client, theirs = pair
    send(theirs, id=None, error=Overloaded("256 clients are connected").as_object())
    with pytest.raises(Overloaded, match="256 clients"):
        client.request("sidecar/hello")


def test_a_refusal_is_read_even_if_the_daemon_closed_before_the_hello_was_sent() -> None:
    """EPIPE must not hide the reason."""
    ours, theirs = socket.socketpair()
    send(theirs, id=None, error=Overloaded("256 clients are connected").as_object())
    theirs.close()
    with ndjson.Client(ours) as client, pytest.raises(Overloaded, match="256 clients"):
        client.greet()


def test_no_answer_in_time_is_a_timeout(pair: tuple[ndjson.Client, socket.socket]) -> None:
    """Busy is not dead: the client explains, and starts nothing (field-notes 4.8)."""
    client, _ = pair
    with pytest.raises(TimedOut, match="in time"):
        client.request("sidecar/hello", timeout_s=0.01)


@pytest.mark.parametrize("line", [b"HTTP/1.1 400\n", b"[1]\n", b"\xff\n"])
def test_garbage_from_the_other_side_is_explained(pair: tuple[ndjson.Client, socket.socket], line: bytes) -> None:
    """Something else may serve the socket."""
    client, theirs = pair
    theirs.sendall(line)
    with pytest.raises(ParseFailed):
        client.request("x")


@pytest.mark.parametrize("first", [leaves, resets])
def test_a_daemon_that_leaves_before_its_hello_is_tried_once_more(short_tmp: Path, first: Script) -> None:
    """EOF, ECONNRESET and EPIPE mean that nothing was done yet."""
    with serving(short_tmp / "d", first, greets) as wrong, ndjson.connect(str(short_tmp / "d"), env=NO_START) as client:
        assert client.request("echo", {"a": 1}) == {"a": 1}
        client.close()
    assert not wrong


def test_a_second_end_before_the_hello_is_an_error(short_tmp: Path) -> None:
    """Once, not for ever."""
    with serving(short_tmp / "d", leaves, leaves) as wrong, pytest.raises(ConnectionEnded):
        ndjson.connect(str(short_tmp / "d"), env=NO_START)
    assert not wrong


def test_a_request_is_never_sent_twice(short_tmp: Path) -> None:
    """After the hello it may have had effects."""

    def greets_then_leaves(sock: socket.socket) -> None:
        send(sock, id=read_request(sock)["id"], result={})
        assert read_request(sock)["method"] == "sidecar/batch"

    path = str(short_tmp / "d")
    with serving(short_tmp / "d", greets_then_leaves) as wrong, ndjson.connect(path, env=NO_START) as client, pytest.raises(ConnectionEnded):
        client.request("sidecar/batch")
    assert not wrong


@pytest.mark.parametrize("env", [NO_START, {}])
def test_nobody_there_and_no_start_allowed_is_not_found(short_tmp: Path, env: dict[str, str]) -> None:
    """Neither the variable nor the argument lets it start a daemon."""
    with pytest.raises(NotFound, match="no daemon listens") as caught:
        ndjson.connect(str(short_tmp / "d"), env=env, start=bool(env))
    assert "sidecar start" in caught.value.hint


def test_a_socket_of_another_kind_is_explained_and_nothing_is_started(short_tmp: Path) -> None:
    """Only ECONNREFUSED and ENOENT mean "start one" (field-notes 4.5); a datagram socket is EPROTOTYPE."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(short_tmp / "d"))
        with pytest.raises(Failed, match="connecting to"):
            ndjson.connect(str(short_tmp / "d"), env={})


def test_a_folder_open_to_others_is_refused_before_connecting(short_tmp: Path) -> None:
    """What listens there may be anybody's."""
    short_tmp.chmod(0o777)
    with pytest.raises(Forbidden, match="open to others"):
        ndjson.connect(str(short_tmp / "d"), env={})
