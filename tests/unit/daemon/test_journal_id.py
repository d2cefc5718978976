"""The identity of a state folder."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from sidecar.daemon.journal_id import FILE_NAME, journal_id
from sidecar.errors import Failed


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    """Every later daemon on this state reads the same id; nothing temporary is left."""
    made = journal_id(str(tmp_path))
    assert uuid.UUID(made)
    assert journal_id(str(tmp_path)) == made
    assert os.listdir(tmp_path) == [FILE_NAME]


@pytest.mark.parametrize("text", ["", "not an id", "\x00" * 36])
def test_a_broken_file_is_replaced(tmp_path: Path, text: str) -> None:
    """A new id tells every client to start over, which is the truth."""
    (tmp_path / FILE_NAME).write_text(text)
    made = journal_id(str(tmp_path))
    assert uuid.UUID(made)
    assert journal_id(str(tmp_path)) == made


def test_two_states_differ(tmp_path: Path) -> None:
    """Else a client would take one journal's numbers for the other's."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert journal_id(str(tmp_path / "a")) != journal_id(str(tmp_path / "b"))


def test_a_folder_in_its_place_is_explained(tmp_path: Path) -> None:
    """No traceback for what a person did by hand."""
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(Failed, match="cannot be read"):
        journal_id(str(tmp_path))
