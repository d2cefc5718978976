"""The table of language servers, and what the user changes about it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from sidecar.config import Server
from sidecar.errors import NotInstalled
from sidecar.langs.servers import ROWS, Row, choose, configuration, locate, table

ROW = Row("x", ("x-server", "--stdio"), {".x": "ex", "Xfile": "ex"}, (".git",), settings={"x": {"y": {"z": 1}}})


def program(folder: Path, name: str) -> Path:
    """An executable."""
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


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
    assert choose([ROW], "untitled:1", "ex") is ROW
    assert choose([ROW], "/a/Xfile") is ROW
    assert choose([ROW], "/a/b.y", "other") is None


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


def test_a_program_is_found_on_the_clients_path_first(tmp_path: Path) -> None:
    """As an absolute path, with its arguments."""
    found = program(tmp_path, "x-server")
    assert locate(ROW, str(tmp_path)) == (str(found), "--stdio")


def test_else_beside_our_own_python() -> None:
    """Where pip puts it."""
    (name,) = (row for row in ROWS if row.name == "basedpyright")
    assert locate(name, "/nowhere")[0] == os.path.join(os.path.dirname(sys.executable), "basedpyright-langserver")


def test_a_missing_program_says_how_to_get_it() -> None:
    """The setting is named too."""
    with pytest.raises(NotInstalled, match="x-server") as caught:
        locate(ROW, "/nowhere")
    assert "servers.x.command" in caught.value.hint
