"""The method table: one row a method. `docs/protocol.md` and the machine-readable description are generated from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.daemon import calls, control, hello, sync
from sidecar.daemon.core import Ask, Common, Core
from sidecar.daemon.events import Ack, Subscribe
from sidecar.engine.spec import Timeout
from sidecar.tools.ast_grep import AstGrepArgs
from sidecar.tools.glob import GlobArgs
from sidecar.tools.grep import GrepArgs

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection


@dataclass(frozen=True, slots=True)
class Method:
    """One method.

    Attributes:
        name: as on the wire.
        summary: one sentence for the generated documentation.
        params: what its params object is decoded to, or None if it takes none; unknown members are ignored.
        answer: takes the ask; returns the result (or, unless inline, an awaitable of it): a JSON-encodable value, or a list of ready-made JSON parts.
        inline: answered within the read event, without a task; only for what never waits.
        reader_may: served on the read-only socket.
        timeout: its budget; None where the runner keeps the tool's own.
    """

    name: str
    summary: str
    params: type[msgspec.Struct] | None
    answer: Callable[[Ask], Any]
    inline: bool = False
    reader_may: bool = False
    timeout: Timeout | None = None
    decoder: msgspec.json.Decoder[Any] | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", None if self.params is None else msgspec.json.Decoder(self.params))


_QUICK = Timeout(default_ms=5_000, max_ms=60_000)
_SLOW = Timeout(default_ms=60_000, max_ms=600_000)

_ROWS = (
    Method("sidecar/hello", "Say who the client is; learn who the daemon is.", hello.Hello, hello.hello, inline=True, reader_may=True),
    Method("sidecar/bye", "End this connection's session.", None, hello.bye, inline=True),
    Method("sidecar/ping", "Answer at once, from the loop.", None, hello.ping, inline=True, reader_may=True),
    Method("sidecar/status", "Everything the daemon knows about itself.", Common, control.status, reader_may=True, timeout=_QUICK),
    Method("sidecar/doctor", "Run the daemon's own checks.", control.DoctorParams, control.doctor, timeout=_SLOW),
    Method("sidecar/stop", "Stop the daemon.", control.Stop, control.stop, inline=True),
    Method("sidecar/publish", "Make the daemon's socket reachable again at its path.", None, control.publish, timeout=_QUICK),
    Method(
        "sidecar/interrupt", "End requests: one of this connection, all of this session, or everybody's.", control.Interrupt, control.interrupt, inline=True
    ),
    Method("sidecar/tools/list", "List the tools with their effects, lanes and schemas.", None, calls.list_tools, inline=True, reader_may=True),
    Method("sidecar/tools/call", "Call one tool.", calls.ToolCall, calls.call_tool, reader_may=True),
    Method("sidecar/grep", "Shorthand for the tool `grep`: its args stand at the top level of params.", GrepArgs, calls.shorthand("grep"), reader_may=True),
    Method("sidecar/glob", "Shorthand for the tool `glob`: its args stand at the top level of params.", GlobArgs, calls.shorthand("glob"), reader_may=True),
    Method(
        "sidecar/astGrep",
        "Shorthand for the tool `ast_grep`: its args stand at the top level of params.",
        AstGrepArgs,
        calls.shorthand("ast_grep"),
        reader_may=True,
    ),
    Method("sidecar/events/subscribe", "Get events from now on.", Subscribe, control.subscribe, inline=True),
    Method("sidecar/events/ack", "Acknowledge numbered events.", Ack, control.ack, inline=True),
    Method(
        "textDocument/hover",
        "LSP 3.17 hover, by the file's language server.",
        calls.LspHover,
        calls.lsp_hover,
        timeout=Timeout(default_ms=30_000, max_ms=600_000),
    ),
)

METHODS: Mapping[str, Method] = {row.name: row for row in _ROWS}

NOTIFICATIONS: Mapping[str, Callable[[Core, Connection, sync.Cut], None]] = {
    "textDocument/didOpen": sync.did_open,
    "textDocument/didChange": sync.did_change,
    "textDocument/didClose": sync.did_close,
}
