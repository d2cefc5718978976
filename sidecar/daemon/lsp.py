"""The LSP life cycle of editors (LSP 3.17, "Lifecycle Messages"), one pygls protocol a connection; pygls itself is in `lsp_protocol.py`.

Owns: `initialize`, `initialized`, `shutdown`, `exit`, `$/setTrace`, `workspace/didChangeWorkspaceFolders` and
`window/workDoneProgress/cancel`. Must never import pygls on the loop (0.4 s of lag; in a thread 6 to 26 ms, design 3.1), nor see
document sync: `didOpen`, `didChange` and `didClose` are the dispatcher's.

How to use it (`daemon/dispatch.py`; built once by `daemon/app.py`):
    editors = Editors(welcome, open_root)
    editors.asked(connection, request)          -> True: it is answered, or will be; False: not of the life cycle (-32601)
    editors.notified(connection, notification)  -> True: taken; False: unknown, to be ignored
    editors.close()                             at the daemon's end
While the first `initialize` imports pygls, and while any is decoded, its connection is held: what comes after it waits, in order.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from sidecar.daemon.hello import Client, Hello
from sidecar.engine.spec import PositionEncoding
from sidecar.errors import Failed, InvalidParams, InvalidRequest, SidecarError
from sidecar.wire.messages import Id, Notification, Request

if TYPE_CHECKING:
    from sidecar.daemon.connection import Connection

log = logging.getLogger(__name__)

INITIALIZE, SHUTDOWN, EXIT = "initialize", "shutdown", "exit"
FOLDERS_CHANGED = "workspace/didChangeWorkspaceFolders"
_PYGLS_SIDE = "sidecar.daemon.lsp_protocol"
NOTIFICATIONS = frozenset({"initialized", EXIT, "$/setTrace", FOLDERS_CHANGED, "window/workDoneProgress/cancel"})

Welcome = Callable[["Connection", Hello], Mapping[str, Any]]
"""Makes the connection what the hello says and gives hello's result (`daemon/hello.py`, `join`); raises SidecarError."""
OpenRoot = Callable[["Connection", str], None]
"""Remembers one more folder (absolute path or file URI) that this client works in."""


class _Sidecar(msgspec.Struct, rename="camel"):
    """`initializationOptions.sidecar`: what our own editor plugins send; other clients have none."""

    session: str | None = None
    env: dict[str, str] = {}
    providers: list[str] = []
    required: list[str] = []


class _Options(msgspec.Struct):
    sidecar: _Sidecar | None = None


class _General(msgspec.Struct, rename="camel"):
    position_encodings: list[str] | None = None


class _Capabilities(msgspec.Struct):
    general: _General | None = None


class _Folder(msgspec.Struct):
    uri: str


class _Info(msgspec.Struct):
    name: str = ""
    version: str | None = None


class _Initialize(msgspec.Struct, rename="camel"):
    """The members of `InitializeParams` that the sidecar acts upon itself."""

    root_uri: str | None = None
    root_path: str | None = None
    workspace_folders: list[_Folder] | None = None
    capabilities: _Capabilities = msgspec.field(default_factory=_Capabilities)
    client_info: _Info | None = None
    initialization_options: msgspec.Raw = msgspec.Raw(b"null")


_initialize = msgspec.json.Decoder(_Initialize)
_options = msgspec.json.Decoder(_Options)
_any = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an `initialize` says, decoded.

    Attributes:
        hello: the same as a hello.
        folders: file URIs or paths of the workspace, the root first.
        hover: whether hover is to be advertised: our own plugins must ask for it, or users see every hover twice (design 5).
    """

    hello: Hello
    folders: tuple[str, ...]
    hover: bool


class Session(Protocol):
    """A pygls protocol object of one connection (`lsp_protocol.py`)."""

    def handle(self, message: Mapping[str, Any]) -> None:
        """Decodes and handles one message: a request is answered through the connection."""

    def initialize(self, message: Any, hover: bool, hello: Mapping[str, Any]) -> None:
        """Answers an `initialize` that `structure` has decoded."""

    def structure(self, message: dict[str, Any]) -> Any:
        """Decodes a message; called in a thread."""

    def folders(self) -> list[str]:
        """URIs of the workspace's folders."""


@dataclass(slots=True)
class EditorState:
    """Where one connection is in its life cycle; `session` is None while it is being made."""

    session: Session | None = None
    shut_down: bool = False


