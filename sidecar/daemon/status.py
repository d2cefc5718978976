"""What the daemon knows about itself: `sidecar/status`, and the facts its own doctor checks judge."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import msgspec
import psutil

from sidecar import native
from sidecar.daemon import descriptors, locks
from sidecar.daemon.core import Core
from sidecar.engine.spec import Rights


async def status(core: Core) -> dict[str, Any]:
    """The result of `sidecar/status`; memory in bytes, times in seconds unless named otherwise."""
    process = await asyncio.get_running_loop().run_in_executor(core.facts, _process)
    identity = core.identity
    return {
        "version": identity["version"],
        "build": identity["build"],
        "daemonId": identity["daemonId"],
        "pid": identity["pid"],
        "startedAt": identity["startedAt"],
        "uptimeS": round(time.monotonic() - identity["startedMonotonic"], 3),
        "socket": identity["socket"],
        "stateDir": identity["stateDir"],
        "clients": _clients(core),
        "sessions": len(core.sessions),
        "inFlight": core.dispatcher.busy,
        "lanes": core.lanes.status(),
        "loopLag": core.lag.status(),
        "native": native_stats(),
        "processes": core.processes.live(),
        "servers": core.hub.status(),
        "documents": core.documents.status(),
        "roots": [{"path": root, "tier": "cold"} for root in sorted(core.opened_roots)],
        "agents": {},
        "journal": {"journalId": identity["journalId"], "head": core.subscriptions.head},
        "counters": dict(core.counters),
    } | process


async def doctor(core: Core, *, deep: bool) -> dict[str, Any]:
    """The result of `sidecar/doctor`; looks and starts programs in a thread."""
    seen = msgspec.to_builtins(await status(core))
    return {"checks": await asyncio.to_thread(_checks, seen, deep)}


def native_stats() -> dict[str, Any]:
    """The crate's own counters, or that it is missing."""
    return {"available": True} | native.stats() if native.available() else {"available": False}


def _checks(seen: dict[str, Any], deep: bool) -> list[Any]:
    from sidecar.doctor import checks, facts  # late: most daemons are never asked, and it costs memory

    return checks.run(facts.gather(os.environ, locks.is_held, seen, deep=deep))


def _process() -> dict[str, Any]:
    me = psutil.Process()
    with me.oneshot():
        return {
            "memory": {"rssBytes": me.memory_info().rss},
            "openFiles": me.num_fds(),
            "openFilesLimit": descriptors.limits(),
            "threads": me.num_threads(),
            "cpuS": round(sum(me.cpu_times()[:2]), 3),
        }


def _clients(core: Core) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "name": one.client_name,
            "session": one.session,
            "root": one.root,
            "pid": one.peer_pid,
            "readOnly": one.rights is Rights.READER,
            "queuedBytes": one.pending_bytes,
        }
        for one in core.connections.values()
    ]
