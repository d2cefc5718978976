"""What a question is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.engine.spec import Caller, Rights
from sidecar.errors import InvalidParams, NotFound
from sidecar.langs.disk import Disk
from sidecar.langs.documents import Documents
from sidecar.langs.places import Places
from sidecar.langs.servers import Row
from tests.support.trees import write_tree

ROW = Row("x", ("x",), {".x": "ex"}, ("mark",))
ME = Caller("me")


class Rig:
    """Places over a folder."""

    def __init__(self, base: Path) -> None:
        self.base = write_tree(base, {"mark": "", "a.x": "disk", "sub/mark": "", "sub/b.x": "", "c.y": ""})
        self.documents, self.disk = Documents(), Disk()
        self.places = Places(self.documents, self.disk, [ROW], lambda root: (ROW,))

    def uri(self, name: str) -> str:
        """A file's."""
        return (self.base / name).as_uri()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """One that is closed at the end."""
    made = Rig(tmp_path)
    yield made
    made.disk.close()


async def test_a_file_that_the_caller_has_not_open_is_the_disks(rig: Rig) -> None:
    """Without a version, with the language of its name."""
    rig.documents.open("other", rig.uri("a.x"), "ex", 3, "unsaved")
    place = await rig.places.find(ME, str(rig.base), rig.uri("a.x"))
    assert (place.wanted.text.text(), place.wanted.language_id, place.wanted.owner, place.version) == ("disk", "ex", None, None)
    assert (place.row, place.root) == (ROW, str(rig.base))


async def test_the_callers_own_buffer_counts_also_where_no_file_is(rig: Rig) -> None:
    """With its version and its editor's language."""
    rig.documents.open("me", rig.uri("sub/new.y"), "ex", 3, "unsaved")
    place = await rig.places.find(ME, str(rig.base), rig.uri("sub/new.y"))
    assert (place.wanted.text.text(), place.wanted.owner, place.version, place.root) == ("unsaved", "me", 3, str(rig.base / "sub"))


async def test_a_buffer_without_a_file_belongs_to_the_callers_root(rig: Rig) -> None:
    """And is refused without one, or if it is not open."""
    rig.documents.open("me", "untitled:1", "ex", 1, "fresh")
    assert (await rig.places.find(ME, str(rig.base), "untitled:1")).root == str(rig.base)
    with pytest.raises(InvalidParams, match="root"):
        await rig.places.find(ME, None, "untitled:1")
    with pytest.raises(NotFound):
        await rig.places.find(Caller("other"), str(rig.base), "untitled:1")


async def test_what_no_server_serves_is_not_found(rig: Rig) -> None:
    """The hint tells what is served."""
    with pytest.raises(NotFound, match=r"c\.y") as caught:
        await rig.places.find(ME, str(rig.base), rig.uri("c.y"))
    assert ".x" in caught.value.hint


async def test_of_two_servers_the_first_that_is_installed_is_chosen(rig: Rig, tmp_path: Path) -> None:
    """By the caller's PATH; without any, the first one is named, whose error says how to get it."""
    rows = [replace(ROW, name=name, command=(f"no-such-{name}",)) for name in ("one", "two")]
    program = tmp_path / "bin" / "no-such-two"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    places = Places(rig.documents, rig.disk, rows, lambda root: rows)
    mine = Caller("me", env={"PATH": str(program.parent)})
    assert (await places.find(mine, str(rig.base), rig.uri("a.x"))).row.name == "two"
    rig.documents.open("me", rig.uri("a.x"), "ex", 3, "unsaved")
    assert (await places.find(mine, str(rig.base), rig.uri("a.x"))).row.name == "two"
    assert (await places.find(Caller("other", env={"PATH": "/nowhere"}), str(rig.base), rig.uri("a.x"))).row.name == "one"


async def test_a_reader_gets_the_one_that_runs(rig: Rig) -> None:
    """Its own environment is a sandbox's and tells nothing."""
    rows = [replace(ROW, name=name) for name in ("one", "two", "three")]
    places = Places(rig.documents, rig.disk, rows, lambda root: rows, lambda name, root: (name, root) == ("two", str(rig.base)))
    reader = Caller("r", rights=Rights.READER, roots=(str(rig.base),))
    assert (await places.find(reader, str(rig.base), rig.uri("a.x"))).row.name == "two"


async def test_one_that_is_switched_off_for_a_root_leaves_the_others(rig: Rig) -> None:
    """With none left it is said so."""
    rows = [replace(ROW, name=name) for name in ("one", "two")]
    assert (await Places(rig.documents, rig.disk, rows, lambda root: rows[1:]).find(ME, str(rig.base), rig.uri("a.x"))).row.name == "two"
    with pytest.raises(NotFound, match="one, two is switched off"):
        await Places(rig.documents, rig.disk, rows, lambda root: []).find(ME, str(rig.base), rig.uri("a.x"))


async def test_the_callers_other_buffers_of_the_same_project_stand_beside(rig: Rig) -> None:
    """Not those of other languages or projects, and none for a question about the disk."""
    for name, language in (("a.x", "ex"), ("b.x", "ex"), ("c.y", "why"), ("../elsewhere.x", "ex")):
        rig.documents.open("me", rig.uri(name), language, 1, name)
    mine = await rig.places.find(ME, str(rig.base), rig.uri("a.x"))
    assert [wanted.text.text() for wanted in rig.places.beside(ME, mine)] == ["a.x", "b.x"]
    disk = await rig.places.find(ME, str(rig.base), rig.uri("sub/b.x"))
    assert rig.places.beside(ME, disk) == []
