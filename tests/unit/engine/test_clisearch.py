"""The CLI engine refuses what it is not for; that it answers as the native engine does is proven in tests/native/test_engines_agree.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.engine.spec import Rights
from sidecar.errors import Forbidden, InvalidParams
from sidecar.tools import glob, grep
from tests.support.engines import script, with_search_programs
from tests.support.searching import searched
from tests.support.trees import write_tree


async def test_a_reader_is_forbidden(tmp_path: Path) -> None:
    """Design 3.3: nothing is started for it."""
    with pytest.raises(Forbidden, match="engine"):
        await searched(grep.SPEC, tmp_path, pattern="x", engine="cli", rights=Rights.READER)


async def test_a_cursor_is_refused_by_name(tmp_path: Path) -> None:
    """rg cannot start in the middle."""
    with pytest.raises(InvalidParams, match="cursor"):
        await searched(glob.SPEC, tmp_path, patterns="*", engine="cli", cursor="AQ")


async def test_enough_in_order_any_ends_rg(tmp_path: Path) -> None:
    """An endless rg is stopped by the limit, long before its deadline."""
    event = '{"type":"%s","data":{"path":{"text":"a"}%s}}'
    line = event % ("match", ',"lines":{"text":"x"},"line_number":1,"absolute_offset":0,"submatches":[]')
    events = "; ".join(f"echo '{one}'" for one in (event % ("begin", ""), line, event % ("end", "")))
    body = f'[ "$1" = --version ] && echo "ripgrep 15.0.0" && exit\nwhile :; do {events}; done'
    folder = script(tmp_path / "bin", "rg", body)
    found = await searched(grep.SPEC, tmp_path, pattern="x", engine="cli", order="any", limit=5, env=with_search_programs(folder), timeout_s=600)
    assert (len(found["matches"]), found["truncated"], found["reason"]) == (5, True, "limit")


async def test_a_reader_that_takes_no_more_is_told_in_the_reply(tmp_path: Path) -> None:
    """`truncated, reason: slowReader` (design 3.16)."""
    write_tree(tmp_path, {"a": "x\n" * 3})
    found = await searched(grep.SPEC, tmp_path, pattern="x", engine="cli", emit=lambda _: False)
    assert (found["truncated"], found["reason"]) == (True, "slowReader")


async def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """A loop of links, as root may read anything else."""
    write_tree(tmp_path, {"d/a": "x\n"})
    (tmp_path / "d" / "up").symlink_to("..")
    found = await searched(grep.SPEC, tmp_path, pattern="x", engine="cli", follow=True)
    assert (found["files"], found["skipped"]["unreadable"]) == (1, 1)
