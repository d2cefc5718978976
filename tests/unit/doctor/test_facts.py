"""What is gathered, on real files and sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sidecar.doctor import facts


def nobody(path: str) -> bool:
    """No lock is held."""
    return False


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    """An environment of this test alone."""
    (short_tmp / "r").mkdir(mode=0o700)
    paths = {"SIDECAR_SOCKET": str(short_tmp / "r" / "daemon.sock"), "SIDECAR_STATE_DIR": str(short_tmp / "s"), "HOME": str(short_tmp)}
    return paths | {"PATH": "/usr/bin:/bin"}  # no shim of a version manager, which would write into HOME


def test_looking_makes_nothing(env: dict[str, str], short_tmp: Path) -> None:
    """Doctor on a machine without sidecar leaves no folder behind."""
    found = facts.gather(env, nobody)
    assert found.met.socket.refused == "No such file or directory"
    assert found.daemon is None
    assert found.state.mode is None
    assert sorted(path.name for path in short_tmp.rglob("*")) == ["r"]


def test_a_dead_socket_is_told_from_a_missing_one(env: dict[str, str]) -> None:
    """Its daemon was killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(env["SIDECAR_SOCKET"])
    found = facts.gather(env, nobody)
    assert found.met.socket.refused == "Connection refused"
    assert found.met.socket.there.is_socket


def test_a_socket_path_that_cannot_be_is_a_finding_and_no_exception(env: dict[str, str]) -> None:
    """Doctor goes on with the other checks."""
    found = facts.gather(env | {"SIDECAR_SOCKET": "/tmp/" + "x" * 100}, nobody)
    assert "must fit into 95" in found.met.socket.error
    assert found.met.socket.hint


def test_every_problem_of_the_settings_is_told_with_its_place(env: dict[str, str], short_tmp: Path) -> None:
    """The file's line, the key, and what to do."""
    path = short_tmp / ".config" / "sidecar" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[daemon]\nfoo = 1\nbar = 2\n")
    found = facts.gather(env, nobody)
    assert [said.split(": ")[0] for said in found.config.problems] == [f"{path}:2", f"{path}:3"]


def test_a_server_or_tool_that_is_misspelled_is_told_with_the_nearest_name(env: dict[str, str], short_tmp: Path) -> None:
    """Tables with free names take any: what names nothing has no effect, and somebody should say so."""
    path = short_tmp / ".config" / "sidecar" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[servers.basedpyrigt]\nenabled = false\n[timeouts.grepp]\nmax_ms = 5\n")
    server, tool = facts.gather(env, nobody).config.notices
    assert server.startswith("servers.basedpyrigt names nothing, did you mean basedpyright?")
    assert tool.startswith("timeouts.grepp names nothing, did you mean grep?")


def test_runs_that_a_killed_daemon_left_are_stale_only_while_nobody_owns_the_state(env: dict[str, str], short_tmp: Path) -> None:
    """A living daemon may be making one right now."""
    (short_tmp / "s" / "run" / "r1").mkdir(parents=True, mode=0o700)
    assert facts.gather(env, nobody).stale_runs == ("r1",)
    assert facts.gather(env, lambda path: path.endswith("owner.lock")).stale_runs == ()
    assert facts.gather(env, lambda path: path.endswith("run/r1/lock")).stale_runs == ("r1",)


def test_a_held_lock_names_its_owner(env: dict[str, str], short_tmp: Path) -> None:
    """From what the daemon wrote into it."""
    (short_tmp / "s").mkdir()
    (short_tmp / "s" / "owner.lock").write_text('{"pid": 7, "startedAt": 1.0, "socket": "/a"}\n')
    lock = facts.gather(env, lambda path: True).locks[0]
    assert (lock.held, lock.owner_pid, lock.owner_socket) == (True, 7, "/a")


def test_a_server_that_is_switched_off_is_told_so(env: dict[str, str], short_tmp: Path) -> None:
    """It is no trouble that it is not used."""
    path = short_tmp / ".config" / "sidecar" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[servers.basedpyright]\nenabled = false\n")
    assert [(one.name, one.enabled) for one in facts.gather(env, nobody).tools.servers if not one.enabled] == [("basedpyright", False)]
