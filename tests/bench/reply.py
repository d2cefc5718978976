"""A reply of 100,000 matches: how long it stalls the daemon's loop, and what it costs beside Python dicts and json.dumps."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.heartbeat import EmptyLoop
from tests.bench.load import cpu_s
from tests.bench.rows import Row, absolute, main, median, ratio

ROUNDS, MATCHES = 15, 100_000


def in_python(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> bytes:
    """The same reply as a Python search would make it: a dict a match, then json.dumps."""
    matches = [
        {names[0]: row[0], names[1]: row[1], names[2]: row[2], names[3]: row[3], "submatches": [{"start": start, "end": end} for start, end in row[4]],
         "range": {"start": {"line": row[5][0], "character": row[5][1]}, "end": {"line": row[5][2], "character": row[5][3]}}}
        for row in rows
    ]  # fmt: skip
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"matches": matches}}).encode()


def flat(match: dict[str, Any]) -> tuple[Any, ...]:
    """A match as the values that a Python search would have at hand."""
    first, last = match["range"]["start"], match["range"]["end"]
    spans = [(span["start"], span["end"]) for span in match["submatches"]]
    return match["path"], match["line"], match["byteOffset"], match.get("text", ""), spans, (first["line"], first["character"], last["line"], last["character"])


def measure() -> list[Row]:
    """All rows of this group."""
    params = {"root": str(corpus.large()), "pattern": "e", "limit": MATCHES, "maxBytes": 256 << 20, "order": "any"}
    names = ("path", "line", "byteOffset", "text")
    with Daemon() as daemon, EmptyLoop() as empty:
        link = daemon.link()
        _, body = link.timed("sidecar/grep", params)
        found = json.loads(body)["result"]["matches"]
        assert len(found) == MATCHES
        rows = [flat(match) for match in found]
        stalls, calm, ours, theirs = [], [], [], []
        for _ in range(ROUNDS):
            empty.start()
            daemon.heartbeat(on=True)
            before = cpu_s(daemon.pid)
            link.timed("sidecar/grep", params)
            ours.append((cpu_s(daemon.pid) - before) * 1e3)
            stalls.append(daemon.heartbeat(on=False)["max"])
            calm.append(empty.stop()["max"])
            started = time.process_time()
            in_python(rows, names)
            theirs.append((time.process_time() - started) * 1e3)
        link.close()
    size = f"{len(body) / 1e6:.0f} MB"
    return [
        absolute("loop stall by a reply of 100,000 matches (less the empty loop's)", stalls, "ms", 10, f"{size}; empty loop {median(calm):.2g} ms",
                 max(0.0, median(stalls) - median(calm))),
        ratio("CPU of that reply, the search itself included, of dicts + json.dumps", ours, theirs, "ms", 1 / 4, size),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
