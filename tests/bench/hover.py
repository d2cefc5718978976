"""Our own part of a hover on an idle daemon, for every language server: from `meta`, everything but the server's own time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.daemon import Daemon
from tests.bench.flood import own_ms
from tests.bench.rows import Row, absolute, main, median, percentile
from tests.support.real_servers import SAMPLES, Sample, config, environment

HOVERS, WARMING = 2000, 200
P50_MS, P99_MS = 0.4, 3.0


def of_server(sample: Sample) -> list[Row]:
    """Its two rows; the text is the disk's, which is looked at anew each time."""
    daemon = Daemon(bare=True, config=config(sample.server))
    daemon.env.update(environment())
    own: list[float] = []
    server: list[float] = []
    with tempfile.TemporaryDirectory(prefix="sc-hover-") as folder, daemon:
        root = sample.write(Path(folder), "twice")
        link = daemon.link()
        for number in range(WARMING + HOVERS):
            found = link.call("sidecar/tools/call", {"tool": "hover", "args": sample.args(), "root": str(root), "timeoutMs": 100_000})
            if number >= WARMING:
                assert found["contents"] is not None and found["server"] == sample.server, found
                own.append(own_ms(found["meta"]))
                server.append(found["meta"]["serverMs"])
    note = f"{len(own)} hovers; the server itself {median(server):.3g} ms"
    return [
        absolute(f"idle hover by {sample.server}: our own part, p50", own, "ms", P50_MS, note, percentile(own, 0.5)),
        absolute(f"idle hover by {sample.server}: our own part, p99", own, "ms", P99_MS, note, percentile(own, 0.99)),
    ]


def measure() -> list[Row]:
    """All rows of this group."""
    return [row for sample in SAMPLES for row in of_server(sample)]


if __name__ == "__main__":
    main(measure)
