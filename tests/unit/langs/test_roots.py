"""A file's project and its text on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.errors import Forbidden, InvalidParams, NotFound, OutsideRoot, SidecarError, TooLarge
from sidecar.langs.roots import MAX_FILE, confined, read, root_of
from tests.support.trees import write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A client's root `r` with a project in it, and markers above that must not count."""
    return write_tree(tmp_path, {"mark": "", "r/a.py": "", "r/p/mark": "", "r/p/q/b.py": "", "other/c.py": ""})


def test_the_nearest_marker_is_the_root(tree: Path) -> None:
    """Not one further up."""
    assert root_of(str(tree / "r/p/q/b.py"), str(tree / "r"), ["mark"]) == str(tree / "r/p")


def test_the_clients_root_bounds_the_search(tree: Path) -> None:
    """And is the answer if there is no marker below it."""
    assert root_of(str(tree / "r/a.py"), str(tree / "r"), ["mark"]) == str(tree / "r")


def test_a_file_outside_the_clients_root_has_its_own(tree: Path) -> None:
    """By markers as far up as there are any, else its folder."""
    assert root_of(str(tree / "other/c.py"), str(tree / "r"), ["mark"]) == str(tree)
    assert root_of(str(tree / "other/c.py"), str(tree / "r"), ["no-such-marker"]) == str(tree / "other")
    assert root_of(str(tree / "other/c.py"), None, ["mark"]) == str(tree)


def test_a_folder_whose_name_begins_alike_is_not_below(tree: Path) -> None:
    """`/r` does not bound `/rx`."""
    write_tree(tree, {"rx/d.py": ""})
    assert root_of(str(tree / "rx/d.py"), str(tree / "r"), ["none"]) == str(tree / "rx")


def test_a_reader_stays_inside(tree: Path) -> None:
    """By real paths, of the roots too."""
    (tree / "r/out.py").symlink_to(tree / "other/c.py")
    (tree / "link").symlink_to(tree / "r")
    assert confined(str(tree / "link/a.py"), [str(tree / "r")]) == str(tree / "r/a.py")
    assert confined(str(tree / "r/a.py"), [str(tree / "link")]) == str(tree / "r/a.py")
    for path in ("r/out.py", "r/../other/c.py", "other/c.py"):
        with pytest.raises(OutsideRoot):
            confined(str(tree / path), [str(tree / "r")])


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    """Once its stamp is old enough to prove anything; a young one never does."""
    path = tmp_path / "a.py"
    path.write_text("x")
    young, text = read(str(path))
    assert text == "x" and read(str(path), young)[1] == "x"
    stamp, _ = read("/etc/passwd")
    assert read("/etc/passwd", stamp) == (stamp, None)


@pytest.mark.parametrize(("data", "text"), [(b"\xef\xbb\xbfx", "x"), (b"a\xffb", "a\ufffdb"), (b"a\r\nb", "a\r\nb"), ("日".encode(), "日"), (b"", "")])
def test_bytes_become_text_as_an_editor_would_show_them(tmp_path: Path, data: bytes, text: str) -> None:
    """No byte order mark, U+FFFD for what is no UTF-8, line ends as they are."""
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert read(str(path))[1] == text


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("absent", NotFound),
        ("below a file", NotFound),
        ("folder", InvalidParams),
        ("fifo", InvalidParams),
        ("device", InvalidParams),
        ("binary", InvalidParams),
        ("too large", TooLarge),
        ("loop", Forbidden),
        ("socket", SidecarError),
    ],
)
def test_what_is_no_text_file_is_refused_and_its_descriptor_closed(tmp_path: Path, kind: str, error: type[SidecarError]) -> None:
    """Nothing waits for a FIFO's writer or reads an endless device."""
    path = tmp_path / "a.py"
    if kind == "below a file":
        path.write_text("")
        path = path / "b.py"
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "binary":
        path.write_bytes(b"x\0")
    elif kind == "too large":
        with open(path, "wb") as file:
            file.truncate(MAX_FILE + 1)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "socket":
        os.mknod(path, 0o140600)
    with pytest.raises(error):
        read(str(path))
