"""The configuration as doctor shows it."""

from __future__ import annotations

from pathlib import Path

from sidecar.doctor import settings


def test_what_is_not_default_is_told_with_its_value_and_origin(tmp_path: Path) -> None:
    """A file's line, or a variable's name."""
    file = tmp_path / "sidecar" / "config.toml"
    file.parent.mkdir()
    file.write_text("[limits]\nclients = 7\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "SIDECAR_DAEMON_LOG_LEVEL": "debug"}
    found = settings.read(env)
    assert {one.key: (one.value, one.origin) for one in found.settings} == {
        "limits.clients": ("7", f"{file}:2"),
        "daemon.log_level": ('"debug"', "SIDECAR_DAEMON_LOG_LEVEL"),
    }
    assert found.changed_at == file.stat().st_mtime


def test_a_servers_variables_are_not_shown(tmp_path: Path) -> None:
    """Keys stand there, and doctor's output is pasted into reports."""
    file = tmp_path / "sidecar" / "config.toml"
    file.parent.mkdir()
    file.write_text('[servers.ty.env]\nTOKEN = "secret"\n')
    found = settings.read({"XDG_CONFIG_HOME": str(tmp_path)})
    assert [(one.key, one.value) for one in found.settings if "env" in one.key] == [("servers.ty.env.TOKEN", settings.HIDDEN)]
    assert "secret" not in str(found.settings)


def test_without_a_file_everything_is_default(tmp_path: Path) -> None:
    """Nothing to tell."""
    found = settings.read({"XDG_CONFIG_HOME": str(tmp_path)})
    assert (found.problems, found.settings, found.changed_at) == ((), (), None)
