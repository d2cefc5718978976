"""Starting the daemon, with real daemons (the small one) and real racing processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sidecar.client import autostart, ndjson
from sidecar.errors import Crashed, Failed, Forbidden, NotFound, TimedOut
from tests.support import processes
from tests.support.daemon import PROJECT
from tests.support.place import Place, stale_socket
from tests.support.waiting import eventually_sync

# One client, cheap: no site, no environment for Python itself. Waits at the gate, then asks who serves it.
CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from sidecar.client import ndjson
sys.stdin.read()
with ndjson.connect(argv=sys.argv[2:]) as client:
    print(client.request("facts")["pid"])
"""


def client_command(argv: tuple[str, ...]) -> list[str]:
    """A process that is served by a daemon which it starts with `argv` if none runs."""
    return [sys.executable, "-S", "-E", "-c", CLIENT, str(PROJECT), *argv]


@pytest.fixture
def place(short_tmp: Path) -> Iterator[Place]:
    """Folders for daemons; they end with the test."""
    place = Place(short_tmp)
    yield place
    place.finish()


def test_a_hundred_racing_starters_get_one_daemon(place: Place) -> None:
    """On a stale socket: exactly one daemon is started, and all hundred get their answer from it (field-notes 1.4)."""
    stale_socket(place.socket)
    command = client_command(place.argv())
    gate, opened = os.pipe()
    starters = [
        subprocess.Popen(command, env=place.env, stdin=gate, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) for _ in range(100)
    ]
    os.close(gate)
    os.close(opened)  # all of them go now
    ends = [starter.communicate(timeout=100) for starter in starters]
    assert [err.decode() for _, err in ends if err] == []
    assert {int(out) for out, _ in ends} == set(place.starts())
    assert len(place.starts()) == 1


def test_a_daemon_that_runs_is_not_started_again(place: Place) -> None:
    """The second client meets the first one's daemon."""
    with place.client() as first, place.client() as second:
        assert first.hello["pid"] == second.hello["pid"]
    assert len(place.starts()) == 1


def test_after_kill_9_the_next_client_is_served_at_once(place: Place) -> None:
    """The dead daemon's locks are free and its socket file is replaced; nothing of it has to be cleaned up by hand."""
    with place.client() as client:
        killed = client.hello["pid"]
    os.kill(killed, signal.SIGKILL)
    eventually_sync(lambda: killed not in place.daemons(), what="the killed daemon is gone")
    with place.client() as client:
        assert client.hello["pid"] == place.starts()[1]
    assert place.sockets() == ["daemon.sock", "reader.sock"]


def test_a_daemon_keeps_nothing_of_who_started_it(place: Place) -> None:
    """Not its working folder, parenthood, stray descriptors, session, nor whose descendant it was (field-notes 4.6)."""
    place.env |= {"SIDECAR_RUN": "r1", "SIDECAR_CALL": "c1"}
    stray, other = os.pipe()
    os.set_inheritable(other, True)
    try:
        with place.client() as client:
            facts = client.request("facts")
            pid = facts["pid"]
            assert (client.hello["cwd"], client.hello["ppid"] == os.getpid()) == ("/", False)
            assert not {"SIDECAR_RUN", "SIDECAR_CALL", "SIDECAR_NO_AUTOSTART", "SIDECAR_STARTUP_FD"} & set(facts["env"])
            assert os.readlink(f"/proc/self/fd/{other}") not in processes.descriptors(pid)
            assert os.getsid(pid) != os.getsid(0)
    finally:
        os.close(stray)
        os.close(other)


def test_the_reason_not_to_start_reaches_the_starter(place: Place) -> None:
    """With its class and its hint, through the start-up pipe, and soon (field-notes 4.4)."""
    place.socket.mkdir()
    with pytest.raises(Failed, match="is a folder") as caught:
        autostart.spawn(str(place.socket), place.env, time.monotonic() + 20, place.argv())
    assert "Move it away" in caught.value.hint
    place.socket.rmdir()


def test_a_daemon_that_dies_without_a_word_is_quoted(place: Place) -> None:
    """What it printed is in the error."""
    argv = (sys.executable, "-S", "-c", "import sys; sys.exit('no module named sidecar')")
    with pytest.raises(Crashed, match="no module named sidecar"):
        autostart.dial_started(str(place.socket), place.env, argv=argv)


def test_a_daemon_that_cannot_be_run_at_all_is_explained(place: Place) -> None:
    """No such interpreter."""
    with pytest.raises(Failed, match="cannot be run"):
        autostart.dial_started(str(place.socket), place.env, argv=("/nowhere/python",))


def test_a_daemon_that_never_becomes_ready_is_given_up_on(place: Place) -> None:
    """In bounded time, with the place to look at."""
    argv = (sys.executable, "-S", "-c", "import signal; signal.pause()")
    with pytest.raises(TimedOut, match="not become ready") as caught:
        autostart.dial_started(str(place.socket), place.env, timeout_s=0.3, argv=argv)
    assert autostart.START_LOG in caught.value.hint


def test_a_starter_that_dies_lets_the_next_one_start(place: Place) -> None:
    """Its lock ends with it, and its file may stay."""
    holder = "import fcntl,os,sys\nfd=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT)\nfcntl.flock(fd,fcntl.LOCK_EX)\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-S", "-c", holder, str(place.runtime / "start.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        with pytest.raises(TimedOut, match="no daemon came up"):
            autostart.dial_started(str(place.socket), place.env, timeout_s=0.2, argv=place.argv())
        process.kill()
        process.communicate()
    with place.client() as client:
        assert client.hello["pid"] == place.starts()[0]


def test_a_missing_runtime_folder_is_made(place: Place) -> None:
    """Private, by the starter."""
    place.runtime.rmdir()
    with place.client():
        assert place.runtime.stat().st_mode & 0o777 == 0o700


def test_a_runtime_folder_open_to_others_stops_the_start(place: Place) -> None:
    """Refused with the fix, and nothing was started."""
    place.runtime.chmod(0o755)
    with pytest.raises(Forbidden, match="0755"):
        place.client()
    assert not place.starts()


def test_the_read_only_socket_starts_nothing(place: Place) -> None:
    """Its clients sit in sandboxes: a daemon started there would be no daemon."""
    with pytest.raises(Failed, match="no daemon serves"):
        autostart.dial_started(str(place.reader), place.env, argv=place.argv())
    assert not place.starts()


def test_the_variable_forbids_starting(place: Place) -> None:
    """SIDECAR_NO_AUTOSTART=1 is in the environment of everything we start."""
    with pytest.raises(NotFound):
        ndjson.connect(env=place.env | {"SIDECAR_NO_AUTOSTART": "1"})
    assert not place.starts()


def test_idle_exit_never_fails_an_arriving_client(place: Place) -> None:
    """A daemon that leaves whenever it is alone, against three streams of clients: each is served, by it or by the next one."""
    command = client_command(place.argv(idle_exit_s=0.001, tick_s=0.002))
    failed: list[bytes] = []

    def come_and_go() -> None:
        for _ in range(15):
            client = subprocess.run(command, env=place.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            failed.extend([client.stderr] if client.returncode else [])

    with ThreadPoolExecutor(3) as streams:
        for stream in [streams.submit(come_and_go) for _ in range(3)]:
            stream.result(100)
    assert failed == []
    assert len(place.starts()) > 1, "no daemon left in between: the race was not run"
