"""What is on the disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.doctor import storage


@pytest.fixture
def no_more_bytes() -> Iterator[None]:
    """This process can make no file larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_with_room_takes_the_probe_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    """The file that is written has no name."""
    found = storage.disk(str(tmp_path))
    assert found.free_bytes and found.refused == ""
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_in_the_systems_words(tmp_path: Path, no_more_bytes: None) -> None:
    """Free bytes alone would look fine."""
    assert storage.disk(str(tmp_path)).refused == "File too large"


def test_a_folder_that_is_not_there_yet_counts_by_its_nearest_parent(tmp_path: Path) -> None:
    """It is made at the first start; doctor does not make it."""
    assert storage.disk(str(tmp_path / "a" / "b")).free_bytes
    assert list(tmp_path.iterdir()) == []
