"""The byte pipe between stdio and the socket, against a server of our own that we script."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import eventually_sync

PROJECT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "sidecar", "lsp", "--stdio"]


@pytest.fixture
def listener(short_tmp: Path) -> Iterator[socket.socket]:
    """A listening socket where the daemon's would be."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short_tmp / "d.sock"))
        server.listen(8)
        server.settimeout(30)
        yield server


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    """An environment that points there, and may not start anything."""
    return {**os.environ, "PYTHONPATH": str(PROJECT), "SIDECAR_SOCKET": str(short_tmp / "d.sock"), "SIDECAR_NO_AUTOSTART": "1"}


def accepted(listener: socket.socket) -> socket.socket:
    """The next connection."""
    connection, _ = listener.accept()
    connection.settimeout(30)
    return connection


def test_bytes_pass_both_ways_as_they_are(listener: socket.socket, env: dict[str, str]) -> None:
    """Line ends, NUL bytes and half characters too."""
    data = bytes(range(256)) * 400
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        with accepted(listener) as connection:
            child.stdin.write(b"\r\n\0\xff")
            child.stdin.flush()
            assert connection.recv(100) == b"\r\n\0\xff"
            connection.sendall(data)
            assert child.stdout.read(len(data)) == data
            child.stdin.close()
            assert connection.recv(100) == b""
        assert child.wait(30) == 0


def test_the_end_of_stdin_is_the_end_of_input_and_answers_still_come(listener: socket.socket, env: dict[str, str]) -> None:
    """A half-close: the daemon answers what it has, then closes (design 3.3)."""
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(b"question")
        child.stdin.close()
        with accepted(listener) as connection:
            assert connection.recv(100) == b"question"
            assert connection.recv(100) == b""
            connection.sendall(b"late answer")
        assert child.stdout.read() == b"late answer"
        assert child.wait(30) == 0


def test_a_client_that_does_not_read_can_still_send(listener: socket.socket, env: dict[str, str]) -> None:
    """One full direction never stops the other: that would be a deadlock of two honest programs."""
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        with accepted(listener) as connection:
            connection.sendall(b"x" * 150_000)
            child.stdin.write(b"cancel")
            child.stdin.flush()
            assert connection.recv(100) == b"cancel"
            assert len(child.stdout.read(150_000)) == 150_000
            child.stdin.close()
        assert child.wait(30) == 0


def test_a_daemon_that_leaves_before_its_first_byte_is_asked_again_once(listener: socket.socket, env: dict[str, str]) -> None:
    """Accepted by a daemon that was leaving: nothing with effects was sent (design 3.2)."""
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        with accepted(listener) as leaving:
            child.stdin.write(b"initialize")
            child.stdin.flush()
            assert leaving.recv(100) == b"initialize"
        with accepted(listener) as connection:
            assert connection.recv(100) == b"initialize"
            connection.sendall(b"hello")
            assert child.stdout.read(5) == b"hello"
        assert child.wait(30) == 0


def test_after_its_first_byte_nothing_is_sent_twice(listener: socket.socket, env: dict[str, str]) -> None:
    """What was sent may have had effects; the editor decides."""
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        with accepted(listener) as connection:
            child.stdin.write(b"initialize")
            child.stdin.flush()
            connection.recv(100)
            connection.sendall(b"hello")
            assert child.stdout.read(5) == b"hello"
        assert child.wait(30) == 0


def test_it_ends_when_nobody_reads_its_output(listener: socket.socket, env: dict[str, str]) -> None:
    """An editor that was killed."""
    with subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        with accepted(listener) as connection:
            child.stdout.close()
            connection.sendall(b"hello")
            assert child.wait(30) == 0


def test_it_ends_with_its_parent_even_if_another_process_holds_its_stdin(listener: socket.socket, env: dict[str, str], short_tmp: Path) -> None:
    """A grandchild of the editor that inherited the pipe must not keep us alive."""
    code = f"import subprocess, sys; child = subprocess.Popen({COMMAND!r}, stdin=0); print(child.pid, flush=True); child.wait()"
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdin=reading, stdout=subprocess.PIPE) as editor:
        os.close(reading)
        assert editor.stdout is not None
        bridge = int(editor.stdout.readline())
        with accepted(listener):
            editor.send_signal(signal.SIGKILL)
            editor.wait()
            eventually_sync(lambda: not _runs(bridge), what="the bridge has ended")
    os.close(writing)


def test_without_a_daemon_it_says_why_and_what_to_do(env: dict[str, str]) -> None:
    """On stderr, where editors show it."""
    done = subprocess.run(COMMAND, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no daemon listens" in done.stderr


def _runs(pid: int) -> bool:
    """Whether a process runs; one that waits to be collected by init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
