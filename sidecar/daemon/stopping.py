"""How a daemon leaves: the modes, the bound in time, and the one place that cuts a draining short. Decides nothing."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sidecar.engine.deadline import Deadline

# Longer than most requests; a client that starts the next daemon meanwhile waits 5 s, then is told who is leaving.
DRAIN_S = 30.0
NOW_S = 2.0  # enough to flush the answers that exist and to kill what we started


class StopMode(enum.StrEnum):
    """How a daemon leaves (protocol.md, `sidecar/stop`)."""

    DRAIN = "drain"
    NOW = "now"
    HANDOVER = "handover"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why and how the daemon leaves, and until when that may take."""

    mode: StopMode
    deadline: Deadline
    reason: str

    @classmethod
    def within(cls, mode: StopMode, deadline_s: float | None, reason: str) -> Stop:
        """A stop that begins now and may take `deadline_s` seconds (None: what is usual for its mode)."""
        if deadline_s is None:
            deadline_s = NOW_S if mode is StopMode.NOW else DRAIN_S
        return cls(mode, Deadline.after_ms(deadline_s * 1e3), reason)


async def ended_in_time(drain: Callable[[Stop], Awaitable[None]], stop: Stop, hurry: asyncio.Event | None = None) -> bool:
    """Whether `drain(stop)` ended by itself; it is cancelled when the stop's deadline passes, or `hurry` is set."""
    draining = asyncio.ensure_future(drain(stop))
    hurrying = asyncio.ensure_future((hurry or asyncio.Event()).wait())
    try:
        done, _ = await asyncio.wait({draining, hurrying}, timeout=stop.deadline.remaining_s(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (draining, hurrying):
            task.cancel()
        ended, _ = await asyncio.gather(draining, hurrying, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended
    return draining in done
