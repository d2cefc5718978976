"""`doctor --fix`: what a killed daemon left goes, what may be in use stays."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sidecar.daemon import locks, tidy


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    """Folders of this test alone, as a killed daemon leaves them."""
    (short_tmp / "r").mkdir(mode=0o700)
    (short_tmp / "s" / "run" / "r1").mkdir(parents=True, mode=0o700)
    os.chmod(short_tmp / "s", 0o700)
    for name in ("daemon.sock", "reader.sock"):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(short_tmp / "r" / name))
    return {"SIDECAR_SOCKET": str(short_tmp / "r" / "daemon.sock"), "SIDECAR_STATE_DIR": str(short_tmp / "s"), "HOME": str(short_tmp)}


def test_dead_sockets_and_stale_runs_are_removed_and_named(env: dict[str, str], short_tmp: Path) -> None:
    """Everything that is provably nobody's."""
    assert list(tidy.tidy(env)) == [str(short_tmp / "r" / "daemon.sock"), str(short_tmp / "r" / "reader.sock"), "run r1"]
    assert sorted(path.name for path in (short_tmp / "r").iterdir()) == ["daemon.lock"]
    assert list((short_tmp / "s" / "run").iterdir()) == []
    assert not locks.is_held(str(short_tmp / "s" / "owner.lock"))


def test_nothing_is_touched_while_a_daemon_owns_the_state(env: dict[str, str], short_tmp: Path) -> None:
    """What looks stale may be in its hands."""
    claim = locks.claim(env["SIDECAR_SOCKET"], env["SIDECAR_STATE_DIR"], leaving_s=0.0)
    assert isinstance(claim, locks.Claim)
    try:
        assert list(tidy.tidy(env)) == []
    finally:
        claim.release()
    assert (short_tmp / "r" / "daemon.sock").is_socket()
    assert (short_tmp / "s" / "run" / "r1").is_dir()


def test_a_file_that_is_no_socket_is_left_alone(env: dict[str, str], short_tmp: Path) -> None:
    """It is not ours to judge."""
    (short_tmp / "r" / "daemon.sock").unlink()
    (short_tmp / "r" / "daemon.sock").write_text("precious")
    assert str(short_tmp / "r" / "daemon.sock") not in list(tidy.tidy(env))
    assert (short_tmp / "r" / "daemon.sock").read_text() == "precious"


def test_a_machine_without_sidecar_stays_so(short_tmp: Path) -> None:
    """Nothing is made only to be tidied."""
    env = {"SIDECAR_SOCKET": str(short_tmp / "r" / "daemon.sock"), "SIDECAR_STATE_DIR": str(short_tmp / "s"), "HOME": str(short_tmp)}
    assert list(tidy.tidy(env)) == []
    assert list(short_tmp.iterdir()) == []
