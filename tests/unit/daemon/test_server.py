"""The server's life, in real processes (the small daemon) on both loops."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.client import ndjson
from sidecar.errors import Overloaded
from tests.support import processes
from tests.support.place import Place, answers, ended, stale_socket
from tests.support.waiting import eventually_sync


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The daemon's event loop."""
    return str(request.param)


@pytest.fixture
def place(short_tmp: Path) -> Iterator[Place]:
    """Folders for daemons; they end with the test."""
    place = Place(short_tmp)
    yield place
    place.finish()


def test_both_sockets_serve_with_their_rights(place: Place, loop: str) -> None:
    """The reader's socket is beside the daemon's."""
    with place.client(loop=loop) as full, ndjson.connect(str(place.reader), env={}, start=False) as reader:
        assert (full.hello["rights"], reader.hello["rights"]) == ("full", "reader")


def test_stop_removes_the_names_before_it_is_answered(place: Place, loop: str) -> None:
    """A client that is told of the stop finds no socket of the leaving daemon (field-notes 4.9)."""
    with place.client(loop=loop) as client:
        client.request("sidecar/stop", {"mode": "drain"})
        assert place.sockets() == []
    eventually_sync(lambda: not place.daemons(), what="the daemon ends")


def test_a_drain_lets_running_requests_end(place: Place, loop: str) -> None:
    """And the daemon is gone after them."""
    with place.client(loop=loop) as client:
        pid = client.hello["pid"]
        held = hold(place)
        client.request("sidecar/stop", {"mode": "drain"})
        assert pid in place.daemons()
        client.request("release")
        assert b'"pid"' in held.recv(65536)
        held.close()
    eventually_sync(lambda: not place.daemons(), what="the daemon ends")


def hold(place: Place) -> socket.socket:
    """A connection with a request that waits for `release`."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(place.socket))
    sock.sendall(b'{"id": 1, "method": "sidecar/hello"}\n{"id": 2, "method": "hold"}\n')
    assert sock.recv(65536).endswith(b"\n")
    return sock


def test_a_drain_ends_at_its_deadline(place: Place, loop: str) -> None:
    """A request that never ends does not keep the daemon for ever."""
    with place.client(loop=loop, drain_s=0.05) as client, hold(place):
        client.request("sidecar/stop", {"mode": "drain"})
        eventually_sync(lambda: not place.daemons(), what="the daemon ends")


def test_stop_now_waits_for_nobody(place: Place, loop: str) -> None:
    """Running requests are ended."""
    with place.client(loop=loop, drain_s=60) as client, hold(place):
        client.request("sidecar/stop", {"mode": "now"})
        eventually_sync(lambda: not place.daemons(), what="the daemon ends")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drains_and_a_second_one_ends(place: Place, number: signal.Signals, loop: str) -> None:
    """With exit code 0 and nothing left; what runs is only cut short by the second."""
    with place.serving(loop=loop, drain_s=60) as daemon, hold(place):
        daemon.send_signal(number)
        eventually_sync(lambda: not place.sockets(), what="the names are gone")
        assert daemon.poll() is None
        daemon.send_signal(number)
        assert ended(daemon) == (0, "", "")
    assert place.sockets() == []


def test_an_idle_daemon_leaves(place: Place, loop: str) -> None:
    """By itself, with exit code 0, without a socket file."""
    with place.run(loop=loop, idle_exit_s=0.01) as daemon:
        assert ended(daemon) == (0, "", "")
    assert place.sockets() == [] and len(place.starts()) == 1


def test_a_connected_client_keeps_the_daemon(place: Place, loop: str) -> None:
    """However silent it is: many looks later its daemon still answers."""
    with place.client(loop=loop, idle_exit_s=0.001, tick_s=0.001) as client:
        for _ in range(20):
            assert client.request("sidecar/publish")["stopping"] is False
        assert list(place.daemons()) == [client.hello["pid"]]


def test_a_removed_runtime_folder_comes_back(place: Place, loop: str) -> None:
    """The living daemon is reachable again at its path, its connections go on, and its lock is the folder's again."""
    with place.client(loop=loop, tick_s=0.01) as before:
        shutil.rmtree(place.runtime)
        eventually_sync(lambda: answers(place.socket) and answers(place.reader), what="the sockets are back")
        with ndjson.connect(env=place.env, start=False) as after:
            assert after.hello["pid"] == before.request("facts")["pid"]
        assert place.runtime.stat().st_mode & 0o777 == 0o700
    assert len(place.starts()) == 1


def test_a_starter_in_a_recreated_folder_meets_the_living_daemon(place: Place) -> None:
    """It finds the state owned: its new daemon steps back for the one that lives, which publishes again."""
    with place.client(tick_s=0.2) as before:
        shutil.rmtree(place.runtime)
        with place.client() as after:
            assert after.hello["pid"] == before.hello["pid"]
    assert len(place.starts()) == 1


def test_a_runtime_folder_that_cannot_come_back_is_waited_for(place: Place) -> None:
    """While something else stands in its place the daemon serves on; it publishes as soon as it can."""
    with place.client(tick_s=0.01) as client:
        shutil.rmtree(place.runtime)
        place.runtime.write_text("in the way")
        assert client.request("sidecar/publish")["stopping"] is False
        place.runtime.unlink()
        eventually_sync(lambda: answers(place.socket), what="the socket is back")


