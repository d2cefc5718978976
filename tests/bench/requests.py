"""What one request costs, against a pygls server on uvloop that puts the same bytes on the wire."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.daemon import Daemon
from tests.bench.load import cpu_s, one_by_one, windowed
from tests.bench.rows import Row, main, ratio

ROUNDS, TOTAL, WINDOW = 15, 4000, 32
PING = ("sidecar/ping", {})
NOOP = ("sidecar/tools/call", {"tool": "noop", "args": {}})


@contextmanager
def peer(replies: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """A running peer: its socket and its process id."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path, file = f"{folder}/peer.sock", Path(folder, "replies.json")
        file.write_text(json.dumps(replies))
        process = subprocess.Popen([sys.executable, "-m", "tests.bench.pygls_peer", path, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout and process.stdin
        process.stdout.readline()
        try:
            yield path, process.pid
        finally:
            process.stdin.close()
            process.wait(10)
            process.stdout.close()


def pinned(pid: int, core: int) -> None:
    """Keep every thread of a process on one core, so that the client has the other."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[core % len(cores)]})


def cpu_us(path: str, pid: int, method: str, params: dict[str, Any]) -> float:
    """Microseconds of server CPU a request, with a window of requests in flight."""
    before = cpu_s(pid)
    windowed(path, method, params, WINDOW, TOTAL)
    return (cpu_s(pid) - before) / TOTAL * 1e6


def alternate(rounds: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Both series, taking turns."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return [mine for mine, _ in pairs], [other for _, other in pairs]


def measure() -> list[Row]:
    """All rows of this group."""
    rows = []
    with Daemon() as daemon:
        link = daemon.link()
        replies = {PING[0]: link.call(*PING), NOOP[0]: link.call(*NOOP)}
        link.close()
        with peer(replies) as (path, pid):
            pinned(daemon.pid, 0)
            pinned(pid, 0)
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            for label, (method, params), bound in (("answered inline (sidecar/ping)", PING, 1 / 25), ("through the runner (a no-op tool)", NOOP, 1 / 8)):
                ours, theirs = alternate(
                    ROUNDS, lambda m=method, p=params: cpu_us(daemon.socket, daemon.pid, m, p), lambda m=method, p=params: cpu_us(path, pid, m, p)
                )
                size = len(json.dumps(replies[method]))
                rows.append(ratio(f"server CPU a request, window {WINDOW}, {label}", ours, theirs, "us", bound, f"reply of {size} bytes"))
            for label, (method, params) in (("sidecar/ping", PING), ("a no-op tool", NOOP)):
                mine, other = [], []
                for _ in range(ROUNDS):
                    mine += one_by_one(daemon.socket, method, params, 200)
                    other += one_by_one(path, method, params, 200)
                scaled = [[second * 1e6 for second in series] for series in (mine, other)]
                rows.append(ratio(f"latency, window 1, {label}", scaled[0], scaled[1], "us", 1 / 3))
    return rows


if __name__ == "__main__":
    main(measure)
