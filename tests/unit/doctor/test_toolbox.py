"""The programs that sidecar can use."""

from __future__ import annotations

from pathlib import Path

from sidecar import config
from sidecar.doctor import toolbox
from sidecar.langs import servers

ONLY_TY = {name: config.Server(enabled=False) for name in (row.name for row in servers.ROWS) if name != "ty"}


def program(folder: Path, name: str, text: str) -> Path:
    """A program of these shell lines."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def look(folder: Path, override: config.Server | None = None, *, deep: bool = False) -> toolbox.Toolbox:
    """With only the server `ty` switched on, and a PATH of this folder alone."""
    settings = config.Config(servers=ONLY_TY | ({"ty": override} if override else {}))
    return toolbox.look(settings, {"PATH": f"{folder}:/usr/bin:/bin"}, deep=deep)


def test_a_program_called_sg_is_known_by_what_it_says(tmp_path: Path) -> None:
    """Debian's runs a command in another group."""
    program(tmp_path, "sg", 'echo "Usage: sg group [[-c] command]"; exit 1')
    assert look(tmp_path).sg.said == "Usage: sg group [[-c] command]"
    program(tmp_path, "sg", "echo ast-grep 0.51.1")
    assert (look(tmp_path).sg.said, look(tmp_path).sg.version) == ("ast-grep 0.51.1", "0.51.1")


def test_a_server_on_path_is_asked_for_its_version(tmp_path: Path) -> None:
    """Not started."""
    path = program(tmp_path, "ty", 'test "$1" = --version && echo ty 9.8.7')
    found = look(tmp_path).servers[0]
    assert (found.name, found.path, found.version, found.error) == ("ty", str(path), "9.8.7", "")


def test_a_placeholder_that_cannot_say_its_version_is_not_started_either(tmp_path: Path) -> None:
    """As rustup leaves one for a component that is not installed."""
    program(tmp_path, "ty", "echo no such component >&2; exit 1")
    found = look(tmp_path, deep=True).servers[0]
    assert "no such component" in found.error and not found.deep


def test_a_command_of_the_users_own_is_only_run_when_it_is_really_started(tmp_path: Path) -> None:
    """With its own words, and no others."""
    path = program(tmp_path, "mine", f'echo "$@" >> {tmp_path}/words; echo broken >&2; exit 1')
    override = config.Server(command=(str(path), "--stdio"))
    assert look(tmp_path, override).servers[0].error == ""
    assert not (tmp_path / "words").exists()
    found = look(tmp_path, override, deep=True).servers[0]
    assert (found.deep, found.chosen, found.error) == (True, True, "it ended during `initialize`; it said: broken")
    assert (tmp_path / "words").read_text() == "--stdio\n"
