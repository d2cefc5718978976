"""Bounded, fair lanes: how many calls of one class run at once, who waits, and who is sent away.

A lane never runs anything itself. All methods belong to the loop's thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.engine.deadline import Deadline
from sidecar.engine.spec import LaneName
from sidecar.errors import Overloaded, TimedOut


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Bounds of one lane.

    Attributes:
        limit: calls that run at once, at least 2 (design 3.17).
        queue: calls of one client that may wait; all clients together four times as many.
        queue_budget_s: seconds a call may wait before it is sent away with -32001.
    """

    limit: int
    queue: int
    queue_budget_s: float


@dataclass(slots=True)
class LaneSlot:
    """A place in a lane, free again when everything that holds it has let go."""

    lane: Lane
    client_id: str
    reserved: bool
    granted_at: float
    holders: int = 1

    def hold(self) -> None:
        """Keep the place for work that may outlive the answer (invariant 5)."""
        self.holders += 1

    def release(self) -> None:
        """Let go once; the last one to let go frees the place."""
        self.holders -= 1
        if self.holders == 0:
            self.lane.free(self)


class Lane:
    """One class of work. One of its slots serves only clients that hold none in it (design 3.17)."""

    def __init__(self, name: LaneName, limits: LaneLimits) -> None:
        self.name = name
        self.limits = limits
        self.rejected = 0
        self._general = 0
        self._reserved_used = False
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[LaneSlot]]] = OrderedDict()
        self._queued = 0
        self._mean_run_s = 0.05

    @property
    def running(self) -> int:
        """Slots in use."""
        return self._general + self._reserved_used

    @property
    def queued(self) -> int:
        """Calls that wait."""
        return self._queued

    async def acquire(self, client_id: str, deadline: Deadline) -> LaneSlot:
        """A slot for one call of `client_id`, at once or after waiting.

        Raises:
            Overloaded: the queue is full, or the wait is over the lane's budget.
            TimedOut: the deadline passed while waiting.
        """
        return self.try_acquire(client_id) or await self._wait(client_id, deadline)

    def try_acquire(self, client_id: str) -> LaneSlot | None:
        """A slot at once, or None: then `acquire` waits for one."""
        return None if client_id in self._waiting else self._grant(client_id)

    def free(self, slot: LaneSlot) -> None:
        """Take a slot back and hand it on; called by `LaneSlot.release` alone."""
        if slot.reserved:
            self._reserved_used = False
        else:
            self._general -= 1
        self._held[slot.client_id] -= 1
        if not self._held[slot.client_id]:
            del self._held[slot.client_id]
        self._mean_run_s += 0.1 * (time.monotonic() - slot.granted_at - self._mean_run_s)
        if slot.client_id in self._waiting:
            self._waiting.move_to_end(slot.client_id)  # it has just been served
        self._hand_on()

    def _grant(self, client_id: str) -> LaneSlot | None:
        if self._general < self.limits.limit - 1:
            self._general += 1
            reserved = False
        elif not self._reserved_used and client_id not in self._held:
            self._reserved_used = reserved = True
        else:
            return None
        self._held[client_id] += 1
        return LaneSlot(self, client_id, reserved, time.monotonic())

    def _hand_on(self) -> None:
        # The client that holds least goes first, then the one that has been served longest ago.
        for client_id in sorted(self._waiting, key=lambda waiting: self._held.get(waiting, 0)):
            self._drop_cancelled(client_id)
            slot = self._grant(client_id) if client_id in self._waiting else None
            if slot is not None:
                self._next_of(client_id).set_result(slot)
                return

    def _drop_cancelled(self, client_id: str) -> None:
        # A cancel ends the future at once, but its task withdraws only when it runs: a slot given to it would be lost.
        waiting = self._waiting[client_id]
        while waiting and waiting[0].done():
            waiting.popleft()
            self._queued -= 1
        if not waiting:
            del self._waiting[client_id]

    def _next_of(self, client_id: str) -> asyncio.Future[LaneSlot]:
        waiting = self._waiting[client_id]
        future = waiting.popleft()
        self._queued -= 1
        if waiting:
            self._waiting.move_to_end(client_id)
        else:
            del self._waiting[client_id]
        return future

    async def _wait(self, client_id: str, deadline: Deadline) -> LaneSlot:
        self._refuse_if_full(client_id)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[LaneSlot] = loop.create_future()
        self._waiting.setdefault(client_id, deque()).append(future)
        self._queued += 1
        remaining_s = deadline.remaining_s()
        timer = loop.call_later(min(remaining_s, self.limits.queue_budget_s), self._give_up, client_id, future, remaining_s)
        try:
            return await future
        except asyncio.CancelledError:
            self._withdraw(client_id, future)
            raise
        finally:
            timer.cancel()

    def _withdraw(self, client_id: str, future: asyncio.Future[LaneSlot]) -> None:
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().release()  # granted in the same turn of the loop as the cancel
        else:
            self._forget(client_id, future)

    def _forget(self, client_id: str, future: asyncio.Future[LaneSlot]) -> None:
        waiting = self._waiting.get(client_id)
        if waiting is None or future not in waiting:
            return
        waiting.remove(future)
        self._queued -= 1
        if not waiting:
            del self._waiting[client_id]

    def _give_up(self, client_id: str, future: asyncio.Future[LaneSlot], remaining_s: float) -> None:
        if future.done():
            return
        self._forget(client_id, future)
        if remaining_s <= self.limits.queue_budget_s:
            future.set_exception(TimedOut(f"the deadline passed in the queue of the {self.name} lane", hint="Ask with a larger timeoutMs, or for less."))
        else:
            future.set_exception(self._overloaded())

    def _refuse_if_full(self, client_id: str) -> None:
        if len(self._waiting.get(client_id, ())) >= self.limits.queue or self._queued >= 4 * self.limits.queue:
            raise self._overloaded()

    def _overloaded(self) -> Overloaded:
        self.rejected += 1
        retry_ms = max(10, int(1e3 * self._mean_run_s * (self._queued + 1) / self.limits.limit))
        return Overloaded(
            f"the {self.name} lane is full ({self.running} running, {self._queued} waiting)",
            hint="Try again after retryAfterMs, or send fewer requests at once.",
            retry_after_ms=retry_ms,
        )


class Lanes:
    """All lanes by name; made once by the composition root."""

    def __init__(self, limits: Mapping[LaneName, LaneLimits]) -> None:
        self._lanes = {name: Lane(name, limits[name]) for name in LaneName}

    def __getitem__(self, name: LaneName) -> Lane:
        return self._lanes[name]

    def status(self) -> list[dict[str, object]]:
        """The `lanes` member of `sidecar/status`."""
        return [
            {"name": lane.name, "running": lane.running, "queued": lane.queued, "limit": lane.limits.limit, "rejected": lane.rejected}
            for lane in self._lanes.values()
        ]
