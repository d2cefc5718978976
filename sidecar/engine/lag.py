"""The loop guard (design 3.20): how late the loop's own heartbeat comes while something is live, and whose stack made it late.

It measures only; it never ends what it catches.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from io import FileIO

PERIOD_S = 0.1
# Features D2: our code never blocks the loop longer than this; over it the stack is kept.
STALL_S = 0.05
KEPT_STACKS = 8
_BOUNDS_MS = [0.1 * 1.25**i for i in range(64)]  # 0.1 ms to 127 s, each a quarter above the one before


class Histogram:
    """Counts of durations in exponential buckets; fixed size, whatever happens."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_MS) + 1)
        self.total = 0
        self.max_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Count one duration in milliseconds."""
        self._counts[bisect_left(_BOUNDS_MS, duration_ms)] += 1
        self.total += 1
        self.max_ms = max(self.max_ms, duration_ms)

    def quantile_ms(self, share: float) -> float:
        """The upper bound, in milliseconds, of the bucket that holds the given share (0 to 1) of all durations."""
        seen, wanted = 0, share * self.total
        for bound_ms, count in zip(_BOUNDS_MS, self._counts, strict=False):
            seen += count
            if seen >= wanted and seen:
                return min(bound_ms, self.max_ms)
        return self.max_ms


class LagGuard:
    """A 10 Hz heartbeat on the running loop, beating only while something is live."""

    def __init__(self, is_live: Callable[[], bool]) -> None:
        self._is_live = is_live
        self._histogram = Histogram()
        self._worst: list[dict[str, object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        # The dump is written by a C thread while the GIL may be held; a memory file keeps it off the disk.
        self._dump = FileIO(os.memfd_create("sidecar-stall", os.MFD_CLOEXEC), "r+")

    def wake(self) -> None:
        """Something became live: beat, if not beating yet."""
        if self._timer is None:
            self._arm()

    def close(self) -> None:
        """Stop beating and let go of the memory file."""
        self._rest()
        self._dump.close()

    def status(self) -> dict[str, object]:
        """The `loopLag` member of `sidecar/status`, in milliseconds."""
        histogram = self._histogram
        quantiles = {name: round(histogram.quantile_ms(share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}
        return quantiles | {"max": round(histogram.max_ms, 2), "samples": histogram.total, "worst": self._worst}

    def _arm(self) -> None:
        self._due_at = time.monotonic() + PERIOD_S
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._beat)
        faulthandler.dump_traceback_later(PERIOD_S + STALL_S, file=self._dump)

    def _beat(self) -> None:
        # uvloop's clock has millisecond steps, so a timer may fire up to 1 ms early.
        late_s = max(0.0, time.monotonic() - self._due_at)
        self._histogram.add(late_s * 1e3)
        if late_s > STALL_S:
            self._keep(late_s)
        if self._is_live():
            self._arm()
        else:
            self._rest()

    def _rest(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _keep(self, late_s: float) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._dump.seek(0)
        stack = self._dump.read().decode("utf-8", "replace")
        self._dump.seek(0)
        self._dump.truncate()
        self._worst.append({"ms": round(late_s * 1e3, 1), "stack": _loop_thread(stack)})
        self._worst.sort(key=lambda stall: -float(str(stall["ms"])))
        del self._worst[KEPT_STACKS:]


def _loop_thread(dump: str) -> str:
    """The innermost ten lines of the loop's own thread: `faulthandler` lists threads newest first, so ours is the last."""
    return "\n".join(dump.strip().rpartition("\n\n")[2].splitlines()[:10])
