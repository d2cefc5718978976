"""`config.load`: layers, origins, and what each may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar import config
from sidecar.errors import Misconfigured


def user_file(home: Path, text: str) -> dict[str, str]:
    """An environment whose user settings file says `text`."""
    path = home / "config" / "sidecar" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {"XDG_CONFIG_HOME": str(home / "config"), "HOME": str(home)}


def test_without_any_source_every_value_is_the_default(tmp_path: Path) -> None:
    """A user without a file gets defaults, and each says so."""
    loaded = config.load({}, {"HOME": str(tmp_path)})
    assert loaded.lanes.interactive == config.Lane(limit=64, queue=256, queue_budget_ms=10_000)
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.notices == ()


def test_a_later_source_wins_and_is_named_as_the_origin(tmp_path: Path) -> None:
    """Defaults < the user's file < variables < flags; each value knows its source."""
    env = user_file(tmp_path, '[daemon]\nidle_exit_s = 5\nlog_level = "error"\n[lanes.search]\nlimit = 9\n')
    loaded = config.load({"lanes.search.limit": "7"}, env | {"SIDECAR_DAEMON_LOG_LEVEL": "debug", "SIDECAR_LANES_SEARCH_LIMIT": "8"})
    file = env["XDG_CONFIG_HOME"] + "/sidecar/config.toml"
    assert (loaded.daemon.idle_exit_s, loaded.origins["daemon.idle_exit_s"]) == (5.0, f"{file}:2")
    assert (loaded.daemon.log_level, loaded.origins["daemon.log_level"]) == ("debug", "SIDECAR_DAEMON_LOG_LEVEL")
    assert (loaded.lanes.search.limit, loaded.origins["lanes.search.limit"]) == (7, "--set lanes.search.limit")


def test_one_key_of_a_table_leaves_its_other_keys_alone(tmp_path: Path) -> None:
    """A partial table changes nothing but what it names."""
    loaded = config.load({}, user_file(tmp_path, "[lanes.spawn]\nlimit = 3\n"))
    assert loaded.lanes.spawn == config.Lane(limit=3, queue=256, queue_budget_ms=30_000)


def test_an_unknown_key_names_file_line_and_the_nearest_key(tmp_path: Path) -> None:
    """A misspelled key is never silently ignored."""
    env = user_file(tmp_path, "[daemon]\n\nidle_exits = 5\n")
    with pytest.raises(Misconfigured) as caught:
        config.load({}, env)
    assert caught.value.message == f"{env['XDG_CONFIG_HOME']}/sidecar/config.toml:3: daemon.idle_exits: unknown key"
    assert caught.value.hint == "Did you mean daemon.idle_exit_s?"


def test_settings_are_frozen(tmp_path: Path) -> None:
    """Nobody can change a setting after it was loaded."""
    loaded = config.load({}, {"HOME": str(tmp_path)})
    with pytest.raises(AttributeError):
        loaded.daemon = config.Daemon()


def test_a_relative_xdg_folder_is_ignored(tmp_path: Path) -> None:
    """XDG Base Directory Specification: relative paths are invalid."""
    assert config.user_file({"XDG_CONFIG_HOME": "relative", "HOME": str(tmp_path)}) == tmp_path / ".config/sidecar/config.toml"
