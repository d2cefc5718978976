"""`hover`: what the file's language server says about a place, with unsaved text, readiness and version."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sidecar.engine.spec import Context, Effect, Hover, LaneName, Outcome, Scope, Timeout, ToolSpec

_Coordinate = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""LSP 3.17 `uinteger`: 0 to 2^31 - 1."""


class HoverArgs(msgspec.Struct, frozen=True):
    """A place in a file: `line` and `character` are an LSP position, 0-based, in the connection's encoding."""

    path: str
    line: _Coordinate
    character: _Coordinate


async def run(context: Context, args: HoverArgs) -> Outcome:
    """Ask the language server.

    Raises:
        SidecarError: see `langs.hub.Hub.hover`.
    """
    position = (args.line, args.character)
    result = await context.ports.hover.hover(context.caller, context.root, args.path, position, deadline=context.deadline, trace=context.trace)
    return Outcome(result)


SPEC = ToolSpec(
    name="hover",
    description="What the language server of a file says about a place in it: type, signature, documentation.",
    lane=LaneName.INTERACTIVE,
    timeout=Timeout(default_ms=30_000, max_ms=600_000),
    args=HoverArgs,
    result=Hover,
    run=run,
    effect=Effect.READ,
    scope=Scope.CONFINED,
    reader_may=True,
)
