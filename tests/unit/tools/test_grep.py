"""The tool `grep` asks Rust and says what its answer is worth."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from sidecar.engine.deadline import Deadline
from sidecar.engine.lanes import Lane, LaneLimits
from sidecar.engine.pool import NativePool
from sidecar.engine.spec import Caller, Context, HoverPort, LaneName, Outcome, Ports, ProcessPort
from sidecar.errors import InvalidParams
from sidecar.tools.grep import SPEC, GrepResult
from sidecar.trace import Counters, Trace


async def grep(root: Path | None, **args: Any) -> Outcome:
    """Run the tool as the runner does."""
    pool = NativePool(1, Counters())
    lane = Lane(LaneName.SEARCH, LaneLimits(2, 2, 1.0))
    slot = await lane.acquire("c1", Deadline.after_ms(60_000))
    ports = Ports(pool, cast(ProcessPort, None), cast(HoverPort, None))  # of the ports it uses Rust's alone
    context = Context(Caller("c1"), None if root is None else str(root), Deadline.after_ms(60_000), Trace(time.monotonic()), slot, ports)
    try:
        return await SPEC.run(context, msgspec.convert(args, SPEC.args))
    finally:
        pool.close()


async def test_a_match_has_its_place_in_lines_bytes_and_utf16(tmp_path: Path) -> None:
    """`line` counts from 1, spans and offsets in bytes, `range` from 0 in the caller's encoding."""
    (tmp_path / "a.txt").write_text("one\n😀 needle\n")
    outcome = await grep(tmp_path, pattern="needle")
    result = msgspec.json.decode(cast(bytes, outcome.body), type=GrepResult)
    assert isinstance(result.matches, list)
    [match] = result.matches
    assert (match.path, match.line, match.byte_offset, match.text) == ("a.txt", 2, 4, "😀 needle")
    assert [(span.start, span.end) for span in match.submatches] == [(5, 11)]
    assert (match.range.start.line, match.range.start.character, match.range.end.character) == (1, 3, 9)


@pytest.mark.parametrize(("limit", "complete"), [(1, False), (2, True)])
async def test_a_truncated_answer_is_not_called_complete(tmp_path: Path, limit: int, complete: bool) -> None:
    """`meta.complete` is true only for everything there is, whatever text was found."""
    (tmp_path / "a.txt").write_text('"truncated":true\n"truncated":true\n')
    outcome = await grep(tmp_path, pattern="truncated", limit=limit)
    assert json.loads(cast(bytes, outcome.body))["truncated"] is not complete
    assert outcome.notes["complete"] is complete


async def test_without_a_root_it_says_where_to_give_one() -> None:
    """-32602 names the field, the hint the two places."""
    with pytest.raises(InvalidParams, match=r"^root: ") as refused:
        await grep(None, pattern="x")
    assert "hello" in refused.value.hint
