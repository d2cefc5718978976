"""What every answer may use: built once by `app.py`, handed to each method. Holds no logic of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from sidecar.engine.spec import Caller, Rights
from sidecar.errors import InvalidParams
from sidecar.trace import Counters

if TYPE_CHECKING:
    from sidecar.config import Config
    from sidecar.daemon.connection import Connection
    from sidecar.daemon.dispatch import Dispatcher
    from sidecar.daemon.events import Subscriptions
    from sidecar.daemon.lsp import Editors
    from sidecar.daemon.server import Server
    from sidecar.daemon.sessions import Sessions
    from sidecar.engine.lag import LagGuard
    from sidecar.engine.lanes import Lanes
    from sidecar.engine.pool import NativePool
    from sidecar.engine.process import Processes
    from sidecar.engine.runner import Runner
    from sidecar.langs.documents import Documents
    from sidecar.langs.hub import Hub


@dataclass(slots=True)
class Core:
    """The daemon's parts, by name.

    Attributes:
        identity: what hello tells about this daemon: daemonId, pid, startedAt, journalId, socket, version, build.
        facts: one thread that looks at this process; its own, so that status is answered while every other worker is busy (field note 8).
        opened_roots: roots that clients of the full socket have named; the read-only socket serves only these (design 3.3).
    """

    config: Config
    counters: Counters
    lanes: Lanes
    lag: LagGuard
    runner: Runner
    pool: NativePool
    processes: Processes
    documents: Documents
    hub: Hub
    sessions: Sessions
    subscriptions: Subscriptions
    identity: dict[str, Any]
    facts: ThreadPoolExecutor
    opened_roots: set[str] = field(default_factory=set)
    connections: dict[str, Connection] = field(default_factory=dict)
    # These know the core and are known by it; app.py closes the circle.
    dispatcher: Dispatcher = field(init=False)
    editors: Editors = field(init=False)
    server: Server = field(init=False)


class Common(msgspec.Struct, frozen=True, rename="camel"):
    """What every `sidecar/*` params object may carry (protocol.md, Wire). `timeoutMs` is in milliseconds."""

    root: str | None = None
    timeout_ms: float | None = None
    partial_result_token: int | str | None = None
    call: str | None = None


class Ask(msgspec.Struct, frozen=True):
    """One request on its way: who asked on which connection, the decoded parameters, and when it was accepted (`time.monotonic()`)."""

    core: Core
    connection: Connection
    id: int | str
    raw: msgspec.Raw
    params: Any
    accepted_at: float

    def caller(self) -> Caller:
        """Who asks, as the engine sees it."""
        connection = self.connection
        return Caller(
            connection.id,
            connection.session,
            connection.rights,
            connection.encoding,
            connection.env,
            tuple(self.core.opened_roots) if connection.rights is Rights.READER else None,
        )


def check_timeout(timeout_ms: float | None) -> None:
    """Refuse a timeout that is not a positive number of milliseconds.

    Raises:
        InvalidParams: it is not.
    """
    if timeout_ms is not None and not 0 < timeout_ms < float("inf"):
        raise InvalidParams(f"timeoutMs: expected a number above 0, got {timeout_ms}", hint="Leave timeoutMs out for the method's default.")
