"""Putting a socket under its name, and taking it away."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sidecar.daemon.publish import Listener, publish
from sidecar.errors import Conflict, Failed
from tests.support.place import answers, stale_socket


@contextmanager
def published(path: Path) -> Iterator[Listener]:
    """A published socket that is closed at the end."""
    with closing(publish(str(path))) as listener:
        yield listener


def test_a_published_socket_is_private_whatever_the_umask_is(short_tmp: Path) -> None:
    """0600 from the start, and the umask of the process stays as it was (field-notes 7.1)."""
    before = os.umask(0)
    try:
        with published(short_tmp / "d") as listener:
            assert stat.S_IMODE((short_tmp / "d").lstat().st_mode) == 0o600
            assert listener.published()
    finally:
        assert os.umask(before) == 0


def test_publishing_leaves_only_the_name(short_tmp: Path) -> None:
    """No temporary name stays, after closing not even the socket."""
    with published(short_tmp / "d"):
        assert os.listdir(short_tmp) == ["d"]
    assert os.listdir(short_tmp) == []


def test_a_stale_socket_is_replaced(short_tmp: Path) -> None:
    """A killed daemon's file holds nobody up."""
    stale_socket(short_tmp / "d")
    with published(short_tmp / "d"):
        assert answers(short_tmp / "d")


def test_a_live_socket_is_never_stolen(short_tmp: Path) -> None:
    """Even if its process holds no lock (field-notes 1.4): it goes on serving, under its own inode."""
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(short_tmp / "d"))
        living.listen()
        inode = (short_tmp / "d").stat().st_ino
        with pytest.raises(Conflict, match="another process listens"):
            publish(str(short_tmp / "d"))
        assert (short_tmp / "d").stat().st_ino == inode and answers(short_tmp / "d")
    assert os.listdir(short_tmp) == ["d"]


def test_a_live_socket_with_a_full_backlog_is_not_stolen(short_tmp: Path) -> None:
    """Busy is not dead."""
    with socket.socket(socket.AF_UNIX) as living, socket.socket(socket.AF_UNIX) as waiting:
        living.bind(str(short_tmp / "d"))
        living.listen(0)
        waiting.connect(str(short_tmp / "d"))
        with pytest.raises(Conflict):
            publish(str(short_tmp / "d"))


def test_a_folder_under_the_name_is_explained(short_tmp: Path) -> None:
    """And left alone."""
    (short_tmp / "d").mkdir()
    with pytest.raises(Failed, match="is a folder") as caught:
        publish(str(short_tmp / "d"))
    assert "Move it away" in caught.value.hint


def test_a_file_under_the_name_is_not_overwritten(short_tmp: Path) -> None:
    """It may be somebody's work."""
    (short_tmp / "d").write_text("work")
    with pytest.raises(Failed, match="not a socket"):
        publish(str(short_tmp / "d"))
    assert (short_tmp / "d").read_text() == "work"


def test_a_missing_folder_is_explained(short_tmp: Path) -> None:
    """As an error of ours, with what to check."""
    with pytest.raises(Failed):
        publish(str(short_tmp / "no" / "d"))


def test_temporary_names_of_dead_daemons_are_removed(short_tmp: Path) -> None:
    """Killed between bind and rename; other files of like names stay."""
    stale_socket(short_tmp / "d.1f4")
    (short_tmp / "d.conf").touch()
    with published(short_tmp / "d"):
        assert sorted(os.listdir(short_tmp)) == ["d", "d.conf"]


def test_the_longest_allowed_path_has_room_for_its_temporary_name(short_tmp: Path) -> None:
    """95 bytes and eight more fit into sun_path (protocol.md)."""
    folder = short_tmp / ("f" * (95 - len(str(short_tmp)) - len("//daemon.sock")))
    folder.mkdir(mode=0o700)
    path = folder / "daemon.sock"
    assert len(str(path)) == 95
    with published(path):
        assert answers(path)


def test_a_withdrawn_socket_keeps_its_queue_and_comes_back_as_the_same_inode(short_tmp: Path) -> None:
    """Idle exit: no new client finds it, the one that had connected is served, and an unlinked socket could not be linked again."""
    path = short_tmp / "d"
    with published(path) as listener, socket.socket(socket.AF_UNIX) as early:
        inode = path.stat().st_ino
        early.connect(str(path))
        listener.withdraw()
        assert not answers(path)
        listener.sock.accept()[0].close()
        listener.restore()
        assert path.stat().st_ino == inode and answers(path)


def test_closing_a_withdrawn_socket_leaves_nothing(short_tmp: Path) -> None:
    """Not even the name that it was renamed to."""
    with published(short_tmp / "d") as listener:
        listener.withdraw()
        assert len(os.listdir(short_tmp)) == 1
    assert os.listdir(short_tmp) == []


def test_another_ones_socket_is_recognised_and_left_alone(short_tmp: Path) -> None:
    """Closing removes our own name only."""
    path = short_tmp / "d"
    with published(path) as first:
        path.unlink()
        assert first.published() is None
        with published(path) as second:
            assert (first.published(), second.published()) == (False, True)
            first.close()
            assert second.published()
