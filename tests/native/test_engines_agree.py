"""E4: the native engine and `engine: "cli"` give the same reply: random trees x ignore files x patterns x flags, limits and real corpora."""

from __future__ import annotations

import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sidecar.engine.spec import PositionEncoding
from sidecar.tools import glob, grep
from tests.native import test_glob_identity, test_grep_identity
from tests.native.test_grep_identity import files, flags, ignores, patterns, plant, repositories
from tests.support.searching import searched

_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
_HUGE = {"limit": 2**32 - 1, "maxBytes": 256 << 20, "maxLineBytes": 1 << 20}
sizes = st.fixed_dictionaries(
    {},
    optional={"limit": st.integers(1, 12), "maxBytes": st.integers(200, 4000), "maxLineBytes": st.integers(1, 40), "mode": st.sampled_from(["files", "count"])},
)


async def _both(tool: Any, root: Path, args: dict[str, Any], encoding: PositionEncoding) -> list[dict[str, Any]]:
    return [_plain(await searched(tool.SPEC, root, engine=engine, encoding=encoding, **args)) for engine in ("native", "cli")]


def _plain(reply: dict[str, Any]) -> dict[str, Any]:
    """Without what only one engine can know: who it is, how many it opened or skipped, and a cursor."""
    return {name: value for name, value in reply.items() if name not in ("meta", "skipped", "filesSearched", "cursor")}


def _agree(tool: Any, root: Path, args: dict[str, Any], encoding: PositionEncoding = PositionEncoding.UTF16) -> None:
    native, cli = uvloop.run(_both(tool, root, args, encoding))
    assert native == cli


@settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=_PHASES)
@given(planted=files, rules=ignores, gits=repositories, pattern=patterns, args=flags, size=sizes, encoding=st.sampled_from(PositionEncoding))
def test_grep_by_rg_is_grep_by_the_module(
    planted: dict[Any, bytes],
    rules: dict[Any, list[str]],
    gits: list[str],
    pattern: str | list[str],
    args: dict[str, Any],
    size: dict[str, Any],
    encoding: PositionEncoding,
) -> None:
    """Paths, lines, offsets, columns, context, clipping, limits and their reasons; all in path order."""
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    # Below two paths that overlap, the same files come twice, and which copy comes first is rg's own affair.
    paths = {"paths": ["src", "lib"]} if args.get("paths") in (["src", "."], ["src", "a.py"]) else {}
    try:
        _agree(grep, plant(top, planted, rules, gits), {"pattern": pattern} | args | size | paths | {"order": "path"}, encoding)
    finally:
        shutil.rmtree(top)


@settings(max_examples=30, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=_PHASES)
@given(planted=files, pattern=st.sampled_from(test_grep_identity.MULTILINE), args=flags)
def test_grep_across_lines_by_rg_is_grep_by_the_module(planted: dict[Any, bytes], pattern: str, args: dict[str, Any]) -> None:
    """The same in multiline mode. Without `before`: see test_grep_identity; nor `maxPerFile`, at which rg 15.2's JSON printer panics."""
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    asked = {name: value for name, value in args.items() if name not in ("before", "maxPerFile", "paths")} | {"multiline": True, "order": "path"}
    try:
        _agree(grep, plant(top, planted, {}, []), {"pattern": pattern} | asked)
    finally:
        shutil.rmtree(top)


@settings(max_examples=30, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=_PHASES)
@given(
    planted=files,
    rules=ignores,
    gits=repositories,
    asked=test_glob_identity.patterns,
    args=test_glob_identity.flags,
    limit=st.sampled_from([1, 3, 10_000]),
)
def test_glob_by_rg_is_glob_by_the_module(
    planted: dict[Any, bytes], rules: dict[Any, list[str]], gits: list[str], asked: str | list[str], args: dict[str, Any], limit: int
) -> None:
    """The same paths in the same order, cut at the same place."""
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        _agree(glob, plant(top, planted, rules, gits), {"patterns": asked, "limit": limit} | args)
    finally:
        shutil.rmtree(top)


@pytest.mark.parametrize(
    "args", [{}, {"limit": 50, "maxBytes": 5000}, {"mode": "count"}, {"before": 1, "after": 2, "case": "insensitive", "types": ["py"]}], ids=str
)
def test_a_real_corpus_gives_the_same_reply_from_both(args: dict[str, Any]) -> None:
    """Thousands of files nobody made for the test."""
    _agree(grep, Path(sysconfig.get_paths()["stdlib"]), _HUGE | {"pattern": r"\basyncio\.\w+"} | args)
