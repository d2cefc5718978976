"""Which language servers this machine has."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.errors import NotInstalled
from sidecar.langs.installed import is_installed, locate, npm_major
from sidecar.langs.servers import ROWS, Row

ROW = Row("x", ("x-server", "--stdio"), {".x": "ex"}, (".git",))


def program(folder: Path, name: str = "x-server") -> Path:
    """An executable."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def npm_program(base: Path, package: str) -> str:
    """A folder for PATH with a program as npm links it, and its package.json."""
    target = program(base / "node_modules" / "x" / "bin")
    (target.parent.parent / "package.json").write_text(package)
    links = base / "node_modules" / ".bin"
    links.mkdir()
    (links / "x-server").symlink_to(target)
    return str(links)


def test_a_program_is_found_on_the_clients_path_first(tmp_path: Path) -> None:
    """As an absolute path, with its arguments."""
    found = program(tmp_path)
    assert locate(ROW, str(tmp_path)) == (str(found), "--stdio")
    assert is_installed(ROW, str(tmp_path))


def test_else_beside_our_own_python() -> None:
    """Where pip puts it."""
    (name,) = (row for row in ROWS if row.name == "basedpyright")
    assert locate(name, "/nowhere")[0] == os.path.join(os.path.dirname(sys.executable), "basedpyright-langserver")


def test_a_missing_program_says_how_to_get_it() -> None:
    """The setting is named too."""
    with pytest.raises(NotInstalled, match="x-server") as caught:
        locate(replace(ROW, install="get x"), "/nowhere")
    assert "servers.x.command" in caught.value.hint and "get x" in caught.value.hint
    assert not is_installed(ROW, "/nowhere")


def test_an_npm_program_of_an_older_version_is_another_program(tmp_path: Path) -> None:
    """The hint says which one is wanted; without a bound any will do."""
    folder = npm_program(tmp_path, '{"version": "5.9.3"}')
    with pytest.raises(NotInstalled, match="version 5"):
        locate(replace(ROW, npm_major=7), folder)
    assert is_installed(replace(ROW, npm_major=5), folder) and is_installed(ROW, folder)


@pytest.mark.parametrize("package", ["", "[]", "{}", '{"version": "x"}', '{"version": 5}', "\x00"])
def test_a_package_that_tells_no_version_is_taken_as_it_is(tmp_path: Path, package: str) -> None:
    """It says for itself, at its start, that it is no language server."""
    folder = npm_program(tmp_path, package)
    assert npm_major(os.path.join(folder, "x-server")) is None
    assert is_installed(replace(ROW, npm_major=7), folder)