class Editors:
    """The life cycles of all connections."""

    def __init__(self, welcome: Welcome, open_root: OpenRoot) -> None:
        self._welcome, self._open_root = welcome, open_root
        self._thread: ThreadPoolExecutor | None = None

    def asked(self, connection: Connection, request: Request) -> bool:
        """Takes a request of the life cycle; False if it is none."""
        state = connection.lsp
        if request.method == INITIALIZE:
            if state is None:
                self._begin(connection, request)
            else:
                connection.fail(request.id, InvalidRequest("initialize: this connection is initialized already", hint="Open another connection."))
        elif state is None or state.session is None or (request.method != SHUTDOWN and not state.shut_down):
            return False
        elif state.shut_down:
            connection.fail(request.id, InvalidRequest(f"{request.method}: after shutdown only `exit` may follow", hint="Open another connection."))
        else:
            state.shut_down = True
            state.session.handle({"jsonrpc": "2.0", "id": request.id, "method": SHUTDOWN})
        return True

    def notified(self, connection: Connection, notification: Notification) -> bool:
        """Takes a notification of the life cycle; False if it is none."""
        if notification.method not in NOTIFICATIONS:
            return False
        state = connection.lsp
        if notification.method == EXIT:
            connection.close("exit")
        elif state is not None and state.session is not None and not state.shut_down:
            self._pass_on(connection, state.session, notification)
        return True

    def close(self) -> None:
        """Ends the thread; nothing is decoded any more."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None

    def _pass_on(self, connection: Connection, session: Session, notification: Notification) -> None:
        try:
            params = _any.decode(notification.params)
            session.handle({"jsonrpc": "2.0", "method": notification.method, "params": params})
        except (msgspec.DecodeError, RecursionError, SidecarError) as error:
            log.warning("%s from %s refused: %s", notification.method, connection.id, error)
            return
        if notification.method == FOLDERS_CHANGED:
            for folder in session.folders():
                if folder.startswith("file:"):
                    self._open_root(connection, folder)

    def _begin(self, connection: Connection, request: Request) -> None:
        """Decodes in the thread (which imports pygls first), then answers on the loop."""
        connection.lsp = EditorState()
        connection.hold()
        self._thread = self._thread or ThreadPoolExecutor(1, "sidecar-lsp")
        future = asyncio.get_running_loop().run_in_executor(self._thread, _prepare, connection, request)
        future.add_done_callback(lambda done: self._answer(connection, request.id, done))

    def _answer(self, connection: Connection, id: Id, done: asyncio.Future[tuple[Arrival, Session, Any]]) -> None:
        if done.cancelled() or connection.closed is not None:
            return
        try:
            arrival, session, message = done.result()
            hello = self._welcome(connection, arrival.hello)
            for folder in arrival.folders:
                self._open_root(connection, folder)
            connection.lsp = EditorState(session)
            session.initialize(message, arrival.hover, hello)
        except SidecarError as error:
            connection.lsp = None
            connection.fail(id, error)
        except ImportError as error:
            log.exception("pygls cannot be imported")
            connection.lsp = None
            connection.fail(id, Failed(f"initialize: {error}", hint="Install sidecar-daemon with its requirements; sidecar/* methods work without."))
        finally:
            connection.release()


def arrival_of(params: msgspec.Raw) -> Arrival:
    """Reads what the sidecar itself needs out of `InitializeParams`.

    Raises:
        InvalidParams: a member has the wrong type.
    """
    try:
        wanted = _initialize.decode(params)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"initialize: {error}", hint="Send InitializeParams as LSP 3.17 has them.") from error
    ours = _ours(wanted.initialization_options)
    candidates = [wanted.root_uri, *(folder.uri for folder in wanted.workspace_folders or ()), wanted.root_path]
    folders = tuple(dict.fromkeys(name for name in candidates if name and name.startswith(("file:", "/"))))
    info = wanted.client_info or _Info()
    general = wanted.capabilities.general
    hello = Hello(
        client=Client(info.name, info.version or ""),
        root=folders[0] if folders else None,
        position_encoding=_encoding(general.position_encodings if general else None),
    )
    if ours is None:
        return Arrival(hello, folders, hover=True)
    hello = msgspec.structs.replace(hello, session=ours.session, env=ours.env, required=ours.required)
    return Arrival(hello, folders, "hover" in ours.providers)


def _ours(options: msgspec.Raw) -> _Sidecar | None:
    if not bytes(options).startswith(b"{"):
        return None  # any JSON value may stand there
    try:
        return _options.decode(options).sidecar
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"initializationOptions: {error}", hint="Send {sidecar: {session?, env?, providers?: [name]}}.") from error


def _encoding(listed: list[str] | None) -> PositionEncoding:
    """The first one listed that there is: the client lists them by preference; utf-16 is what silence means (LSP 3.17)."""
    return next((PositionEncoding(name) for name in listed or () if name in set(PositionEncoding)), PositionEncoding.UTF16)


def _prepare(connection: Connection, request: Request) -> tuple[Arrival, Session, Any]:
    """In the thread: everything of an `initialize` that may take long."""
    arrival = arrival_of(request.params)
    session = _pygls().session(connection)
    params = _any.decode(request.params)
    return arrival, session, session.structure({"jsonrpc": "2.0", "id": request.id, "method": INITIALIZE, "params": params})


def _pygls() -> ModuleType:
    """The module that uses pygls. Its 33,000 objects stay for good: collecting garbage among them would stop the loop for 12 ms
    at a time, so the collector rests during the import, and does not look at them afterwards.
    """
    if (loaded := sys.modules.get(_PYGLS_SIDE)) is not None:
        return loaded
    gc.disable()
    try:
        return importlib.import_module(_PYGLS_SIDE)
    finally:
        gc.freeze()
        gc.enable()
