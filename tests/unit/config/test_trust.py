"""The trusted roots."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sidecar.config import trust
from sidecar.errors import Failed, NotFound


def test_nothing_is_trusted_at_first(tmp_path: Path) -> None:
    """Trust is given, never assumed."""
    assert not trust.is_trusted(tmp_path / "state", tmp_path)


def test_a_trusted_root_is_trusted_by_each_of_its_names(tmp_path: Path) -> None:
    """What was trusted is the real folder."""
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    assert trust.trust(tmp_path / "state", link) == str(root)
    assert trust.is_trusted(tmp_path / "state", root)
    assert trust.is_trusted(tmp_path / "state", link)


def test_a_link_that_is_turned_elsewhere_is_not_trusted(tmp_path: Path) -> None:
    """Trust does not follow a name to another folder."""
    root, other, link = tmp_path / "root", tmp_path / "other", tmp_path / "link"
    root.mkdir()
    other.mkdir()
    link.symlink_to(root)
    trust.trust(tmp_path / "state", link)
    link.unlink()
    link.symlink_to(other)
    assert not trust.is_trusted(tmp_path / "state", link)


def test_a_folder_inside_a_trusted_one_is_not_trusted(tmp_path: Path) -> None:
    """A vendored repository is another stranger's."""
    (tmp_path / "root" / "vendored").mkdir(parents=True)
    trust.trust(tmp_path / "state", tmp_path / "root")
    assert not trust.is_trusted(tmp_path / "state", tmp_path / "root" / "vendored")


def test_trust_can_be_taken_back(tmp_path: Path) -> None:
    """And the others stay."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        trust.trust(tmp_path / "state", tmp_path / name)
    trust.distrust(tmp_path / "state", tmp_path / "a")
    assert trust.trusted_roots(tmp_path / "state") == (str(tmp_path / "b"),)


def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    """Mode 0600, and no temporary file stays."""
    trust.trust(tmp_path / "state", tmp_path)
    files = list((tmp_path / "state").iterdir())
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in files] == [("trusted.json", 0o600)]


def test_a_file_that_cannot_be_understood_trusts_nothing(tmp_path: Path) -> None:
    """Broken means closed; the command that writes says so instead of losing it."""
    (tmp_path / trust.FILE).write_text("{")
    assert not trust.is_trusted(tmp_path, tmp_path)
    with pytest.raises(Failed):
        trust.trust(tmp_path, tmp_path)


def test_what_is_no_folder_cannot_be_trusted(tmp_path: Path) -> None:
    """A misspelled path is told."""
    with pytest.raises(NotFound):
        trust.trust(tmp_path, tmp_path / "missing")
