"""What has changed on disk is told to the server before it is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sidecar.langs import freshness
from sidecar.langs.freshness import CHANGED, CREATED, DELETED, INTERVAL_S, changes, look
from sidecar.langs.servers import Row
from tests.support.langs import VirtualClock, bad_rig, rig
from tests.support.trees import write_tree

ROW = Row("x", ("x",), {".x": "x"}, ("mark",))


def test_files_of_the_languages_and_markers_count(tmp_path: Path) -> None:
    """Not others, not those of hidden folders or of packages, and nothing behind a symlink to a folder."""
    write_tree(tmp_path, {"a.x": "", "b.y": "", "mark": "", "d/e.x": "", ".git/f.x": "", "node_modules/g.x": ""})
    (tmp_path / "link").symlink_to(tmp_path / "d")
    seen = look(str(tmp_path), ROW)
    assert seen is not None and sorted(os.path.relpath(path, tmp_path) for path in seen) == ["a.x", "d/e.x", "mark"]


def test_a_dangling_link_or_a_folder_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    """They are left out."""
    for name in ("a.x", "b.x", "c.x"):
        (tmp_path / name).write_text("") if name == "b.x" else (tmp_path / name).symlink_to("nowhere")
    assert list(look(str(tmp_path), ROW) or ()) == [str(tmp_path / "b.x")]
    assert look(str(tmp_path / "gone"), ROW) == {}


def test_a_project_with_too_many_names_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded work."""
    monkeypatch.setattr(freshness, "MAX_ENTRIES", 3)
    write_tree(tmp_path, {f"{number}.y": "" for number in range(4)})
    assert look(str(tmp_path), ROW) is None


def test_changes_are_told_apart() -> None:
    """By size and time."""
    before = {"same": (1, 1), "time": (1, 1), "size": (1, 1), "gone": (1, 1)}
    assert sorted(changes(before, {"same": (1, 1), "time": (1, 2), "size": (2, 1), "new": (1, 1)})) == [
        ("gone", DELETED),
        ("new", CREATED),
        ("size", CHANGED),
        ("time", CHANGED),
    ]


async def test_a_server_is_told_before_it_is_asked_and_once(tmp_path: Path) -> None:
    """A file that changed since the last look; within the interval nothing is looked at."""
    clock = VirtualClock()
    async with bad_rig(tmp_path, clock=clock) as made:
        await made.echo()
        other = made.write("b.bad", "new")
        await made.echo()
        assert made.received("workspace/didChangeWatchedFiles") == []
        for _ in range(2):
            clock.advance(INTERVAL_S)
            await made.echo()
        (told,) = made.received("workspace/didChangeWatchedFiles")
        assert told["params"]["changes"] == [{"uri": other.as_uri(), "type": CREATED}]
        methods = [entry["method"] for entry in made.log() if "method" in entry]
        assert methods[methods.index("workspace/didChangeWatchedFiles") + 1] == "textDocument/hover"


async def test_the_real_server_sees_a_change_of_an_imported_file(tmp_path: Path) -> None:
    """Nobody has it open; an agent wrote it."""
    clock = VirtualClock()
    async with rig(tmp_path, clock=clock) as made:
        made.write("pyproject.toml", "")
        made.write("b.py", "x = [1]\n")
        made.write("a.py", "from b import x\nx\n")
        seen = []
        for content in ("x = ['text']\n", "x = [1.5]\n", ""):
            seen.append(json.loads(bytes((await made.hover(path="a.py", at=(1, 0))).contents))["value"])
            made.write("b.py", content)
            clock.advance(INTERVAL_S)
    assert ["list[int]" in seen[0], "list[str]" in seen[1], "list[float]" in seen[2]] == [True] * 3
