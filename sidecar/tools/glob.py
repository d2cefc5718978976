"""`glob`: files by name, with ripgrep's globs and ignore rules, in Rust; the reply's bytes are made there."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sidecar import native
from sidecar.engine import clisearch
from sidecar.engine.completeness import is_complete
from sidecar.engine.ripgrep import Covered
from sidecar.engine.spec import Context, Effect, LaneName, Outcome, Scope, Timeout, ToolSpec
from sidecar.errors import InvalidParams

_encode = msgspec.json.Encoder().encode


class GlobArgs(msgspec.Struct, frozen=True, rename="camel"):
    """Which files, as `rg --files -g PATTERN` takes them: a pattern with `!` before it excludes, one without a `/` matches at any depth."""

    patterns: str | Annotated[list[str], Meta(min_length=1)]
    paths: list[str] = msgspec.field(default_factory=lambda: ["."])
    hidden: bool = False
    no_ignore: bool = False
    follow: bool = False
    types: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=2**32 - 1)] = 10_000
    cursor: str | None = None
    engine: Literal["auto", "native", "cli"] = "auto"


class Unlisted(msgspec.Struct, frozen=True):
    """Folders and links that could not be read, and may hold more."""

    unreadable: int = 0


class GlobResult(msgspec.Struct, frozen=True):
    """Paths in byte order, relative to the root unless outside it. `cursor` is where the next page starts."""

    paths: list[str]
    truncated: bool
    skipped: Unlisted
    reason: Literal["limit", "bytes", "timeout", "cancelled"] | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


async def run(context: Context, args: GlobArgs) -> Outcome:
    """Name files.

    Raises:
        InvalidParams: no root, a glob that does not parse, a cursor of something else.
        NotFound: a path that does not exist.
        NotInstalled: the engine asked for is not there.
    """
    if context.root is None:
        raise InvalidParams("root: expected an absolute path or a file URI, got nothing", hint="Send `root` in the params, or once in sidecar/hello.")
    if args.engine == "cli" or (args.engine == "auto" and not native.available()):
        clisearch.check(context, args.cursor)
        patterns = [args.patterns] if isinstance(args.patterns, str) else args.patterns
        return await clisearch.glob(context, context.root, msgspec.convert(args, Covered, from_attributes=True), patterns, args.limit)
    request = msgspec.to_builtins(args) | {"root": context.root, "roots": context.caller.roots}
    body = await context.ports.native.run("glob", _encode(request), deadline=context.deadline, slot=context.slot)
    return Outcome(body, {"engine": "native", "tier": "cold", "freshness": "live", "complete": is_complete(body)})


SPEC = ToolSpec(
    name="glob",
    description="List files under a root by name, with ripgrep's globs, file types and ignore rules.",
    lane=LaneName.SEARCH,
    timeout=Timeout(default_ms=30_000, max_ms=600_000),
    args=GlobArgs,
    result=GlobResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.CONFINED,
    reader_may=True,
)
