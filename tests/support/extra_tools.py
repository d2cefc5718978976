"""Tools that only a daemon under test has: each makes one situation happen exactly when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from sidecar.engine.spec import Context, Effect, LaneName, Outcome, Scope, Timeout, ToolSpec


class Nothing(msgspec.Struct, frozen=True):
    """No arguments, or no result."""


class Name(msgspec.Struct, frozen=True):
    """The name of an event in this daemon."""

    name: str


class Fault(msgspec.Struct, frozen=True, rename="camel"):
    """What the native operation `fault` does."""

    panic: bool = False
    spin_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0


class Gates:
    """Events by name: `hold` calls wait on them, `release` opens them."""

    def __init__(self) -> None:
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def hold(self, context: Context, args: Name) -> Outcome:
        """Say that it runs (as one progress value), then wait until it is released."""
        if context.emit is not None:
            context.emit(msgspec.json.encode({"holding": args.name}))
        await self._gates[args.name].wait()
        return Outcome(b"{}")

    async def release(self, context: Context, args: Name) -> Outcome:
        """Let every present and future `hold` of that name go."""
        self._gates[args.name].set()
        return Outcome(b"{}")


async def noop(context: Context, args: Nothing) -> Outcome:
    """Do nothing, through the whole runner."""
    return Outcome(b"{}")


async def fault(context: Context, args: Fault) -> Outcome:
    """Let the native crate panic or spin."""
    return Outcome(await context.ports.native.run("fault", msgspec.json.encode(args), deadline=context.deadline, slot=context.slot))


async def crash(context: Context, args: Nothing) -> Outcome:
    """A tool with a bug of its own."""
    return Outcome(msgspec.json.encode({}[""]))


async def stubborn(context: Context, args: Name) -> Outcome:
    """Return a result although it was cancelled: an answer that comes too late."""
    if context.emit is not None:
        context.emit(msgspec.json.encode({"holding": args.name}))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return Outcome(b"{}")


async def stall(context: Context, args: Nothing) -> Outcome:
    """Keep the loop's thread busy for half a second, as a bug would."""
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        pass
    return Outcome(b"{}")


async def block(context: Context, args: Name) -> Outcome:
    """Block the loop: open a file of that name on it."""
    with open(args.name, "rb") as file:
        file.read(1)
    return Outcome(b"{}")


Run = Callable[[Context, Any], Awaitable[Outcome]]


def _spec(name: str, run: Run, args: type[msgspec.Struct], lane: LaneName = LaneName.INTERACTIVE) -> ToolSpec[Any]:
    return ToolSpec(
        name=name,
        description=(run.__doc__ or "").strip(),
        lane=lane,
        timeout=Timeout(default_ms=60_000, max_ms=600_000),
        args=args,
        result=Nothing,
        run=run,
        effect=Effect.READ,
        scope=Scope.CONFINED,
    )


_gates = Gates()

TOOLS = (
    _spec("noop", noop, Nothing),
    _spec("noop_search", noop, Nothing, LaneName.SEARCH),
    _spec("fault", fault, Fault, LaneName.SEARCH),
    _spec("crash", crash, Nothing),
    _spec("block", block, Name),
    _spec("stall", stall, Nothing),
    _spec("stubborn", stubborn, Name),
    _spec("hold", _gates.hold, Name),
    _spec("hold_search", _gates.hold, Name, LaneName.SEARCH),
    _spec("release", _gates.release, Name),
)
