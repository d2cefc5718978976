"""`initialize` with a language server (LSP 3.17): what we say about ourselves, and what we keep of what it says. Pure."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

import msgspec

import sidecar
from sidecar.engine.spec import PositionEncoding
from sidecar.langs.positions import uri_of
from sidecar.langs.servers import Dialect, Row

_encode = msgspec.json.Encoder().encode

CAPABILITIES = {
    "general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"], "staleRequestSupport": {"cancel": True, "retryOnContentModified": ["textDocument/hover"]}},
    "textDocument": {
        "synchronization": {"dynamicRegistration": False},
        "hover": {"dynamicRegistration": True, "contentFormat": ["markdown", "plaintext"]},
    },
    "workspace": {
        "configuration": True,
        "workspaceFolders": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": False}},
}
_SERVER_STATUS = {"experimental": {"serverStatusNotification": True}}


class _Capabilities(msgspec.Struct, frozen=True, rename="camel"):
    position_encoding: PositionEncoding = PositionEncoding.UTF16
    hover_provider: bool | dict[str, object] | None = None


class _Info(msgspec.Struct, frozen=True):
    version: str = ""


class _Module(msgspec.Struct, frozen=True, rename="pascal"):
    version: str = ""


class _Build(msgspec.Struct, frozen=True, rename="pascal"):
    main: _Module = _Module()


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    capabilities: _Capabilities = _Capabilities()
    server_info: _Info | None = None


_result = msgspec.json.Decoder(_Result)
_build = msgspec.json.Decoder(_Build)
MAX_VERSION = 100
"""Characters of a server's version that are kept."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a server said about itself."""

    encoding: PositionEncoding = PositionEncoding.UTF16
    hovers: bool = True
    version: str = ""


def params(row: Row, root: str) -> bytes:
    """Params of `initialize` for a project's root folder, as JSON."""
    uri = uri_of(root)
    extra = _SERVER_STATUS if row.dialect is Dialect.SERVER_STATUS else {}
    return _encode(
        {
            "processId": os.getpid(),
            "clientInfo": {"name": "sidecar", "version": sidecar.__version__},
            "rootPath": root.encode("utf-8", "replace").decode(),
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": uri.rpartition("/")[2]}],
            "initializationOptions": row.initialization,
            "capabilities": CAPABILITIES | extra,
        }
    )


def understood(result: msgspec.Raw) -> Server:
    """What `initialize`'s result says. One that is none (null, say) is a server of which nothing is known: hovers may be asked."""
    try:
        said = _result.decode(result)
    except msgspec.DecodeError:
        return Server()
    provider = said.capabilities.hover_provider  # options, even empty ones, mean yes
    hovers = provider is not None and provider is not False
    return Server(said.capabilities.position_encoding, hovers, _version(said.server_info.version) if said.server_info else "")


def _version(said: str) -> str:
    """A version on one short line; gopls tells its whole build information, as JSON."""
    with contextlib.suppress(msgspec.DecodeError):  # most are no JSON
        said = _build.decode(said).main.version or said
    return said[:MAX_VERSION]
