"""Times of one request and counters of the whole daemon: values only, no clock of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """Where the time of one request went; all instants are `time.monotonic()` seconds.

    Attributes:
        accepted_at: when its frame was complete.
        queued_s: waiting for a lane's slot.
        run_s: the tool's own run, waiting for a language server included.
        encode_s: building the reply's bytes in Python.
        server_s: waiting for a language server's answer, out of `run_s`.
    """

    accepted_at: float
    queued_s: float = 0.0
    run_s: float = 0.0
    encode_s: float = 0.0
    server_s: float = 0.0

    def meta(self, notes: Mapping[str, object]) -> dict[str, object]:
        """The `meta` object of a tool's reply, the tool's own notes included; durations in milliseconds."""
        meta: dict[str, object] = {
            "queuedMs": round(self.queued_s * 1e3, 3),
            "runMs": round(self.run_s * 1e3, 3),
            "encodeMs": round(self.encode_s * 1e3, 3),
        }
        if self.server_s:
            meta["serverMs"] = round(self.server_s * 1e3, 3)
        meta.update(notes)
        return meta


class Counters(Counter[str]):
    """Totals since the daemon started, by name; shown in `sidecar/status`."""
