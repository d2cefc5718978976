"""The CLI engine: `grep` and `glob` through `rg` as a process, with the native engine's limits, order and reply.

It is chosen by `engine: "cli"`, or by `auto` where there is no native module. It never runs for a reader (design 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec

from sidecar.engine import ripgrep
from sidecar.engine.gathering import Gathering
from sidecar.engine.rgreading import Counts, Matches, Names, Reading
from sidecar.engine.ripgrep import Covered, Place, Shown, Wanted
from sidecar.engine.spec import Bare, Context, Outcome, Rights
from sidecar.errors import Forbidden, InvalidParams

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
    files = list(gathering.taken())
    truncated, reason = _verdict(gathering, ended)
    rest: dict[str, Any] = {"files": len(files), "truncated": truncated} | ({"reason": reason} if reason else {})
    rest["skipped"] = {"binary": reading.binary, "tooLarge": reading.too_large, "unreadable": ripgrep.unreadable(ended.stderr)}
    if context.emit is not None and wanted.mode == "matches":
        return _outcome(b"{" + _members(rest), truncated) if _stream(context, files) else _outcome(b"{" + _members(_slow(rest)), True)
    return _outcome(_OPENINGS[wanted.mode] + b",".join(chain.from_iterable(files)) + b"]," + _members(rest), truncated)


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
    return _outcome(_OPENINGS["files"] + b",".join(chain.from_iterable(gathering.taken())) + b"]," + _members(rest), truncated)


async def _run(context: Context, root: str, paths: list[str], reading: Reading, words: Callable[[Sequence[Place]], list[str]]) -> Bare:
    def prepare() -> list[str]:
        places = ripgrep.places(root, paths)
        reading.begin(Shown(places))
        return words(places)

    ended = await context.ports.processes.run_bare(
        ripgrep.RG, prepare, cwd=root, env=context.caller.env, deadline=context.deadline, slot=context.slot, feed=reading.feed
    )
    reading.end()
    refused = ripgrep.complaint(ended.stderr, ended.exit_code)
    if refused is not None:
        raise refused
    return ended


def _reading(wanted: Wanted, limits: Limits, gathering: Gathering, context: Context) -> Reading:
    if wanted.mode == "files":
        return Names(gathering)
    if wanted.mode == "count":
        return Counts(gathering)
    return Matches(gathering, wanted.after, limits.max_line_bytes, context.caller.encoding)


def _verdict(gathering: Gathering, ended: Bare) -> tuple[bool, str | None]:
    reason = gathering.reason() or ("timeout" if ended.timed_out else None)
    return reason is not None, reason


def _stream(context: Context, files: list[list[bytes]]) -> bool:
    """Hand out all matches; False: the client does not take them."""
    assert context.emit is not None
    items = list(chain.from_iterable(files))
    return all([context.emit(b'{"matches":[' + b",".join(items[at : at + CHUNK_ITEMS]) + b"]}") for at in range(0, len(items), CHUNK_ITEMS)])


def _slow(rest: dict[str, Any]) -> dict[str, Any]:
    return rest | {"truncated": True, "reason": "slowReader"}


def _members(rest: dict[str, Any]) -> bytes:
    return _encode(rest)[1:]


def _outcome(body: bytes, truncated: bool) -> Outcome:
    return Outcome(body, {"engine": "cli", "tier": "cold", "freshness": "live", "complete": not truncated})
