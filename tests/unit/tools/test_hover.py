"""The tool `hover`: what it takes, what it says of itself, and that it only passes on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sidecar.engine.spec import Effect, LaneName, Scope
from sidecar.tools import catalog
from sidecar.tools.hover import SPEC, HoverArgs
from tests.support.langs import bad_rig


def test_it_is_a_confined_read_that_a_reader_may_call() -> None:
    """In the interactive lane, so that searches and processes never hold it up."""
    spec = catalog.load()["hover"]
    assert spec is SPEC
    assert (spec.effect, spec.scope, spec.lane, spec.reader_may) == (Effect.READ, Scope.CONFINED, LaneName.INTERACTIVE, True)


@pytest.mark.parametrize("args", [{"line": -1}, {"character": 2**31}, {"line": 1.5}, {"path": None}, {"character": "1"}])
def test_what_is_no_place_is_refused(args: dict[str, object]) -> None:
    """LSP's uinteger, and a path that is text."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": "a.py", "line": 0, "character": 0} | args, HoverArgs)


async def test_its_result_has_the_shape_of_the_protocol(tmp_path: Path) -> None:
    """contents, range, readiness, server; version only for an open buffer; null contents are there."""
    async with bad_rig(tmp_path) as rig:
        disk = msgspec.json.decode(msgspec.json.encode(await rig.hover()))
        rig.open("ed", "name\n", version=4)
        buffer = msgspec.json.decode(msgspec.json.encode(await rig.hover("ed")))
    assert set(disk) == {"contents", "range", "readiness", "server"}
    assert set(disk["contents"]) == {"kind", "value"}
    assert buffer["version"] == 4


async def test_no_contents_are_null_and_not_absent(tmp_path: Path) -> None:
    """A client can rely on the member."""
    async with bad_rig(tmp_path, "--answer", "null") as rig:
        assert msgspec.json.decode(msgspec.json.encode(await rig.hover())) == {"contents": None, "readiness": "ready", "server": "bad"}
