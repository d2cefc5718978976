"""The locks that make one daemon of many."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.client import address
from sidecar.daemon import locks
from sidecar.errors import Failed, Forbidden
from tests.support.place import Place, answers, ended
from tests.support.waiting import eventually_sync

ME = locks.Owner(os.getpid(), 1.5, "/x/daemon.sock")


@pytest.fixture
def place(short_tmp: Path) -> Iterator[Place]:
    """Folders for daemons; they end with the test."""
    place = Place(short_tmp)
    yield place
    place.finish()


def test_a_lock_has_one_holder_until_it_is_released(tmp_path: Path) -> None:
    """The second asks in vain, and gets it after the first has let go; the file stays."""
    path = str(tmp_path / "a.lock")
    first = locks.try_lock(path, ME)
    assert first and locks.try_lock(path, ME) is None and locks.is_held(path)
    first.release()
    second = locks.try_lock(path, ME)
    assert second
    second.release()
    assert os.path.exists(path) and not locks.is_held(path)


def test_a_lock_says_who_holds_it(tmp_path: Path) -> None:
    """Process, start and socket, for people and for starters; only the user can read it."""
    path = tmp_path / "a.lock"
    path.write_text("x" * 500)  # what an older holder wrote is gone
    path.chmod(0o600)
    lock = locks.try_lock(str(path), ME)
    assert lock and locks.read_owner(str(path)) == ME
    lock.release()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pid": "x"}', "\x00\xff"])
def test_a_file_that_names_nobody_is_no_owner(tmp_path: Path, text: str) -> None:
    """It may be read while its holder is writing it."""
    (tmp_path / "a.lock").write_text(text)
    assert locks.read_owner(str(tmp_path / "a.lock")) is None


def test_no_child_holds_our_lock_for_us(tmp_path: Path) -> None:
    """Its descriptor is close-on-exec: a language server that outlives us would keep the next daemon out."""
    path = str(tmp_path / "a.lock")
    lock = locks.try_lock(path, ME)
    assert lock
    with subprocess.Popen([sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"], stdin=-1, stdout=-1, close_fds=False) as child:
        assert child.stdout and child.stdout.readline()
        lock.release()
        assert not locks.is_held(path)
        child.communicate()


def test_a_lock_knows_when_its_file_is_no_longer_the_one_in_place(tmp_path: Path) -> None:
    """The runtime folder may be recreated under a living daemon."""
    path = tmp_path / "a.lock"
    lock = locks.try_lock(str(path), ME)
    assert lock and lock.is_in_place()
    path.unlink()
    assert not lock.is_in_place()
    path.touch()
    assert not lock.is_in_place()
    lock.release()


def test_a_lock_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    """It would truncate what it points to."""
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "a.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(Failed, match="cannot be opened"):
        locks.try_lock(str(tmp_path / "a.lock"), ME)
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_claim_holds_both_locks(place: Place) -> None:
    """One daemon a socket folder and one a state folder; both files name the socket."""
    claim = locks.claim(str(place.socket), str(place.state))
    assert isinstance(claim, locks.Claim)
    files = [place.runtime / "daemon.lock", place.state / "owner.lock"]
    assert [locks.is_held(str(file)) for file in files] == [True, True]
    assert {locks.read_owner(str(file)) for file in files} == {claim.owner}
    claim.release()
    assert [locks.is_held(str(file)) for file in files] == [False, False]


def test_a_folder_open_to_others_is_not_claimed(place: Place) -> None:
    """The daemon refuses it as its clients would."""
    place.runtime.chmod(0o750)
    with pytest.raises(Forbidden, match="0750"):
        locks.claim(str(place.socket), str(place.state))


def test_a_claim_makes_a_removed_folder_and_its_lock_again(place: Place) -> None:
    """Then it holds the new one."""
    claim = locks.claim(str(place.socket), str(place.state))
    assert isinstance(claim, locks.Claim)
    shutil.rmtree(place.runtime)
    assert claim.renew_folder() and claim.folder_lock.is_in_place()
    assert locks.is_held(str(place.runtime / "daemon.lock")) and address.check_folder(str(place.runtime))
    claim.release()


def test_a_claim_yields_a_recreated_folder_to_the_daemon_that_took_it(place: Place) -> None:
    """Another state's daemon may have come first; we don't fight."""
    claim = locks.claim(str(place.socket), str(place.state))
    assert isinstance(claim, locks.Claim)
    shutil.rmtree(place.runtime)
    place.runtime.mkdir(mode=0o700)
    other = locks.try_lock(str(place.runtime / "daemon.lock"), ME)
    assert other and not claim.renew_folder()
    other.release()
    claim.release()


def test_a_socket_that_is_served_already_is_no_error(place: Place) -> None:
    """The loser of a race means its clients to use the winner (field-notes 4.1)."""
    with place.serving() as daemon:
        found = locks.claim(str(place.socket), str(place.state))
        assert isinstance(found, locks.Owner) and found.pid == daemon.pid
        daemon.terminate()
        assert ended(daemon)[0] == 0


def test_a_second_daemon_on_the_same_state_names_the_owner(place: Place, short_tmp: Path) -> None:
    """Its process, its socket, and what to set; at once, as the owner answers."""
    second = Place(short_tmp / "2")
    second.env["SIDECAR_STATE_DIR"] = str(place.state)
    with place.serving() as daemon:
        code, _, complaint = ended(second.run())
        assert code == 2
        assert f"pid {daemon.pid}" in complaint and str(place.socket) in complaint and "SIDECAR_STATE_DIR" in complaint
        daemon.terminate()
        daemon.communicate()
    assert not second.sockets()


def test_a_second_daemon_in_the_same_folder_names_the_owner(place: Place) -> None:
    """Another socket's name beside a living daemon's is its folder all the same; what it had claimed is free again."""
    with place.serving() as daemon:
        with pytest.raises(Failed, match=f"pid {daemon.pid}.*alive"):
            locks.claim(str(place.runtime / "other.sock"), str(place.base / "t"))
        assert not locks.is_held(str(place.base / "t" / "owner.lock"))
        daemon.terminate()
        daemon.communicate()


def test_an_owner_that_cannot_be_reached_is_waited_for_then_named(place: Place) -> None:
    """It may be leaving; if it does not, the refusal says who it is."""
    place.state.mkdir(mode=0o700)
    other = locks.try_lock(str(place.state / "owner.lock"), locks.Owner(4711, 1.0, str(place.base / "gone.sock")))
    assert other
    with pytest.raises(Failed, match=r"pid 4711, socket .*gone\.sock: it does not answer"):
        locks.claim(str(place.socket), str(place.state), leaving_s=0.1)
    other.release()


def test_a_leaving_owner_is_succeeded_as_soon_as_it_has_gone(place: Place) -> None:
    """The waiting starter gets the lock; nobody has to try again."""
    with place.serving(drain_s=60) as daemon:
        with place.client() as client:
            hold = subprocess.Popen([sys.executable, "-c", HOLD, str(place.socket)], env=place.env, stdout=-1, start_new_session=True)
            assert hold.stdout and hold.stdout.readline()
            client.request("sidecar/stop", {"mode": "drain"})
            successor = place.run(leaving_s=30)
            client.request("release")
        hold.communicate()
        daemon.communicate()
    eventually_sync(lambda: answers(place.socket), what="the successor serves")
    successor.send_signal(signal.SIGTERM)
    assert ended(successor)[0] == 0


# A client whose request keeps a draining daemon here until somebody sends `release`.
HOLD = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sock.sendall(b'{"id": 1, "method": "sidecar/hello"}\\n{"id": 2, "method": "hold"}\\n')
sock.recv(1)
print(flush=True)
while sock.recv(65536): pass
"""
