"""When a server that has crashed may be started again: back-off, then a circuit breaker. A value; the clock is the caller's."""

from __future__ import annotations

from dataclasses import dataclass

BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
"""Seconds before the next attempt after so many failures in a row; one more opens the breaker."""
OPEN_S = 60.0
"""Seconds that an open breaker lets nobody through; then one attempt may show that the server is well again."""
STABLE_S = 60.0
"""Seconds of life after which a crash counts as the first one again."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """How often a server has failed in a row, and until when it is left alone.

    Attributes:
        attempts: failures in a row.
        until_s: instant (the caller's clock) before which it must not be started.
    """

    attempts: int = 0
    until_s: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it has failed too often to be waited for."""
        return self.attempts > len(BACK_OFF_S)

    def failed(self, now_s: float, lived_s: float = 0.0) -> Breaker:
        """After a failed start, or a crash `lived_s` seconds after a good one."""
        attempts = 1 if lived_s >= STABLE_S else self.attempts + 1
        wait_s = OPEN_S if attempts > len(BACK_OFF_S) else BACK_OFF_S[attempts - 1]
        return Breaker(attempts, now_s + wait_s)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next attempt may be made."""
        return max(0.0, self.until_s - now_s)
