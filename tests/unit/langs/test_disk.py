"""Files as language servers are shown them, looked at in threads."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.errors import OutsideRoot, ShuttingDown
from sidecar.langs import disk as module
from sidecar.langs.disk import Disk


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    """One that is closed at the end."""
    one = Disk()
    yield one
    one.close()


async def test_a_file_is_found_with_its_root_and_text(disk: Disk, tmp_path: Path) -> None:
    """Text only if it is wanted."""
    path = tmp_path / "a.py"
    path.write_text("x")
    found = await disk.look(str(path), str(tmp_path), [], None, read=True)
    assert (found.path, found.root, found.text and found.text.text()) == (str(path), str(tmp_path), "x")
    assert (await disk.look(str(path), str(tmp_path), [], None, read=False)).text is None


async def test_an_unchanged_file_gives_the_same_value(disk: Disk) -> None:
    """So that it is not sent to a server again."""
    first = await disk.look("/etc/passwd", None, [], None, read=True)
    second = await disk.look("/etc/passwd", None, [], None, read=True)
    assert first.text is second.text


async def test_the_loops_thread_touches_no_disk(disk: Disk) -> None:
    """Work runs elsewhere."""
    assert await disk.submit(threading.get_ident) != threading.get_ident()


async def test_what_is_kept_is_bounded(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest texts go."""
    monkeypatch.setattr(module, "KEPT_BYTES", 25)
    for name in "abcd":
        (tmp_path / name).write_text("0123456789")
        await disk.look(str(tmp_path / name), None, [], None, read=True)
    assert [Path(path).name for path in disk._kept] == ["c", "d"]
    assert disk._kept_bytes == 20


async def test_a_reader_is_held_inside_its_roots(disk: Disk, tmp_path: Path) -> None:
    """In the thread that looks, before anything is read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.py").symlink_to("/etc/passwd")
    with pytest.raises(OutsideRoot):
        await disk.look(str(tmp_path / "in/a.py"), None, [], [str(tmp_path / "in")], read=True)


async def test_after_the_end_nothing_is_taken(disk: Disk) -> None:
    """A kind error, not a broken executor's."""
    disk.close()
    with pytest.raises(ShuttingDown):
        await disk.submit(threading.get_ident)
