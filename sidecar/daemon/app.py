"""The composition root: builds every part of the daemon once, runs it, and takes it down in the opposite order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

import sidecar
from sidecar import config, native
from sidecar.client import address
from sidecar.config.roots import Roots
from sidecar.daemon import descriptors, hello, journal_id, locks, logfile
from sidecar.daemon.closewatch import CloseWatch
from sidecar.daemon.connection import Connection
from sidecar.daemon.core import Core
from sidecar.daemon.dispatch import Dispatcher
from sidecar.daemon.events import Subscriptions
from sidecar.daemon.lsp import Editors
from sidecar.daemon.outbox import OutboxLimits
from sidecar.daemon.server import Server
from sidecar.daemon.sessions import Sessions
from sidecar.daemon.startup import StartupPipe
from sidecar.daemon.stopping import Stop
from sidecar.engine import adoption
from sidecar.engine.lag import LagGuard
from sidecar.engine.lanes import LaneLimits, Lanes
from sidecar.engine.pool import NativePool
from sidecar.engine.proc import become_subreaper
from sidecar.engine.process import Processes
from sidecar.engine.runner import Runner
from sidecar.engine.spec import LaneName, Ports, ToolSpec
from sidecar.errors import SidecarError
from sidecar.langs.documents import Documents
from sidecar.langs.hub import Hub
from sidecar.tools import catalog
from sidecar.trace import Counters

log = logging.getLogger(__name__)


def run(pipe: StartupPipe, flags: Mapping[str, str], extra_tools: Iterable[ToolSpec[Any]] = ()) -> int:
    """Be the daemon until it is stopped; the exit code.

    Args:
        pipe: from `startup.begin`, which must have run before this module was imported: it forks.
        flags: settings given on the command line, dotted key -> text.
        extra_tools: tools beside those of `sidecar/tools`.
    """
    try:
        settings = config.load(flags, os.environ)
        socket, state_dir = address.socket_path(), address.state_dir()
        claim = locks.claim(socket, state_dir)
    except SidecarError as error:
        pipe.failed(error)
        raise
    if isinstance(claim, locks.Owner):
        if not pipe.has_starter:
            sys.stdout.write(f"a daemon (pid {claim.pid}) serves {claim.socket} already\n")
        pipe.ready()
        return 0
    listener = logfile.configure(state_dir, settings.daemon.log_level)
    try:
        descriptors.raise_soft_limit()
        become_subreaper()
        adoption.adopt(Path(state_dir))
        journal = journal_id.journal_id(state_dir)
        uvloop.run(_serve(settings, claim, journal, pipe, extra_tools))
    except SidecarError as error:
        pipe.failed(error)
        raise
    finally:
        listener.stop()
        claim.release()
    return 0


async def _serve(settings: config.Config, claim: locks.Claim, journal: str, pipe: StartupPipe, extra_tools: Iterable[ToolSpec[Any]]) -> None:
    core = _built(settings, claim, journal, extra_tools)
    watch = CloseWatch(asyncio.get_running_loop())
    limits = OutboxLimits(queued_bytes=settings.limits.outbox_bytes)
    core.server = Server(
        claim,
        idle_exit_s=settings.daemon.idle_exit_s,
        client_limit=settings.limits.clients,
        make_connection=lambda rights: Connection(core.dispatcher, rights, watch, core.counters, limits),
        clients=lambda: len(core.connections),
        busy=lambda: bool(core.dispatcher.busy),
    )
    try:
        await core.server.start()
        _settle()
        pipe.ready()
        log.info("serving %s, version %s, pid %d", claim.socket, sidecar.__version__, os.getpid())
        await core.server.serve_until_stopped(lambda stop: _leave(core, stop))
    finally:
        watch.close()
        core.facts.shutdown(wait=False)
        core.lag.close()


def _built(settings: config.Config, claim: locks.Claim, journal: str, extra_tools: Iterable[ToolSpec[Any]]) -> Core:
    counters = Counters()
    lanes = Lanes({name: _limits(getattr(settings.lanes, name)) for name in LaneName})
    if native.available():
        native.configure(settings.native.threads)
    pool = NativePool(settings.lanes.search.limit, counters)
    processes = Processes(Path(claim.state_dir), claim.socket, spawn_threads=settings.lanes.spawn.limit)
    documents = Documents()
    connections: dict[str, Connection] = {}
    subscriptions = Subscriptions(connections, journal)
    roots = Roots(settings.flags, os.environ, Path(claim.state_dir), log.warning)
    hub = Hub(
        processes,
        documents,
        counters,
        settings.servers,
        on_event=subscriptions.publish,
        overrides_of=roots.servers_of,
        rss_max_bytes=settings.limits.servers_rss_bytes,
    )
    core = Core(
        config=settings,
        counters=counters,
        lanes=lanes,
        lag=LagGuard(lambda: bool(core.dispatcher.busy)),
        runner=Runner(catalog.load(extra_tools), lanes, Ports(pool, processes, hub), settings.timeouts),
        pool=pool,
        processes=processes,
        documents=documents,
        hub=hub,
        sessions=Sessions(),
        subscriptions=subscriptions,
        identity=_identity(claim, journal),
        facts=ThreadPoolExecutor(1, thread_name_prefix="facts"),
        connections=connections,
    )
    core.editors = Editors(
        welcome=lambda connection, said: hello.join(core, connection, said),
        open_root=lambda connection, root: hello.open_root(core, connection, hello.as_path(root, "folder")),
    )
    core.dispatcher = Dispatcher(core)
    return core


def _limits(lane: config.Lane) -> LaneLimits:
    return LaneLimits(lane.limit, lane.queue, lane.queue_budget_ms / 1e3)


def _identity(claim: locks.Claim, journal: str) -> dict[str, Any]:
    return {
        "version": sidecar.__version__,
        "build": native.build_info() if native.available() else {},
        "daemonId": uuid.uuid4().hex,
        "pid": os.getpid(),
        "startedAt": datetime.now(UTC).isoformat(),
        "startedMonotonic": time.monotonic(),
        "journalId": journal,
        "socket": claim.socket,
        "stateDir": claim.state_dir,
    }


def _settle() -> None:
    """What exists by now lives for ever: keep it out of every later collection, whose full passes stall the loop."""
    gc.collect()
    gc.freeze()


async def _leave(core: Core, stop: Stop) -> None:
    """Finish or end what runs, stop what we started, say goodbye."""
    await core.dispatcher.drain(0.0 if stop.mode == "now" else max(0.0, stop.deadline.remaining_s() - 1.0))
    await core.hub.stop_all()
    await core.processes.close()
    core.pool.close()
    core.editors.close()
    for connection in list(core.connections.values()):
        connection.close("stopping")
    # Every client gets its last answer; `serve_until_stopped` bounds the wait by the stop's deadline.
    await core.dispatcher.deserted()
