"""pygls 2.1 as the sidecar uses it: one protocol object a connection, without pygls' I/O loop and without its habits that end a daemon.

Owns what is answered to `initialize` and `shutdown`. Importing it takes 0.3 to 0.6 s, so only `daemon/lsp.py` does, in a thread.
Overridden, with the reasons in field-notes 2.2: `exit` (raises SystemExit), `shutdown` (cancels), the `lru_cache`d type look-ups
(they keep 128 connections alive), error pop-ups; the converter is shared and warm (7.6 ms against 0.08 ms a connection).
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from cattrs import Converter
from lsprotocol import types
from msgspec import UNSET
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

import sidecar
from sidecar.daemon.lsp import SHUTDOWN
from sidecar.errors import InvalidParams
from sidecar.wire.messages import decode_envelope

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection

logging.getLogger("pygls").setLevel(logging.WARNING)  # at INFO it writes every message's content

_HINT = "Send InitializeParams as LSP 3.17 has them."
_WARM_UP = {
    "processId": 1,
    "rootUri": "file:///",
    "clientInfo": {"name": "warm-up", "version": "0"},
    "capabilities": {"general": {"positionEncodings": ["utf-8"]}, "textDocument": {"hover": {"contentFormat": ["markdown"]}}},
    "workspaceFolders": [{"uri": "file:///", "name": "root"}],
}


@functools.lru_cache(maxsize=256)
def _message_type(method: str) -> type[Any] | None:
    return types.METHOD_TO_TYPES.get(method, (None,))[0]


@functools.lru_cache(maxsize=256)
def _result_type(method: str) -> type[Any] | None:
    return types.METHOD_TO_TYPES.get(method, (None, None))[1]


class _Server(LanguageServer):
    """What a pygls protocol wants to belong to; never started. Carries what the answer to `initialize` says."""

    hover = False
    hello: Mapping[str, Any] = {}

    def report_server_error(self, error: Exception, source: Any) -> None:
        logging.getLogger(__name__).warning("%s", error)


class _Protocol(LanguageServerProtocol):
    """The life cycle of one connection."""

    _server: _Server

    def __init__(self, server: _Server, converter: Converter) -> None:
        super().__init__(server, converter)
        self.get_message_type, self.get_result_type = _message_type, _result_type

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        result = yield from super().lsp_initialize(params)
        server, capabilities = self._server, result.capabilities
        capabilities.text_document_sync = types.TextDocumentSyncOptions(open_close=True, change=types.TextDocumentSyncKind.Incremental)
        capabilities.hover_provider = True if server.hover else None
        capabilities.execute_command_provider = None
        capabilities.experimental = {"sidecar": dict(server.hello)}
        return result

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """Only this connection's end is near; what it has in flight is answered."""
        yield from ()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        """The connection is closed by `daemon/lsp.py`, the process goes on."""
        yield from ()


class _Writer:
    """Takes pygls' messages, whole and without headers, to the one outbox of the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        message = decode_envelope(data)
        if message.id is UNSET or message.method is not UNSET:
            self._connection.send([data])
        elif message.error is not UNSET:
            self._connection.fail_as(message.id, message.error)
        else:
            self._connection.reply(message.id, [b"null" if message.result is UNSET else bytes(message.result)])

    def close(self) -> None:
        """pygls closes it on `exit`, which we answer ourselves."""


class PyglsSession:
    """One connection's protocol object; see `daemon/lsp.py`, `Session`."""

    def __init__(self, converter: Converter, writer: _Writer | None) -> None:
        self._server = _Server("sidecar", sidecar.__version__, protocol_cls=_Protocol, converter_factory=lambda: converter)
        self._protocol = self._server.protocol
        if writer is not None:
            self._protocol.set_writer(writer, include_headers=False)

    def structure(self, message: dict[str, Any]) -> Any:
        """Decodes a message into lsprotocol's types.

        Raises:
            InvalidParams: it is not what LSP 3.17 has.
        """
        try:
            return self._protocol.structure_message(message)
        except JsonRpcException as error:
            raise InvalidParams(f"{message['method']}: {error.__cause__ or error}", hint=_HINT) from error

    def initialize(self, message: Any, hover: bool, hello: Mapping[str, Any]) -> None:
        """Answers an `initialize`."""
        self._server.hover, self._server.hello = hover, hello
        self._protocol.handle_message(message)

    def handle(self, message: Mapping[str, Any]) -> None:
        """Decodes and handles any other message."""
        self._protocol.handle_message(self.structure(dict(message)))

    def folders(self) -> list[str]:
        """URIs of the workspace's folders as they are now."""
        return list(self._protocol.workspace.folders)


@functools.cache
def _converter() -> Converter:
    """The one converter, warm: the first `initialize` of a converter costs 4 to 6 ms of code generation. Called in one thread only."""
    make: Callable[[], Converter] = default_converter
    converter = make()
    session = PyglsSession(converter, None)
    session.structure({"jsonrpc": "2.0", "id": 0, "method": types.INITIALIZE, "params": json.loads(json.dumps(_WARM_UP))})
    session.structure({"jsonrpc": "2.0", "id": 0, "method": SHUTDOWN})
    converter.unstructure(types.InitializeResult(types.ServerCapabilities(experimental={}), types.ServerInfo("sidecar", "0")))
    return converter


_converter()  # warm it with the import, in the same thread


def session(connection: Connection) -> PyglsSession:
    """A new protocol object that answers through `connection`."""
    return PyglsSession(_converter(), _Writer(connection))
