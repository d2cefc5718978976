"""Methods that run a tool or ask a language server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidecar.daemon.core import Ask, Common, check_timeout
from sidecar.daemon.hello import as_path, open_root
from sidecar.engine.deadline import Deadline
from sidecar.engine.runner import Call, decode
from sidecar.errors import Forbidden
from sidecar.tools.catalog import describe
from sidecar.trace import Trace
from sidecar.wire.lsp import Position, TextDocumentIdentifier

_encode = msgspec.json.Encoder().encode
_common = msgspec.json.Decoder(Common)
_NO_ARGS = msgspec.Raw(b"{}")
LSP_HOVER_MS = 30_000
# What may wait for all clients together before streams are cut short: each stays within its own maxBytes, but there may be hundreds.
MOST_WAITING_BYTES = 512 << 20


class ToolCall(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/tools/call`, beside those that every method may carry."""

    tool: str
    args: msgspec.Raw = msgspec.field(default_factory=lambda: _NO_ARGS)  # a factory: a Raw default has no JSON schema
    root: str | None = None
    timeout_ms: float | None = None
    partial_result_token: int | str | None = None
    call: str | None = None


class LspHover(msgspec.Struct, frozen=True, rename="camel"):
    """LSP 3.17 HoverParams."""

    text_document: TextDocumentIdentifier
    position: Position


def list_tools(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/tools/list`."""
    return {"tools": describe(ask.core.runner.catalog)}


async def call_tool(ask: Ask) -> list[bytes | memoryview]:
    """Answer `sidecar/tools/call`."""
    params: ToolCall = ask.params
    return await _run(ask, params.tool, params.args, params)


def shorthand(tool: str) -> Callable[[Ask], Awaitable[list[bytes | memoryview]]]:
    """The answer of a method whose params are a tool's args."""

    async def answer(ask: Ask) -> list[bytes | memoryview]:
        return await _run(ask, tool, ask.raw, decode(_common, ask.raw))

    return answer


async def lsp_hover(ask: Ask) -> list[bytes | memoryview]:
    """Answer `textDocument/hover`.

    Raises:
        Starting, Crashed, Stale: as the language server is (design 3.4).
    """
    params: LspHover = ask.params
    position = (params.position.line, params.position.character)
    deadline = Deadline.after_ms(LSP_HOVER_MS, ask.accepted_at)
    answer = await ask.core.hub.forward_hover(
        ask.caller(), ask.connection.root, params.text_document.uri, position, deadline=deadline, trace=Trace(ask.accepted_at)
    )
    return [bytes(answer)]


async def _run(ask: Ask, tool: str, args: msgspec.Raw, common: Common | ToolCall) -> list[bytes | memoryview]:
    check_timeout(common.timeout_ms)
    root = ask.connection.root if common.root is None else as_path(common.root, "root")
    if common.root is not None and root is not None:
        open_root(ask.core, ask.connection, root)
    caller = ask.caller()
    if caller.roots is not None and not caller.roots:
        raise Forbidden("no client of the full socket has opened a root yet", hint="Open the folder in an editor, or run `sidecar grep` outside the sandbox.")
    call = Call(tool, args, caller, root, common.timeout_ms, Trace(ask.accepted_at), _progress(ask, common.partial_result_token))
    return await ask.core.runner.run(call)


def _progress(ask: Ask, token: int | str | None) -> Callable[[bytes], bool] | None:
    if token is None:
        return None
    head = b'{"token":' + _encode(token) + b',"value":'

    def emit(value: bytes) -> bool:
        ask.connection.stream("$/progress", head + value + b"}")
        return not ask.connection.slow() and _waiting_bytes(ask) <= MOST_WAITING_BYTES

    return emit


def _waiting_bytes(ask: Ask) -> int:
    return sum(connection.pending_bytes for connection in ask.core.connections.values())
