"""`sidecar config show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.cli import config
from sidecar.errors import InvalidParams
from tests.unit.cli.test_entry import sidecar


@pytest.fixture
def env(short_tmp: Path) -> dict[str, str]:
    """A user with one setting."""
    path = short_tmp / "sidecar" / "config.toml"
    path.parent.mkdir()
    path.write_text("[daemon]\nidle_exit_s = 5\n")
    return {"XDG_CONFIG_HOME": str(short_tmp), "SIDECAR_STATE_DIR": str(short_tmp / "state"), "SIDECAR_DAEMON_LOGLEVEL": "x"}


def test_every_setting_is_shown_with_its_value_and_its_origin(env: dict[str, str], short_tmp: Path) -> None:
    """As JSON for programs; what was ignored beside it."""
    shown = json.loads(sidecar("config", "show", "--json", "--set", "native.threads=3", env=env).stdout)
    rows = {row["key"]: (row["value"], row["origin"]) for row in shown["settings"]}
    assert rows["daemon.idle_exit_s"] == (5.0, f"{short_tmp}/sidecar/config.toml:2")
    assert rows["native.threads"] == (3, "--set native.threads")
    assert rows["daemon.log_level"] == ("info", "default")
    assert "SIDECAR_DAEMON_LOGLEVEL is no setting" in shown["notices"][0]


def test_what_was_ignored_goes_to_stderr_for_people(env: dict[str, str]) -> None:
    """The table stays a table."""
    done = sidecar("config", "show", env=env)
    assert done.returncode == 0
    assert "SIDECAR_DAEMON_LOGLEVEL is no setting" in done.stderr
    assert "SIDECAR_DAEMON_LOGLEVEL" not in done.stdout


def test_a_wrong_file_is_exit_2_with_its_line(env: dict[str, str], short_tmp: Path) -> None:
    """The same message as of a daemon that would not start."""
    (short_tmp / "sidecar" / "config.toml").write_text("[daemon]\nidle_exit = 5\n")
    done = sidecar("config", "show", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sidecar: {short_tmp}/sidecar/config.toml:2: daemon.idle_exit: unknown key\n  Did you mean daemon.idle_exit_s?")


def test_a_flag_is_key_and_value() -> None:
    """A value may hold `=`; without one it is no setting."""
    assert config.flags(["a.b=c=d"]) == {"a.b": "c=d"}
    with pytest.raises(InvalidParams):
        config.flags(["a.b"])
