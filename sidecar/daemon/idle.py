"""When a daemon that nobody uses may leave: a clock without I/O, fed once a tick."""

from __future__ import annotations


class IdleClock:
    """Counts how long nothing has happened.

    Args:
        exit_after_s: seconds of idleness after which `due` says so; 0 = never.
        now_s: `time.monotonic()` seconds.
    """

    def __init__(self, exit_after_s: float, now_s: float) -> None:
        self._exit_after_s = exit_after_s
        self._since_s = now_s

    def due(self, *, idle: bool, now_s: float) -> bool:
        """Whether it is time to leave; a moment that is not idle starts the count again."""
        if not idle:
            self._since_s = now_s
        return self._exit_after_s > 0 and now_s - self._since_s >= self._exit_after_s

    def touch(self, now_s: float) -> None:
        """Something happened between two ticks: a client that came and went, for one."""
        self._since_s = now_s
