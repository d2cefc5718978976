"""Settings of single roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.config import trust
from sidecar.config.layers import ROOT_FILE
from sidecar.config.roots import Roots
from sidecar.errors import Misconfigured


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that wants to choose a command, and may switch the server off."""
    path = tmp_path / "root"
    path.mkdir()
    (path / ROOT_FILE).write_text('[servers.x]\nidle_stop_s = 5\ncommand = ["theirs"]\n')
    return path


def test_an_untrusted_root_chooses_no_command_and_that_is_said_once(tmp_path: Path, root: Path) -> None:
    """However often the root is asked for."""
    said: list[str] = []
    roots = Roots({}, {"HOME": str(tmp_path)}, tmp_path / "state", said.append)
    for _ in range(3):
        found = roots.servers_of(str(root))["x"]
        assert (found.command, found.idle_stop_s) == ((), 5.0)
    assert len(said) == 1
    assert said[0].startswith("settings: ")
    assert "servers.x.command is ignored" in said[0]


def test_trust_counts_from_the_next_look(tmp_path: Path, root: Path) -> None:
    """No restart is needed."""
    roots = Roots({}, {"HOME": str(tmp_path)}, tmp_path / "state", lambda notice: None)
    trust.trust(tmp_path / "state", root)
    assert roots.servers_of(str(root))["x"].command == ("theirs",)


def test_the_flags_of_the_daemon_win_over_a_roots_file(tmp_path: Path, root: Path) -> None:
    """The order of sources is the same for a root."""
    roots = Roots({"servers.x.idle_stop_s": "9"}, {"HOME": str(tmp_path)}, tmp_path / "state", lambda notice: None)
    assert roots.servers_of(str(root))["x"].idle_stop_s == 9.0


def test_a_broken_file_of_a_trusted_root_is_an_error_with_its_line(tmp_path: Path, root: Path) -> None:
    """The user sees it in the answer that needed it."""
    (root / ROOT_FILE).write_text("[servers.x]\n\ncomand = []\n")
    trust.trust(tmp_path / "state", root)
    with pytest.raises(Misconfigured, match=r"\.sidecar\.toml:3: servers\.x\.comand: unknown key"):
        Roots({}, {"HOME": str(tmp_path)}, tmp_path / "state", lambda notice: None).servers_of(str(root))
