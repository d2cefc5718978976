"""Reaching the socket: who is waited for, who is refused, and how the refusal reads."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.client import dial
from sidecar.errors import Failed, Forbidden, Overloaded


def test_a_full_backlog_is_waited_for(short_tmp: Path) -> None:
    """EAGAIN: back off and retry; nothing is started, and the client gets in once there is room."""
    path = str(short_tmp / "d")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        with pytest.raises(Overloaded, match="accepts no connections"):
            dial.dial(path, timeout_s=0.05)
        listener.accept()[0].close()
        dial.dial(path, timeout_s=10).close()


# Listens as another user (65534) where this one is root, as itself otherwise: the kernel notes who calls listen().
LISTENER = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.bind(sys.argv[1])
if os.getuid() == 0: os.setuid(65534)
sock.listen()
print(os.getuid(), flush=True)
sys.stdin.read()
"""


def test_a_socket_served_by_another_user_is_refused(short_tmp: Path) -> None:
    """Whoever owns the folder, the process behind the socket must be ours too (field-notes 4.30)."""
    path = str(short_tmp / "d")
    with subprocess.Popen([sys.executable, "-S", "-c", LISTENER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        if int(server.stdout.readline()) == os.getuid():
            dial.dial(path).close()
        else:
            with pytest.raises(Forbidden, match="served by user 65534"):
                dial.dial(path)
        server.communicate()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_forbidden_connect_points_to_the_sandbox(number: int) -> None:
    """Sandboxes answer EPERM or EACCES; a daemon must not be started for that (field-notes 4.5, 7.4)."""
    found = dial.explained("/x/daemon.sock", OSError(number, os.strerror(number)))
    assert type(found) is Forbidden and "reader.sock" in found.hint


def test_any_other_error_is_named(short_tmp: Path) -> None:
    """With the path and the system's own words."""
    found = dial.explained("/x/daemon.sock", OSError(errno.EPROTOTYPE, os.strerror(errno.EPROTOTYPE)))
    assert type(found) is Failed and os.strerror(errno.EPROTOTYPE) in found.message


def test_a_missing_folder_is_a_missing_daemon(short_tmp: Path) -> None:
    """ENOENT, as for the socket itself: one may be started."""
    with pytest.raises(FileNotFoundError):
        dial.dial(str(short_tmp / "no" / "daemon.sock"))


def test_nobody_listening_is_connection_refused(short_tmp: Path) -> None:
    """A stale socket: one may be started."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(short_tmp / "d"))
    with pytest.raises(ConnectionRefusedError):
        dial.dial(str(short_tmp / "d"))
