"""Hello, goodbye and ping: who is on a connection, and what it may expect of this daemon."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from sidecar.daemon.core import Ask, Core
from sidecar.engine.spec import PositionEncoding, Rights
from sidecar.errors import InvalidParams
from sidecar.langs import environment

PROTOCOL = 1
CAPABILITIES = ["grep", "ast_grep", "hover", "run_command", "events.live", "partialResults", "positionEncoding", "reader"]


class Client(msgspec.Struct, frozen=True):
    """Name and version of a client, for people."""

    name: str = ""
    version: str = ""


class Hello(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/hello`."""

    client: Client = Client()
    session: str | None = None
    root: str | None = None
    position_encoding: PositionEncoding = PositionEncoding.UTF16
    env: dict[str, str] = {}
    speaks: str | None = None
    call: str | None = None
    required: list[str] = []


def hello(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/hello`.

    Raises:
        InvalidParams: a root that is no absolute path, or a required capability that this daemon lacks.
    """
    wanted: Hello = ask.params
    if wanted.speaks is not None:
        raise InvalidParams(f"speaks: {wanted.speaks!r} is not served by this version", hint="Leave `speaks` out to use sidecar/* methods.")
    return join(ask.core, ask.connection, wanted)


def join(core: Core, connection: Any, wanted: Hello) -> dict[str, Any]:
    """Make a connection what its hello (or its `initialize`) says, and describe this daemon to it.

    Raises:
        InvalidParams: see `hello`.
    """
    missing = sorted(set(wanted.required) - set(CAPABILITIES))
    if missing:
        raise InvalidParams(f"required: this daemon lacks {', '.join(missing)}", hint="Upgrade sidecar and run `sidecar restart`.")
    root = None if wanted.root is None else as_path(wanted.root, "root")
    core.sessions.leave(connection.session, connection.id)
    connection.session = core.sessions.join(wanted.session, connection.id)
    connection.client_name = wanted.client.name
    connection.encoding = wanted.position_encoding
    connection.env = environment.listed(wanted.env)
    if root is not None:
        connection.root = root
        open_root(core, connection, root)
    return describe(core, connection.session)


def open_root(core: Core, connection: Any, root: str) -> None:
    """Remember a root that a client of the full socket works in: the read-only socket serves it from now on."""
    if connection.rights is Rights.FULL:
        core.opened_roots.add(root)


def describe(core: Core, session: str | None) -> dict[str, Any]:
    """The result of `sidecar/hello`."""
    identity = core.identity
    limits = core.config.limits
    return {
        "session": session,
        "server": {"name": "sidecar", "version": identity["version"], "build": identity["build"], "protocol": PROTOCOL},
        "daemonId": identity["daemonId"],
        "pid": identity["pid"],
        "startedAt": identity["startedAt"],
        "journalId": identity["journalId"],
        "capabilities": CAPABILITIES,
        "limits": {"clients": limits.clients, "outboxBytes": limits.outbox_bytes, "frameBytes": 4 * 1024 * 1024},
        "socket": identity["socket"],
    }


def bye(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/bye`: the session ends, the connection may stay."""
    ask.core.sessions.end(ask.connection.session)
    ask.connection.session = None
    return {}


def ping(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/ping`, from the loop, whatever else is busy."""
    return {}


def as_path(root: str, field: str) -> str:
    """An absolute path from an absolute path or a `file:` URI (RFC 8089, this host only).

    Raises:
        InvalidParams: neither, or with a NUL.
    """
    path = root
    if root.startswith("file:"):
        parts = urlsplit(root)
        path = os.fsdecode(unquote_to_bytes(parts.path)) if parts.netloc in ("", "localhost") else ""
    if not path.startswith("/") or "\0" in path:
        raise InvalidParams(f"{field}: expected an absolute path or a file URI, got {root[:200]!r}", hint="Send for example /home/you/project.")
    return path.rstrip("/") or "/"  # `..` behind a symlink is for the file system to resolve