@pytest.mark.parametrize("name", ["daemon.sock", "reader.sock"])
def test_a_removed_name_alone_comes_back(place: Place, name: str, loop: str) -> None:
    """Without waiting if somebody asks for it."""
    with place.client(loop=loop, tick_s=60) as client:
        (place.runtime / name).unlink()
        client.request("sidecar/publish")
        assert answers(place.runtime / name)
        assert place.sockets() == ["daemon.sock", "reader.sock"]


def test_who_had_connected_to_a_lost_socket_is_served(place: Place) -> None:
    """It waited in the old socket's queue while the name was replaced."""
    with place.serving(tick_s=60) as daemon, socket.socket(socket.AF_UNIX) as early:
        early.settimeout(20)
        with ndjson.connect(env=place.env, start=False) as client:
            daemon.send_signal(signal.SIGSTOP)
            early.connect(str(place.socket))
            place.socket.unlink()
            daemon.send_signal(signal.SIGCONT)
            client.request("sidecar/publish")
        early.sendall(b'{"id": 1, "method": "sidecar/hello"}\n')
        assert b"journalId" in early.recv(65536)
        daemon.terminate()
        daemon.communicate()


def test_anothers_socket_under_the_name_ends_the_daemon(place: Place, loop: str) -> None:
    """It drains and goes, and leaves the other one's socket alone (design 3.2)."""
    with place.client(loop=loop, tick_s=60) as client, socket.socket(socket.AF_UNIX) as other:
        place.socket.unlink()
        other.bind(str(place.socket))
        other.listen()
        assert client.request("sidecar/publish")["stopping"] is True
        eventually_sync(lambda: not place.daemons(), what="the daemon ends")
        assert answers(place.socket) and not place.reader.exists()
    place.socket.unlink()


def test_two_hundred_clients_are_served_and_one_over_the_bound_is_told(place: Place) -> None:
    """The bound is 256 by default; here 200."""
    with place.serving(client_limit=200) as daemon:
        clients = [ndjson.connect(env=place.env, start=False) for _ in range(200)]
        with pytest.raises(Overloaded, match="200 clients"):
            ndjson.connect(env=place.env, start=False)
        assert {client.request("facts")["pid"] for client in clients} == {daemon.pid}
        for client in clients:
            client.close()
        daemon.terminate()
        assert ended(daemon)[0] == 0


def test_a_daemon_without_free_descriptors_lives_on(place: Place, loop: str) -> None:
    """Connected clients are answered; new ones wait and hear why; a freed descriptor serves again. The processor rests meanwhile."""
    command = ("prlimit", "--nofile=48", *place.argv(loop=loop))
    with subprocess.Popen(command, env=place.env, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, start_new_session=True) as daemon:
        eventually_sync(lambda: answers(place.socket), what="the daemon serves")
        with ndjson.connect(env=place.env, start=False) as client:
            assert client.request("exhaust") > 0
            with pytest.raises(Overloaded, match="descriptor"):
                ndjson.connect(env=place.env, start=False)
            assert client.request("sidecar/hello")["pid"] == daemon.pid
        with ndjson.connect(env=place.env, start=False) as later:
            assert later.hello["pid"] == daemon.pid
        daemon.terminate()
        code, _, log = ended(daemon)
        assert code == 0 and log.count("no free file descriptor") == 1


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(place: Place) -> None:
    """The first daemon takes a dead one's name; the second finds it serving, and leaves it alone."""
    stale_socket(place.socket)
    with place.serving() as first:
        inode = place.socket.stat().st_ino
        code, said, _ = ended(place.run())
        assert (code, said) == (0, f"already served by {first.pid}\n")
        assert place.socket.stat().st_ino == inode
        first.terminate()
        first.communicate()


def test_a_daemon_leaves_no_descriptor_of_its_clients(place: Place, loop: str) -> None:
    """After a hundred clients it has as many open as after one."""
    with place.client(loop=loop) as client:
        pid = client.hello["pid"]
        before = processes.descriptor_kinds(pid)
        for _ in range(100):
            with ndjson.connect(env=place.env, start=False) as other:
                assert other.hello["pid"] == pid
        eventually_sync(lambda: processes.descriptor_kinds(pid) == before, what="as many descriptors as before")
        assert os.path.exists(place.socket)


def test_ten_daemons_at_once_leave_one(place: Place) -> None:
    """Run without a starter's lock, as by hand or by a unit file: nine step back for the one that serves."""
    daemons = [place.run() for _ in range(10)]
    eventually_sync(lambda: sum(daemon.poll() is None for daemon in daemons) == 1, what="nine have ended")
    with ndjson.connect(env=place.env, start=False) as client:
        living = client.hello["pid"]
    for daemon in daemons:
        if daemon.pid == living:
            daemon.terminate()
        code, said, complaint = ended(daemon)
        assert (code, complaint) == (0, "")
        assert said == ("" if daemon.pid == living else f"already served by {living}\n")
    assert place.starts() == [living]
