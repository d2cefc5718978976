"""A session survives its connections, and ends by goodbye or absence."""

from __future__ import annotations

import time

import pytest

from sidecar.daemon.sessions import MOST_SESSIONS, OWNER_LEAVES_AFTER_S, Sessions
from sidecar.errors import InvalidParams


def test_a_named_session_is_kept() -> None:
    """A client that names its session is in it again, also with a new daemon."""
    assert Sessions().join("mine", "c1") == "mine"


def test_a_client_without_one_gets_its_own() -> None:
    """Two nameless clients never share a session."""
    sessions = Sessions()
    assert sessions.join(None, "c1") != sessions.join(None, "c2")


def test_the_owner_has_left_a_minute_after_the_last_connection() -> None:
    """With one connection left the owner is there; 60 s after the last one the owner has left (design 3.9)."""
    sessions = Sessions()
    sessions.join("mine", "c1")
    sessions.join("mine", "c2")
    sessions.leave("mine", "c1")
    assert not sessions.owner_has_left("mine", time.monotonic() + 1e6)
    sessions.leave("mine", "c2")
    assert not sessions.owner_has_left("mine", time.monotonic())
    assert sessions.owner_has_left("mine", time.monotonic() + OWNER_LEAVES_AFTER_S)


def test_goodbye_ends_it_at_once() -> None:
    """After `sidecar/bye` the owner has left."""
    sessions = Sessions()
    sessions.join("mine", "c1")
    sessions.end("mine")
    assert sessions.owner_has_left("mine", time.monotonic())


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_an_unusable_name_is_refused(name: str) -> None:
    """The error names the field and the bound."""
    with pytest.raises(InvalidParams, match="session: expected 1 to 200"):
        Sessions().join(name, "c1")


def test_the_table_is_bounded_and_keeps_who_is_connected() -> None:
    """A flood of short-lived sessions pushes out old idle ones, never a connected one."""
    sessions = Sessions()
    sessions.join("connected", "c0")
    for number in range(MOST_SESSIONS + 10):
        sessions.leave(sessions.join(f"s{number}", f"c{number}"), f"c{number}")
    assert len(sessions) <= MOST_SESSIONS + 1
    assert not sessions.owner_has_left("connected", time.monotonic() + 1e6)
