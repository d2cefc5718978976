"""What a language server is told when it asks us something: every request of LSP 3.17 that a server may send, as a table.

A request without an answer wedges a server for good (field note 10), so what stands in no row gets -32601, at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from sidecar.errors import SidecarError, UnknownMethod
from sidecar.langs.servers import Row, configuration

_encode = msgspec.json.Encoder().encode
_NULL = b"null"


@dataclass(slots=True)
class Self:
    """What answers are made of.

    Attributes:
        row: the server's row.
        root_uri: its only workspace folder.
        registered: methods the server has registered for itself.
    """

    row: Row
    root_uri: str
    registered: set[str] = field(default_factory=set)


class _Item(msgspec.Struct, frozen=True):
    section: str | None = None


class _Configuration(msgspec.Struct, frozen=True):
    items: list[_Item] = []


class _Registration(msgspec.Struct, frozen=True):
    method: str = ""


class _Registrations(msgspec.Struct, frozen=True):
    registrations: list[_Registration] = []
    # LSP 3.17 spells it so, and asks everybody to live with it.
    unregisterations: list[_Registration] = []


_configuration = msgspec.json.Decoder(_Configuration)
_registrations = msgspec.json.Decoder(_Registrations)


def _configured(me: Self, params: msgspec.Raw) -> bytes:
    return _encode([configuration(me.row, item.section) for item in _configuration.decode(params).items])


def _registered(me: Self, params: msgspec.Raw) -> bytes:
    me.registered |= {one.method for one in _registrations.decode(params).registrations[:1024]}
    return _NULL


def _unregistered(me: Self, params: msgspec.Raw) -> bytes:
    me.registered -= {one.method for one in _registrations.decode(params).unregisterations}
    return _NULL


def _folders(me: Self, params: msgspec.Raw) -> bytes:
    return _encode([{"uri": me.root_uri, "name": me.root_uri.rpartition("/")[2]}])


def _always(answer: bytes) -> Callable[[Self, msgspec.Raw], bytes]:
    return lambda me, params: answer


ANSWERS: dict[str, Callable[[Self, msgspec.Raw], bytes]] = {
    "workspace/configuration": _configured,
    "workspace/workspaceFolders": _folders,
    "client/registerCapability": _registered,
    "client/unregisterCapability": _unregistered,
    "window/workDoneProgress/create": _always(_NULL),
    "window/showMessageRequest": _always(_NULL),
    "window/showDocument": _always(b'{"success":false}'),
    # Nobody has asked the server to change anything, and no file is changed behind the path guard.
    "workspace/applyEdit": _always(b'{"applied":false,"failureReason":"sidecar applies no edits that nobody asked for"}'),
    "workspace/semanticTokens/refresh": _always(_NULL),
    "workspace/inlayHint/refresh": _always(_NULL),
    "workspace/inlineValue/refresh": _always(_NULL),
    "workspace/codeLens/refresh": _always(_NULL),
    "workspace/diagnostic/refresh": _always(_NULL),
    "workspace/foldingRange/refresh": _always(_NULL),
}


def answer(me: Self, method: str, params: msgspec.Raw) -> bytes | SidecarError:
    """The result of a server's request as JSON, or the error it gets."""
    make = ANSWERS.get(method)
    if make is None:
        return UnknownMethod(f"sidecar knows no {method}", hint="It is not advertised in the client's capabilities.")
    try:
        return make(me, params)
    except msgspec.DecodeError:
        return _NULL  # wrong parameters, but an answer all the same
