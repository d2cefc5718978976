"""The table of language servers, and what the user changes about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.config import Server
from sidecar.langs.servers import ROWS, Row, candidates, configuration, table

ROW = Row("x", ("x-server", "--stdio"), {".x": "ex", "Xfile": "ex"}, (".git",), settings={"x": {"y": {"z": 1}}})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_complete(row: Row) -> None:
    """A name, a command, languages, root markers and how to get it; suffixes begin with a dot or are whole names."""
    assert row.name and row.command and row.languages and row.markers and row.install
    assert row.start_s > 0 and row.idle_stop_s >= 0


def test_names_are_unique() -> None:
    """Configuration refers to them."""
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("path", "language"), [("/a/b.py", "python"), ("/a/b.pyi", "python"), ("/a/b.txt", None), ("/a.py/b", None)])
def test_a_language_follows_from_the_name(path: str, language: str | None) -> None:
    """By its suffix."""
    assert ROWS[0].language_of(path) == language


def test_a_server_is_chosen_by_the_editors_language_or_the_name() -> None:
    """Whole names count; an unknown one has none."""
    assert candidates([ROW], "untitled:1", "ex") == (ROW,)
    assert candidates([ROW], "/a/Xfile") == (ROW,)
    assert candidates([ROW], "/a/b.x", "other") == (ROW,)
    assert candidates([ROW], "/a/b.y", "other") == ()


def test_the_editors_language_outweighs_the_name() -> None:
    """Of two servers only the one that knows the language is left."""
    other = replace(ROW, name="y", languages={".y": "why"})
    assert candidates([ROW, other], "/a/b.x", "why") == (other,)


def test_preferred_servers_come_first() -> None:
    """The others stay in the order of the table."""
    rows = [replace(ROW, name=name) for name in "abc"]
    assert [row.name for row in table({"c": Server(prefer=True), "b": Server()}, rows)] == ["c", "a", "b"]


def test_the_memory_bound_can_be_changed_and_taken_away() -> None:
    """Unset, it is the table's."""
    assert [table({"x": Server(rss_max_bytes=value)}, [ROW])[0].rss_max_bytes for value in (None, 0, 5)] == [ROW.rss_max_bytes, 0, 5]


def test_a_command_of_the_users_own_needs_no_version() -> None:
    """The version is asked of the program that the row names."""
    row = replace(ROW, npm_major=7)
    chosen = [table(overrides, [row])[0].is_chosen for overrides in ({}, {"x": Server()}, {"x": Server(prefer=True)}, {"x": Server(command=("mine",))})]
    assert chosen == [False, False, True, True], "and none takes its place"
    assert (table({}, [row])[0].npm_major, table({"x": Server(command=("mine",))}, [row])[0].npm_major) == (7, 0)


def test_the_user_changes_a_row_or_takes_it_out() -> None:
    """Command, environment and idle stop; what is not said stays the table's."""
    (changed,) = table({"x": Server(command=("mine",), env={"A": "1"}, idle_stop_s=5.0)}, [ROW])
    assert (changed.command, changed.env, changed.idle_stop_s, changed.languages) == (("mine",), {"A": "1"}, 5.0, ROW.languages)
    assert table({"x": Server()}, [ROW])[0].command == ROW.command
    assert table({"x": Server(enabled=False)}, [ROW]) == ()
    assert table({"y": Server(enabled=False)}, [ROW]) == (ROW,)


@pytest.mark.parametrize(("section", "value"), [("x.y.z", 1), ("x.y", {"z": 1}), ("x.q", None), ("x.y.z.w", None), ("", ROW.settings), (None, ROW.settings)])
def test_settings_are_found_by_dotted_section(section: str | None, value: object) -> None:
    """Null for what we have nothing about."""
    assert configuration(ROW, section) == value
