"""Each source of settings: what it accepts, what it refuses, and that a stranger's file can do no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.config import layers
from sidecar.errors import Misconfigured


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[daemon]\nidle_exit_s = "soon"\n', 2, "daemon.idle_exit_s: expected float, got str"),
        ("[lanes.search]\nqueue = 1\n\nlimit = 1\n", 4, "lanes.search.limit: expected int >= 2"),
        ("lanes = 3\n", 1, "lanes: expected a table, got int"),
        ("[servers]\nbasedpyright = true\n", 2, "servers.basedpyright: expected a table, got bool"),
        ("[servers.basedpyright]\ncommand = [1]\n", 2, "servers.basedpyright.command: expected str, got int"),
        ('[daemon]\nlog_level = "loud"\n', 2, "daemon.log_level: invalid enum value 'loud'"),
        ("[daemon]\nidle_exit_s = -1\n", 2, "daemon.idle_exit_s: expected float >= 0.0"),
    ],
)
def test_a_wrong_value_names_its_line_and_what_was_expected(tmp_path: Path, text: str, line: int, said: str) -> None:
    """The message leads to the very line."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        layers.from_file(path)
    assert caught.value.message == f"{path}:{line}: {said}"


def test_every_problem_of_a_file_is_in_the_error(tmp_path: Path) -> None:
    """Doctor shows all of them at once."""
    path = tmp_path / "config.toml"
    path.write_text("[daemon]\nfoo = 1\n[limits]\nclients = 0\n")
    with pytest.raises(Misconfigured) as caught:
        layers.from_file(path)
    assert [row["where"] for row in caught.value.data["problems"]] == [f"{path}:2", f"{path}:4"]


def test_what_is_not_toml_names_the_line(tmp_path: Path) -> None:
    """A syntax error is an error of the user's, not ours."""
    path = tmp_path / "config.toml"
    path.write_text("[daemon]\nidle exit = 3\n")
    with pytest.raises(Misconfigured, match=r"config.toml:2: not TOML: expected '=' after a key"):
        layers.from_file(path)


def test_what_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    """A file in another encoding is refused where it stops to be UTF-8."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"[daemon]\n# \xff\n")
    with pytest.raises(Misconfigured, match=r"config.toml:2: is not UTF-8"):
        layers.from_file(path)


def test_a_fifo_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    """A stranger's repository may hold one; nobody waits for its writer."""
    os.mkfifo(tmp_path / layers.ROOT_FILE)
    with pytest.raises(Misconfigured, match="plain file"):
        layers.from_file(tmp_path / layers.ROOT_FILE)


def test_a_folder_in_place_of_a_file_is_refused_by_name(tmp_path: Path) -> None:
    """An error of ours, with the path, and not Python's own about a descriptor."""
    with pytest.raises(Misconfigured, match=r"config.toml: is not a plain file"):
        layers.from_file(_made_folder(tmp_path / "config.toml"))


def _made_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    """A link to a device is no settings file."""
    (tmp_path / layers.ROOT_FILE).symlink_to("/dev/zero")
    with pytest.raises(Misconfigured, match="plain file"):
        layers.from_file(tmp_path / layers.ROOT_FILE)


def test_an_untrusted_root_may_set_only_what_is_harmless(tmp_path: Path) -> None:
    """Commands and environment of a stranger's repository never count (design 3.19)."""
    lines = ["[servers.x]", "enabled = false", 'command = ["evil"]', "[servers.x.env]", 'LD_PRELOAD = "evil.so"']
    (tmp_path / layers.ROOT_FILE).write_text("\n".join(lines))
    layer = layers.from_root(tmp_path, trusted=False)
    assert layer.tree == {"servers": {"x": {"enabled": False}}}
    assert len(layer.notices) == 2
    assert f"{tmp_path / layers.ROOT_FILE}:3: servers.x.command is ignored" in layer.notices[0]
    assert f"sidecar trust {tmp_path}" in layer.notices[0]


def test_a_trusted_root_may_choose_its_servers(tmp_path: Path) -> None:
    """After `sidecar trust` its commands count."""
    (tmp_path / layers.ROOT_FILE).write_text('[servers.x]\ncommand = ["mine"]\n')
    assert layers.from_root(tmp_path, trusted=True).tree == {"servers": {"x": {"command": ["mine"]}}}


@pytest.mark.parametrize("trusted", [False, True])
def test_a_root_never_sets_what_belongs_to_the_daemon(tmp_path: Path, trusted: bool) -> None:
    """One repository must not change the limits of all others."""
    (tmp_path / layers.ROOT_FILE).write_text("[limits]\nclients = 1\n")
    layer = layers.from_root(tmp_path, trusted=trusted)
    assert layer.tree == {}
    assert "belongs to the whole daemon" in layer.notices[0]


def test_a_broken_file_of_an_untrusted_root_is_only_a_notice(tmp_path: Path) -> None:
    """A stranger cannot shut the user out of a folder."""
    (tmp_path / layers.ROOT_FILE).write_text("[nonsense]\na = 1\n")
    layer = layers.from_root(tmp_path, trusted=False)
    assert layer.tree == {}
    assert layer.notices[0].endswith(":1: nonsense: unknown key; the file is ignored")


def test_a_broken_file_of_a_trusted_root_is_an_error(tmp_path: Path) -> None:
    """The user's own mistakes are told."""
    (tmp_path / layers.ROOT_FILE).write_text("[nonsense]\na = 1\n")
    with pytest.raises(Misconfigured, match="unknown key"):
        layers.from_root(tmp_path, trusted=True)


def test_a_variable_of_the_wrong_type_is_named() -> None:
    """The origin of a wrong value is the variable."""
    with pytest.raises(Misconfigured, match=r"SIDECAR_LANES_SEARCH_LIMIT: lanes\.search\.limit: expected int, got str"):
        layers.from_env({"SIDECAR_LANES_SEARCH_LIMIT": "many"})


def test_an_unknown_variable_is_noticed_and_not_an_error() -> None:
    """A newer version's variable must not stop an older one."""
    layer = layers.from_env({"SIDECAR_DAEMON_LOGLEVEL": "debug", "SIDECAR_SOCKET": "/x", "SIDECAR_RUN": "r1", "HOME": "/h"})
    assert layer.notices == ["SIDECAR_DAEMON_LOGLEVEL is no setting and is ignored; did you mean SIDECAR_DAEMON_LOG_LEVEL?"]


def test_flags_take_toml_and_plain_text() -> None:
    """`--set servers.x.command=["a", "b"]` and `--set daemon.log_level=debug` both mean what they look like."""
    layer = layers.from_flags({"servers.x.command": '["a", "b"]', "daemon.log_level": "debug"})
    assert layer.tree == {"servers": {"x": {"command": ["a", "b"]}}, "daemon": {"log_level": "debug"}}


def test_an_unknown_flag_is_an_error() -> None:
    """A misspelled --set is never ignored."""
    with pytest.raises(Misconfigured) as caught:
        layers.from_flags({"daemon.loglevel": "debug"})
    assert caught.value.message == "--set daemon.loglevel: daemon.loglevel: unknown key"
