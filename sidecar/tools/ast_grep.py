"""`ast_grep`: pieces of code that match a pattern or a rule, by ast-grep's own crates in Rust; the reply's bytes are made there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sidecar import native
from sidecar.engine import clisearch
from sidecar.engine.astgrep import Structure
from sidecar.engine.completeness import is_complete
from sidecar.engine.spec import Context, Effect, LaneName, Outcome, Scope, Timeout, ToolSpec
from sidecar.errors import InvalidParams
from sidecar.tools.grep import Span
from sidecar.wire.lsp import Range

_encode = msgspec.json.Encoder().encode
_Positive = Annotated[int, Meta(ge=1, le=2**32 - 1)]


class AstGrepArgs(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What to search for, where, and how much of it to return.

    `pattern` is code with $NAME and $$$NAME for what may differ, as `ast-grep run` takes it; `rule` is YAML text or an object, as `ast-grep scan
    --inline-rules` takes it. Without `language` each file is searched as what its name says. `rewrite` shows what would change, and changes nothing.
    """

    pattern: str | None = None
    rule: str | dict[str, Any] | None = None
    language: str | None = None
    selector: str | None = None
    strictness: Literal["cst", "smart", "ast", "relaxed", "signature", "template"] | None = None
    rewrite: str | None = None
    apply: bool = False
    paths: list[str] = msgspec.field(default_factory=lambda: ["."])
    globs: list[str] = []
    limit: _Positive = 1000
    max_bytes: Annotated[int, Meta(ge=1, le=256 << 20)] = 1 << 20
    engine: Literal["auto", "native", "cli"] = "auto"


class Piece(msgspec.Struct, frozen=True, rename="camel"):
    """A piece of code; `byteRange` counts UTF-8 bytes from the start of the file."""

    range: Range
    byte_range: Span
    text: str


class MetaVariables(msgspec.Struct, frozen=True):
    """What the pattern's variables stand for: $NAME, $$$NAME, and what a rule's `transform` made."""

    single: dict[str, Piece]
    multi: dict[str, list[Piece]]
    transformed: dict[str, str]


class Match(msgspec.Struct, frozen=True, rename="camel"):
    """One piece of code that matches; `line` is 1-based. A rule's match names the rule; a rewritten one has its replacement."""

    line: int
    range: Range
    byte_range: Span
    text: str
    language: str
    path: str | UnsetType = UNSET
    path_bytes: str | UnsetType = UNSET
    meta_variables: MetaVariables | UnsetType = UNSET
    rule_id: str | UnsetType = UNSET
    severity: Literal["hint", "info", "warning", "error"] | UnsetType = UNSET
    message: str | UnsetType = UNSET
    note: str | UnsetType = UNSET
    replacement: str | UnsetType = UNSET
    replacement_byte_range: Span | UnsetType = UNSET


class Skipped(msgspec.Struct, frozen=True, rename="camel"):
    """Files that were not searched, or not to their end: not UTF-8, too large, not readable, nested too deep."""

    binary: int = 0
    too_large: int = 0
    unreadable: int = 0
    too_deep: int = 0


class AstGrepResult(msgspec.Struct, frozen=True, rename="camel"):
    """What was found; `diff` is a unified diff of the files that are in the result with all their matches."""

    files: int
    truncated: bool
    skipped: Skipped
    matches: list[Match] | UnsetType = UNSET
    reason: Literal["limit", "bytes", "timeout", "slowReader", "cancelled"] | UnsetType = UNSET
    diff: str | UnsetType = UNSET
    diff_truncated: bool | UnsetType = UNSET


def request(context: Context, args: AstGrepArgs) -> dict[str, Any]:
    """The native operation's request."""
    given: dict[str, Any] = msgspec.to_builtins(args)
    return given | {"root": context.root, "encoding": context.caller.encoding, "stream": context.emit is not None, "roots": context.caller.roots}


async def run(context: Context, args: AstGrepArgs) -> Outcome:
    """Search files.

    Raises:
        InvalidParams: no root, a pattern or rule that does not compile, an unknown language, an engine that is not there.
        NotFound: a path that does not exist.
    """
    if context.root is None:
        raise InvalidParams("root: expected an absolute path or a file URI, got nothing", hint="Send `root` in the params, or once in sidecar/hello.")
    if args.engine == "cli" or (args.engine == "auto" and not native.available()):
        clisearch.check(context, None)
        return await clisearch.ast_grep(context, context.root, msgspec.convert(args, Structure, from_attributes=True), args.limit, args.max_bytes)
    asked = _encode(request(context, args))
    emit = context.emit
    stream = None if emit is None else lambda chunk: emit(b'{"matches":' + chunk + b"}")
    body = await context.ports.native.run("ast_grep", asked, deadline=context.deadline, slot=context.slot, emit=stream)
    return Outcome(body, {"engine": "native", "tier": "cold", "freshness": "live", "complete": is_complete(body)})


SPEC = ToolSpec(
    name="ast_grep",
    description="Search files under a root for pieces of code by their syntax, with a pattern or a YAML rule and ast-grep's meaning; show rewrites as a diff.",
    lane=LaneName.SEARCH,
    timeout=Timeout(default_ms=60_000, max_ms=600_000),
    args=AstGrepArgs,
    result=AstGrepResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.CONFINED,
    reader_may=True,
)
