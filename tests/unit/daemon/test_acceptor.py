"""Accepting and refusing, on both loops."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.daemon import acceptor
from sidecar.daemon.acceptor import Acceptor
from sidecar.engine.spec import Rights
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


class Greeter(asyncio.Protocol):
    """Says its rights, and is counted while it is connected."""

    def __init__(self, rights: Rights, living: set[Greeter]) -> None:
        self._rights = rights
        self._living = living
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Count, and greet."""
        self.transport = transport
        self._living.add(self)
        transport.write(self._rights.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """No longer counted."""
        self._living.discard(self)


@asynccontextmanager
async def accepting(path: Path, limit: int = 1000) -> AsyncIterator[tuple[Acceptor, set[Greeter], socket.socket]]:
    """An acceptor on one listening socket with full rights; everything is closed at the end."""
    living: set[Greeter] = set()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(path))
        listener.listen(1024)
        made = Acceptor(lambda rights: Greeter(rights, living), lambda: len(living), limit)
        made.add(listener, Rights.FULL)
        try:
            yield made, living, listener
        finally:
            await made.close()
            for greeter in list(living):
                greeter.transport.close()
            await eventually(lambda: not living)


@contextmanager
def dialled(path: Path, count: int) -> Iterator[list[socket.socket]]:
    """So many connected clients."""
    clients = []
    try:
        for _ in range(count):
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].connect(str(path))
            clients[-1].setblocking(False)
        yield clients
    finally:
        for client in clients:
            client.close()


async def heard(client: socket.socket) -> bytes:
    """The next bytes from the daemon."""
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 65536), 20)


def test_clients_are_served_with_the_rights_of_their_socket(short_tmp: Path, on_loop: OnLoop) -> None:
    """Two sockets, one acceptor."""

    async def run() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as reader:
            reader.bind(str(short_tmp / "r"))
            reader.listen()
            async with accepting(short_tmp / "d") as (made, _, _):
                made.add(reader, Rights.READER)
                with dialled(short_tmp / "d", 1) as full, dialled(short_tmp / "r", 1) as reading:
                    assert (await heard(full[0]), await heard(reading[0])) == (b"full", b"reader")

    on_loop(run())


def test_two_hundred_clients_are_served(short_tmp: Path, on_loop: OnLoop) -> None:
    """More than one turn of the loop accepts."""

    async def run() -> None:
        async with accepting(short_tmp / "d") as (made, living, _):
            with dialled(short_tmp / "d", 200) as clients:
                assert {await heard(client) for client in clients} == {b"full"}
                assert (made.accepted, len(living)) == (200, 200)

    on_loop(run())


def test_one_client_too_many_hears_why_and_the_others_stay(short_tmp: Path, on_loop: OnLoop) -> None:
    """One -32001 with its hint, then the end; a place that is free again is given again."""

    async def run() -> None:
        async with accepting(short_tmp / "d", limit=2) as (made, living, _):
            with dialled(short_tmp / "d", 2) as clients:
                await eventually(lambda: len(living) == 2)
                with dialled(short_tmp / "d", 1) as refused:
                    refusal = json.loads(await heard(refused[0]))
                    assert await heard(refused[0]) == b""
                assert (refusal["id"], refusal["error"]["code"], refusal["error"]["data"]["kind"]) == (None, -32001, "overloaded")
                assert "limits.clients" in refusal["error"]["data"]["hint"] and made.refused == 1
                clients[0].close()
                await eventually(lambda: len(living) == 1)
                with dialled(short_tmp / "d", 1) as served:
                    assert await heard(served[0]) == b"full"

    on_loop(run())


def test_an_lsp_client_is_refused_in_its_own_framing(short_tmp: Path, on_loop: OnLoop) -> None:
    """Else its library would report garbage in place of the reason."""

    async def run() -> None:
        async with accepting(short_tmp / "d", limit=0) as (made, _, listener):
            made.remove(listener)
            with dialled(short_tmp / "d", 1) as clients:
                clients[0].send(b"Content-Length: 2\r\n\r\n{}")
                made.add(listener, Rights.FULL)
                header, _, body = (await heard(clients[0])).partition(b"\r\n\r\n")
                assert header == b"Content-Length: %d" % len(body) and json.loads(body)["error"]["code"] == -32001

    on_loop(run())


