"""From a cancel to the free native thread: the grep that runs over a large tree notices the flag and returns."""

from __future__ import annotations

import random

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.rows import Row, absolute, main, percentile

ROUNDS = 300
SLOW = r"(?i)\w+[aeiou]{3}\w+\s+\w+zzz\w+"


def measure() -> list[Row]:
    """All rows of this group."""
    chance = random.Random(1)
    everything = {"limit": 2**32 - 1, "maxBytes": 256 << 20}
    request = {"root": str(corpus.large()), "pattern": SLOW, "paths": ["."], "encoding": "utf-16", "stream": False, "roots": None, **everything}
    freed: list[float] = []
    with Daemon() as daemon:
        link = daemon.link()
        for _ in range(ROUNDS):
            probe = {"op": "grep", "request": request, "afterMs": chance.uniform(2, 60)}
            result = link.call("sidecar/tools/call", {"tool": "cancel_probe", "args": probe})
            if result["ms"] is not None:
                freed.append(result["ms"])
        link.close()
    note = f"p99 of {len(freed)} cancelled greps; aim 5 ms"
    return [absolute("cancel to thread free, p99", freed, "ms", 50, note, percentile(freed, 0.99))]


if __name__ == "__main__":
    main(measure)
