"""Whether this process can meet the daemon, on real sockets; `tests/e2e/test_doctor.py` meets real daemons and sandboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.doctor import meeting
from tests.support.place import stale_socket


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    """A private runtime folder."""
    (short_tmp / "r").mkdir(mode=0o700)
    return {"SIDECAR_SOCKET": str(short_tmp / "r" / "daemon.sock")}


def test_nobody_there_is_no_error(env: dict[str, str]) -> None:
    """A daemon starts when it is needed."""
    met = meeting.meet(env)
    assert (met.socket.refused, met.socket.error, met.denied, met.daemon, met.probe) == ("No such file or directory", "", "", None, None)


def test_a_dead_socket_is_refused_and_not_denied(env: dict[str, str]) -> None:
    """Its daemon was killed; no sandbox forbids anything."""
    stale_socket(Path(env["SIDECAR_SOCKET"]))
    met = meeting.meet(env)
    assert (met.socket.refused, met.denied) == ("Connection refused", "")


def test_a_daemon_that_looks_at_itself_keeps_what_it_knows(env: dict[str, str]) -> None:
    """Even if its own socket has vanished."""
    assert meeting.meet(env, {"pid": 1}).daemon == {"pid": 1}


def test_a_folder_open_to_others_is_an_error_with_the_fix(env: dict[str, str]) -> None:
    """As every client finds it."""
    Path(env["SIDECAR_SOCKET"]).parent.chmod(0o755)
    met = meeting.meet(env)
    assert "is open to others" in met.socket.error and "chmod 700" in met.socket.hint
