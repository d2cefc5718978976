"""The CLI engine: `grep` and `glob` through `rg`, `ast_grep` through `ast-grep`, as processes, with the native engine's limits, order and reply.

It is chosen by `engine: "cli"`, or by `auto` where there is no native module. It never runs for a reader (design 3.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec

from sidecar.engine import astgrep, ripgrep
from sidecar.engine.astgrep import Structure
from sidecar.engine.gathering import Gathering
from sidecar.engine.rgreading import Counts, Matches, Names, Reading
from sidecar.engine.ripgrep import Covered, Place, Shown, Wanted
from sidecar.engine.spec import Bare, Context, Outcome, Program, Rights
from sidecar.errors import Failed, Forbidden, InvalidParams

CHUNK_ITEMS = 500
"""Matches of one `$/progress`."""

MAX_GLOB_BYTES = 256 << 20
"""Of a reply of `glob`, as in Rust."""

_OPENINGS = {"matches": b'{"matches":[', "files": b'{"paths":[', "count": b'{"counts":['}
_encode = msgspec.json.Encoder().encode


class Limits(msgspec.Struct, frozen=True):
    """How much of it, by the names of `grep`'s arguments."""

    limit: int
    max_bytes: int
    max_line_bytes: int
    order: str


def check(context: Context, cursor: str | None) -> None:
    """Refuse what this engine is not for.

    Raises:
        Forbidden: a reader, for whom no process is started.
        InvalidParams: a cursor; rg has none.
    """
    if context.caller.rights is Rights.READER:
        raise Forbidden("engine: `cli` starts a process, which the read-only socket never does", hint="Use engine `native`, or the full socket.")
    if cursor is not None:
        raise InvalidParams("cursor: engine `cli` has none, as rg cannot start in the middle", hint="Leave cursor out and raise limit, or use engine `native`.")


async def grep(context: Context, root: str, wanted: Wanted, limits: Limits) -> Outcome:
    """Search with `rg`.

    Raises:
        SidecarError: rg is missing, too old, or refuses the request; see `check` too.
    """
    ripgrep.check_globs(wanted.globs)
    gathering = Gathering(limits.limit, limits.max_bytes, sort=limits.order == "path")
    reading = _reading(wanted, limits, gathering, context)
    ended = await _run(context, root, wanted.paths, reading, lambda places: ripgrep.grep_words(wanted, places))
    return _answer(context, wanted.mode, gathering, reading, ended)


async def glob(context: Context, root: str, covered: Covered, patterns: Sequence[str], limit: int) -> Outcome:
    """List files with `rg --files`.

    Raises:
        SidecarError: as `grep`.
    """
    ripgrep.check_globs(patterns)
    gathering = Gathering(limit, MAX_GLOB_BYTES, sort=True)
    reading = Names(gathering)
    ended = await _run(context, root, covered.paths, reading, lambda places: ripgrep.files_words(covered, patterns, places))
    truncated, reason = _verdict(gathering, ended)
    rest: dict[str, Any] = {"truncated": truncated} | ({"reason": reason} if reason else {}) | {"skipped": {"unreadable": ripgrep.unreadable(ended.stderr)}}
    return _outcome(_OPENINGS["files"] + b",".join(_items(gathering)) + b"]," + _members(rest), truncated)


async def ast_grep(context: Context, root: str, wanted: Structure, limit: int, max_bytes: int) -> Outcome:
    """Search with `ast-grep`.

    Raises:
        SidecarError: ast-grep is missing, too old, or refuses the request; see `check` and `astgrep.check` too.
    """
    astgrep.check(wanted)
    ripgrep.check_globs(wanted.globs)
    reading = astgrep.Pieces(limit, max_bytes)
    ended = await _ended(context, root, wanted.paths, astgrep.AST_GREP, reading, lambda places: astgrep.words(wanted, places))
    refused = astgrep.complaint(ended.stderr, ended.exit_code, "pattern" if wanted.rule is None else "rule")
    if refused is not None:
        raise refused
    gathering = Gathering(limit, max_bytes, sort=True)
    await asyncio.to_thread(reading.rendered, root, gathering, context.caller.encoding)
    return _answer(context, "matches", gathering, reading, ended, reading.reason())


async def _run(context: Context, root: str, paths: list[str], reading: Reading, words: Callable[[Sequence[Place]], list[str]]) -> Bare:
    ended = await _ended(context, root, paths, ripgrep.RG, reading, words)
    refused = ripgrep.complaint(ended.stderr, ended.exit_code)
    if refused is not None:
        raise refused
    return ended


async def _ended(context: Context, root: str, paths: list[str], program: Program, reading: Reading, words: Callable[[Sequence[Place]], list[str]]) -> Bare:
    def prepare() -> list[str]:
        places = ripgrep.places(root, paths)
        reading.begin(Shown(places))
        return words(places)

    ended = await context.ports.processes.run_bare(
        program, prepare, cwd=root, env=context.caller.env, deadline=context.deadline, slot=context.slot, feed=reading.feed
    )
    reading.end()
    if ended.exit_code is None and not (ended.timed_out or ended.enough):
        raise Failed(f"{program.name} was killed by somebody else, or crashed", hint="Try the same search with engine `native`.")
    return ended


def _answer(context: Context, mode: str, gathering: Gathering, reading: Reading, ended: Bare, cut: str | None = None) -> Outcome:
    truncated, reason = _verdict(gathering, ended, cut)
    files = {key[:2] for key, _ in gathering.taken()}
    rest: dict[str, Any] = {"files": len(files), "truncated": truncated} | ({"reason": reason} if reason else {})
    rest["skipped"] = {"binary": reading.binary, "tooLarge": reading.too_large, "unreadable": ripgrep.unreadable(ended.stderr)}
    items = _items(gathering)
    if context.emit is not None and mode == "matches":
        return _outcome(b"{" + _members(rest), truncated) if _stream(context, items) else _outcome(b"{" + _members(_slow(rest)), True)
    return _outcome(_OPENINGS[mode] + b",".join(items) + b"]," + _members(rest), truncated)


def _items(gathering: Gathering) -> list[bytes]:
    return list(chain.from_iterable(items for _, items in gathering.taken()))


def _reading(wanted: Wanted, limits: Limits, gathering: Gathering, context: Context) -> Reading:
    if wanted.mode == "files":
        return Names(gathering)
    if wanted.mode == "count":
        return Counts(gathering)
    return Matches(gathering, wanted.after, limits.max_line_bytes, context.caller.encoding)


def _verdict(gathering: Gathering, ended: Bare, cut: str | None = None) -> tuple[bool, str | None]:
    reason = gathering.reason() or cut or ("timeout" if ended.timed_out else None)
    return reason is not None, reason


def _stream(context: Context, items: list[bytes]) -> bool:
    """Hand out all matches; False: the client does not take them."""
    assert context.emit is not None
    return all([context.emit(b'{"matches":[' + b",".join(items[at : at + CHUNK_ITEMS]) + b"]}") for at in range(0, len(items), CHUNK_ITEMS)])


def _slow(rest: dict[str, Any]) -> dict[str, Any]:
    return rest | {"truncated": True, "reason": "slowReader"}


def _members(rest: dict[str, Any]) -> bytes:
    return _encode(rest)[1:]


def _outcome(body: bytes, truncated: bool) -> Outcome:
    return Outcome(body, {"engine": "cli", "tier": "cold", "freshness": "live", "complete": not truncated})
