"""When a request must be answered. Made once at accept, handed down, only ever shortened (invariant 4)."""

from __future__ import annotations

import time

import msgspec


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """An instant of `time.monotonic()` (CLOCK_MONOTONIC, which the Rust crate reads too), in seconds."""

    at_s: float

    @classmethod
    def after_ms(cls, duration_ms: float, now_s: float | None = None) -> Deadline:
        """The deadline `duration_ms` milliseconds from `now_s` (default: now)."""
        return cls((time.monotonic() if now_s is None else now_s) + duration_ms / 1e3)

    def remaining_s(self, now_s: float | None = None) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at_s - (time.monotonic() if now_s is None else now_s))

    def shortened_ms(self, duration_ms: float, now_s: float | None = None) -> Deadline:
        """The earlier of this deadline and one `duration_ms` milliseconds from `now_s`."""
        other = Deadline.after_ms(duration_ms, now_s)
        return other if other.at_s < self.at_s else self
