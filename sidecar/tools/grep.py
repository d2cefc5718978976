"""`grep`: lines that match a regex or a literal, by ripgrep's own crates in Rust; the reply's bytes are made there."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sidecar import native
from sidecar.engine import clisearch
from sidecar.engine.clisearch import Limits
from sidecar.engine.completeness import is_complete
from sidecar.engine.ripgrep import Wanted
from sidecar.engine.spec import Context, Effect, LaneName, Outcome, Scope, Timeout, ToolSpec
from sidecar.errors import InvalidParams
from sidecar.wire.lsp import Range

_encode = msgspec.json.Encoder().encode
_Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_Positive = Annotated[int, Meta(ge=1, le=2**32 - 1)]


class GrepArgs(msgspec.Struct, frozen=True, rename="camel"):
    """What to search for, where, and how much of it to return. Bytes are UTF-8 bytes; see `rg --help` for the meaning of each switch."""

    pattern: str | Annotated[list[str], Meta(min_length=1)]
    paths: list[str] = msgspec.field(default_factory=lambda: ["."])
    fixed_strings: bool = False
    case: Literal["sensitive", "insensitive", "smart"] = "sensitive"
    word: bool = False
    multiline: bool = False
    invert: bool = False
    globs: list[str] = []
    types: list[str] = []
    hidden: bool = False
    no_ignore: bool = False
    follow: bool = False
    before: _Count = 0
    after: _Count = 0
    mode: Literal["matches", "files", "count"] = "matches"
    max_per_file: _Positive | None = None
    limit: _Positive = 1000
    max_bytes: Annotated[int, Meta(ge=1, le=256 << 20)] = 1 << 20
    max_line_bytes: _Positive = 4096
    order: Literal["path", "any"] = "path"
    cursor: str | None = None
    freshness: Literal["live", "verified"] = "live"
    engine: Literal["auto", "native", "cli"] = "auto"


class Span(msgspec.Struct, frozen=True):
    """Byte offsets within a line's text; `end` is exclusive."""

    start: int
    end: int


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """One matching line (or lines, in multiline mode); `line` is 1-based, `byteOffset` counts from the start of the file."""

    line: int
    byte_offset: int
    submatches: list[Span]
    range: Range
    path: str | UnsetType = UNSET
    path_bytes: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    bytes: str | UnsetType = UNSET
    before: list[str] | UnsetType = UNSET
    after: list[str] | UnsetType = UNSET
    clipped: bool | UnsetType = UNSET


class FileCount(msgspec.Struct, frozen=True):
    """Matching lines of one file."""

    path: str
    count: int


class Skipped(msgspec.Struct, frozen=True, rename="camel"):
    """Files that were not searched, or not to their end."""

    binary: int = 0
    too_large: int = 0
    unreadable: int = 0


class GrepResult(msgspec.Struct, frozen=True, rename="camel"):
    """What was found. Which of `matches`, `paths`, `counts` is there follows from `mode`."""

    files: int
    truncated: bool
    skipped: Skipped
    matches: list[Match] | UnsetType = UNSET
    paths: list[str] | UnsetType = UNSET
    counts: list[FileCount] | UnsetType = UNSET
    reason: Literal["limit", "bytes", "timeout", "slowReader", "cancelled"] | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


async def run(context: Context, args: GrepArgs) -> Outcome:
    """Search files.

    Raises:
        InvalidParams: no root, a pattern that does not compile, an argument that the engine does not have.
        NotFound: a path that does not exist.
        NotInstalled: the engine asked for is not there.
    """
    if context.root is None:
        raise InvalidParams("root: expected an absolute path or a file URI, got nothing", hint="Send `root` in the params, or once in sidecar/hello.")
    if args.engine == "cli" or (args.engine == "auto" and not native.available()):
        clisearch.check(context, args.cursor)
        wanted, limits = msgspec.convert(args, Wanted, from_attributes=True), msgspec.convert(args, Limits, from_attributes=True)
        return await clisearch.grep(context, context.root, wanted, limits)
    request = msgspec.to_builtins(args) | {
        "root": context.root,
        "encoding": context.caller.encoding,
        "stream": context.emit is not None,
        "roots": context.caller.roots,
    }
    emit = context.emit
    stream = None if emit is None else lambda chunk: emit(b'{"matches":' + chunk + b"}")
    body = await context.ports.native.run("grep", _encode(request), deadline=context.deadline, slot=context.slot, emit=stream)
    return Outcome(body, {"engine": "native", "tier": "cold", "freshness": args.freshness, "complete": is_complete(body)})


SPEC = ToolSpec(
    name="grep",
    description="Search files under a root for a regular expression or a literal, with ripgrep's meaning and ignore rules.",
    lane=LaneName.SEARCH,
    timeout=Timeout(default_ms=30_000, max_ms=600_000),
    args=GrepArgs,
    result=GrepResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.CONFINED,
    reader_may=True,
)