def test_everything_that_waits_is_accepted_at_once(short_tmp: Path, on_loop: OnLoop) -> None:
    """Idle exit may decide only when the queue is known to be empty."""

    async def run() -> None:
        async with accepting(short_tmp / "d") as (made, living, listener):
            with dialled(short_tmp / "d", 100):
                assert (made.accept_queued(listener), made.opening) == (100, 100)
                assert made.accept_queued(listener) == 0
                await eventually(lambda: len(living) == 100)

    on_loop(run())


def test_a_client_that_has_left_already_harms_nobody(short_tmp: Path, on_loop: OnLoop) -> None:
    """It waited in the queue and closed."""

    async def run() -> None:
        async with accepting(short_tmp / "d") as (made, living, _):
            with dialled(short_tmp / "d", 20):
                pass
            with dialled(short_tmp / "d", 1) as clients:
                assert await heard(clients[0]) == b"full"
            await eventually(lambda: made.accepted == 21 and not living)

    on_loop(run())


# Connects as another user (65534) where this one is root, as itself otherwise; prints who it is and what it hears.
STRANGER = """
import os, socket, sys
os.chdir(sys.argv[1])
if os.getuid() == 0: os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect("d")
print(os.getuid())
print(sock.recv(65536).decode())
"""


def test_another_users_client_is_refused(short_tmp: Path, on_loop: OnLoop) -> None:
    """Even where a folder's and a socket's mode would let it in."""

    async def run() -> None:
        async with accepting(short_tmp / "d"):
            (short_tmp / "d").chmod(0o777)
            short_tmp.chmod(0o755)
            stranger = await asyncio.to_thread(subprocess.run, [sys.executable, "-S", "-c", STRANGER, str(short_tmp)], capture_output=True, text=True)
            uid, said = stranger.stdout.split(maxsplit=1)
            assert ("forbidden" in said) == (int(uid) != os.getuid())

    on_loop(run())


@contextmanager
def no_descriptor_left() -> Iterator[Callable[[], None]]:
    """Take every free descriptor of this process; the function gives them back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []

    def give_back() -> None:
        while taken:
            os.close(taken.pop())

    resource.setrlimit(resource.RLIMIT_NOFILE, (max(int(name) for name in os.listdir("/proc/self/fd")) + 16, hard))
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        yield give_back
    finally:
        give_back()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_free_descriptors_clients_wait_and_are_served_later(short_tmp: Path, on_loop: OnLoop) -> None:
    """A burst of process starts is over soon: nobody is refused for it, and the loop does not spin meanwhile."""

    async def run() -> None:
        async with accepting(short_tmp / "d") as (made, _, _):
            with dialled(short_tmp / "d", 3) as clients, no_descriptor_left() as give_back:
                await eventually(lambda: made.short)
                assert made.accepted == 0
                give_back()
                assert [await heard(client) for client in clients] == [b"full"] * 3
            assert (made.short, made.refused) == (False, 0)

    on_loop(run())


def test_a_lasting_shortage_is_explained_to_those_who_wait(short_tmp: Path, on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one descriptor kept for it; the daemon lives on, and serves again afterwards."""
    monkeypatch.setattr(acceptor, "SHORTAGE_S", 0.0)

    async def run() -> None:
        async with accepting(short_tmp / "d") as (made, _, _):
            with dialled(short_tmp / "d", 3) as clients:
                with no_descriptor_left():
                    errors = [json.loads(await heard(client))["error"] for client in clients]
                assert {error["code"] for error in errors} == {-32001} and "descriptor" in errors[0]["message"]
            with dialled(short_tmp / "d", 1) as later:
                assert await heard(later[0]) == b"full"
            assert made.refused == 3

    on_loop(run())
