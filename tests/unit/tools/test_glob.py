"""The tool `glob` asks Rust and says what its answer is worth."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sidecar.errors import InvalidParams
from sidecar.tools.glob import SPEC, GlobArgs, GlobResult
from tests.support.searching import searched
from tests.support.trees import write_tree


@pytest.mark.parametrize(("limit", "complete"), [(1, False), (2, True)])
@pytest.mark.parametrize("engine", ["native", "cli"])
async def test_a_truncated_answer_is_not_called_complete(tmp_path: Path, limit: int, complete: bool, engine: str) -> None:
    """`meta.complete` is true only for everything there is, whatever a file is called."""
    write_tree(tmp_path, {'"truncated":true': "", "b": ""})
    found = await searched(SPEC, tmp_path, patterns=["*"], limit=limit, engine=engine)
    result = msgspec.convert(found, GlobResult)
    assert (len(result.paths), result.truncated) == (limit, not complete)
    assert (found["meta"]["engine"], found["meta"]["complete"]) == (engine, complete)


def test_one_pattern_may_stand_without_a_list_and_none_is_refused() -> None:
    """The argument is a string or a list with something in it."""
    assert msgspec.convert({"patterns": "*.py"}, GlobArgs).patterns == "*.py"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"patterns": []}, GlobArgs)


async def test_a_cursor_of_something_else_is_refused(tmp_path: Path) -> None:
    """-32602 that names it."""
    with pytest.raises(InvalidParams, match="cursor"):
        await searched(SPEC, tmp_path, patterns="*", cursor="nonsense")
