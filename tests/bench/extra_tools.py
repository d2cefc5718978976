"""Tools that only a daemon under measurement has: a heartbeat, and a probe of cancelling."""

from __future__ import annotations

import asyncio
import time

import msgspec

from sidecar.engine.spec import Context, Effect, LaneName, Outcome, Scope, Timeout, ToolSpec
from tests.bench.heartbeat import Heartbeat

_heart = Heartbeat()
_SHORT = Timeout(default_ms=30_000, max_ms=60_000)


class Beat(msgspec.Struct, frozen=True):
    """Start or stop the heartbeat."""

    on: bool


class Beats(msgspec.Struct, frozen=True):
    """How late the beats came, in milliseconds."""

    beats: float = 0
    p50: float = 0
    p999: float = 0
    max: float = 0


class Probe(msgspec.Struct, frozen=True, rename="camel"):
    """A native operation to be cancelled after a while."""

    op: str
    request: msgspec.Raw
    after_ms: float


class Freed(msgspec.Struct, frozen=True):
    """Milliseconds from the cancel to the free thread; None when the work was done before."""

    ms: float | None


class TimedSlot:
    """A slot that knows when it was let go."""

    def __init__(self) -> None:
        self.freed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def hold(self) -> None:
        """Taken along by the native pool."""

    def release(self) -> None:
        """Rust has returned."""
        if not self.freed.done():
            self.freed.set_result(time.perf_counter())


async def heartbeat(context: Context, args: Beat) -> Outcome:
    """Beat at 1 kHz in the daemon's own loop."""
    if args.on:
        _heart.start()
        return Outcome(Beats())
    return Outcome(msgspec.convert(_heart.stop(), Beats))


async def cancel_probe(context: Context, args: Probe) -> Outcome:
    """Run, cancel, and wait until the native pool gives the slot back."""
    slot = TimedSlot()
    work = asyncio.ensure_future(context.ports.native.run(args.op, bytes(args.request), deadline=context.deadline, slot=slot))
    done, _ = await asyncio.wait([work], timeout=args.after_ms / 1e3)
    if done:
        work.result()
        return Outcome(Freed(None))
    cancelled_at = time.perf_counter()
    work.cancel()
    return Outcome(Freed((await slot.freed - cancelled_at) * 1e3))


SPECS = [
    ToolSpec("heartbeat", "1 kHz.", LaneName.INTERACTIVE, _SHORT, Beat, Beats, heartbeat, Effect.READ, Scope.CONFINED),
    ToolSpec("cancel_probe", "Cancel native work.", LaneName.INTERACTIVE, _SHORT, Probe, Freed, cancel_probe, Effect.READ, Scope.CONFINED),
]
