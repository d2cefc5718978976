"""The loop guard (design 3.20): how late the loop's own heartbeat comes while something is live, and whose stack made it late.

It measures only; it never ends what it catches.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from types import FrameType

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


class Witness:
    """A thread that writes down where the loop's thread is when a heartbeat is overdue.

    Not `faulthandler.dump_traceback_later`: its thread reads other threads' frames without the GIL, and in CPython 3.11 that ends
    the process with SIGSEGV within seconds of stalls in Python code [measured: 3 runs of 3]. This one needs the GIL, and so waits
    while the offender holds it in C; but it gets it as soon as that call returns, when the offender's frame is still the innermost.
    """

    def __init__(self, loop_thread: int) -> None:
        self._loop_thread = loop_thread
        self._due_at: float | None = None
        self._seen: tuple[float, str] = (0.0, "")
        self._nudge = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="sidecar-lag", daemon=True)
        self._thread.start()

    def expect(self, due_at: float | None) -> None:
        """The next heartbeat is due at this `time.monotonic()`; None: no heartbeat is expected."""
        resting, self._due_at = self._due_at is None, due_at
        if resting:
            self._nudge.set()

    def stack(self, due_at: float) -> str:
        """Where the loop was when the heartbeat due then was overdue; empty if it came too soon after to be seen."""
        return self._seen[1] if self._seen[0] == due_at else ""

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._nudge.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed:
            due_at = self._due_at
            left_s = None if due_at is None else due_at + STALL_S - time.monotonic()
            if due_at is not None and left_s is not None and left_s <= 0:
                if self._seen[0] != due_at:
                    self._seen = (due_at, _innermost(sys._current_frames().get(self._loop_thread)))
                left_s = STALL_S
            self._nudge.wait(left_s)
            self._nudge.clear()


class LagGuard:
    """A 10 Hz heartbeat on the running loop, beating only while something is live."""

    def __init__(self, is_live: Callable[[], bool]) -> None:
        self._is_live = is_live
        self._histogram = Histogram()
        self._worst: list[dict[str, object]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._witness: Witness | None = None

    def wake(self) -> None:
        """Something became live: beat, if not beating yet."""
        if self._timer is None:
            self._arm()

    def close(self) -> None:
        """Stop beating and end the witness."""
        self._rest()
        if self._witness is not None:
            self._witness.close()
            self._witness = None

    def status(self) -> dict[str, object]:
        """The `loopLag` member of `sidecar/status`, in milliseconds."""
        histogram = self._histogram
        quantiles = {name: round(histogram.quantile_ms(share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}
        return quantiles | {"max": round(histogram.max_ms, 2), "samples": histogram.total, "worst": self._worst}

    def _arm(self) -> None:
        self._due_at = time.monotonic() + PERIOD_S
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._beat)
        self._witness = self._witness or Witness(threading.get_ident())
        self._witness.expect(self._due_at)

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
        if self._witness is not None:
            self._witness.expect(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _keep(self, late_s: float) -> None:
        stack = self._witness.stack(self._due_at) if self._witness is not None else ""
        self._worst.append({"ms": round(late_s * 1e3, 1), "stack": stack})
        self._worst.sort(key=lambda stall: -float(str(stall["ms"])))
        del self._worst[KEPT_STACKS:]


def _innermost(frame: FrameType | None) -> str:
    """The innermost ten frames, a line each."""
    lines: list[str] = []
    while frame is not None and len(lines) < 10:
        lines.append(f'File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_qualname}')
        frame = frame.f_back
    return "\n".join(lines)
