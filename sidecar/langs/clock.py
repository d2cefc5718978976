"""The time as back-off, breaker and idle stop see it; tests bring their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""


class Clock(Protocol):
    """Instants in seconds, and calls at later ones."""

    def now(self) -> float:
        """The instant."""

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call once, `delay_s` seconds from now."""


class LoopClock:
    """The running loop's time."""

    def now(self) -> float:
        """`time.monotonic()` seconds."""
        return time.monotonic()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """See `Clock`."""
        return asyncio.get_running_loop().call_later(delay_s, call)
