"""Every setting, its type, its bounds and its default: one field each. Values only; reading files is `layers`' work.

Names end in their unit: `_s` seconds, `_ms` milliseconds, `_bytes`. A key that is no field here is an error in configuration.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
LaneCount = Annotated[int, Meta(ge=2, le=100_000)]
"""At least 2: one slot of each lane is kept for clients that hold none in it (design 3.17)."""
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Bytes = Annotated[int, Meta(ge=1024, le=1 << 40)]
LogLevel = Literal["debug", "info", "warning", "error"]


def cores() -> int:
    """How many processors this process may use; a container's bound counts."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table of the configuration."""


class Daemon(Table, frozen=True):
    """The daemon itself.

    Attributes:
        idle_exit_s: leave after this long without a connection, request, agent or job; 0 = never.
        log_level: least severe messages that reach the log file.
    """

    idle_exit_s: Seconds = 3600.0
    log_level: LogLevel = "info"


class Lane(Table, frozen=True):
    """One class of work.

    Attributes:
        limit: calls that run at once.
        queue: calls that may wait; one more is refused with -32001.
        queue_budget_ms: how long a call may wait for its slot before it is refused with -32001 (design 3.18).
    """

    limit: LaneCount = 64
    queue: Count = 256
    queue_budget_ms: Milliseconds = 10_000


class Lanes(Table, frozen=True):
    """All lanes (features A5)."""

    interactive: Lane = Lane(limit=64, queue=256, queue_budget_ms=10_000)
    search: Lane = msgspec.field(default_factory=lambda: Lane(limit=max(4, 2 * cores()), queue=64, queue_budget_ms=10_000))
    process: Lane = Lane(limit=16, queue=128, queue_budget_ms=30_000)
    spawn: Lane = Lane(limit=8, queue=256, queue_budget_ms=30_000)
    agents: Lane = Lane(limit=64, queue=256, queue_budget_ms=30_000)


class Native(Table, frozen=True):
    """The Rust crate.

    Attributes:
        threads: its worker threads; all searches share them.
    """

    threads: Annotated[int, Meta(ge=1, le=256)] = msgspec.field(default_factory=cores)


class Limits(Table, frozen=True):
    """Bounds of the daemon and of one client.

    Attributes:
        clients: connections at once; one more is refused. Each takes two of the daemon's descriptors (`daemon/descriptors.py`).
        outbox_bytes: what may queue for one client behind the reply being written (design 3.16).
        in_flight: unanswered requests of one connection; one more is refused with -32001.
        servers_rss_bytes: memory of all language servers together over which idle ones are stopped; at first half of the machine's.
    """

    clients: Count = 512
    outbox_bytes: Bytes = 64 << 20
    in_flight: Count = 1024
    servers_rss_bytes: Bytes = msgspec.field(default_factory=lambda: memory() // 2)


class Server(Table, frozen=True):
    """What is changed about one language server of the table in `langs/servers.py`, by its name there.

    Attributes:
        enabled: false = never started.
        command: argv in place of the table's own; empty = the table's.
        env: variables added to its environment.
        idle_stop_s: stop it after this long without a request; 0 = never.
        rss_max_bytes: stop it when its processes use more memory than this; 0 = never, unset = the table's.
        prefer: take it before the other servers of its languages.
    """

    enabled: bool = True
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    idle_stop_s: Seconds = 1800.0
    rss_max_bytes: Annotated[int, Meta(ge=0, le=1 << 40)] | None = None
    prefer: bool = False


class Timeout(Table, frozen=True):
    """One tool's time.

    Attributes:
        default_ms: when a request names none; 0 = the tool's own.
        max_ms: at most; 0 = the tool's own.
    """

    default_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 0
    max_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 0


class Settings(Table, frozen=True):
    """The whole configuration, one table a member."""

    daemon: Daemon = Daemon()
    lanes: Lanes = msgspec.field(default_factory=Lanes)
    native: Native = msgspec.field(default_factory=Native)
    limits: Limits = Limits()
    servers: dict[str, Server] = {}
    timeouts: dict[str, Timeout] = {}
