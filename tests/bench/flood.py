"""Hover under a flood: four greps over and over and twenty process starts a second, all through the one daemon.

What counts is our own part of a hover, from its `meta`: everything but the language server's own time. The loop's lateness is
measured by a 1 kHz heartbeat in the daemon and in an empty loop at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.heartbeat import EmptyLoop
from tests.bench.language_server import Direct
from tests.bench.load import Link
from tests.bench.rows import Row, absolute, main, median, percentile

RUNS, HOVERS, GREPS, STARTERS, STARTS_A_SECOND = 3, 1500, 4, 4, 20
ROOT, FILE = Path(__file__).parents[2], "sidecar/errors.py"
READY_ATTEMPTS = 60
# Half of the greps make the workers sweat, half make the loop write megabytes.
SEARCHES: tuple[dict[str, Any], ...] = ({"pattern": r"def \w+_\w+_handler\b"}, {"pattern": "import", "limit": 20_000, "maxBytes": 8 << 20})


def place() -> tuple[int, int]:
    """A name to hover, as a 0-based position."""
    lines = (ROOT / FILE).read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if text.startswith("class SidecarError"))
    return line, len("class S")


class Flood:
    """The noise: each client a thread and a connection of its own, reading replies unparsed."""

    def __init__(self, daemon: Daemon) -> None:
        self.greps = self.starts = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._grep, args=(daemon.link(), SEARCHES[number % len(SEARCHES)])) for number in range(GREPS)]
        self._threads += [threading.Thread(target=self._start, args=(daemon.link(),)) for _ in range(STARTERS)]

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _grep(self, link: Link, params: dict[str, Any]) -> None:
        while not self._over.is_set():
            link.timed("sidecar/grep", {"root": str(corpus.large()), **params})
            self.greps += 1

    def _start(self, link: Link) -> None:
        call = {"tool": "run_command", "args": {"argv": ["true"], "timeoutMs": 10_000}, "root": str(ROOT)}
        due_at = time.monotonic()
        while not self._over.wait(max(0.0, due_at - time.monotonic())):
            link.call("sidecar/tools/call", call)
            self.starts += 1
            due_at += STARTERS / STARTS_A_SECOND


@contextmanager
def ready(daemon: Daemon) -> Iterator[Link]:
    """A connection whose language server is warm."""
    link = daemon.link()
    for _ in range(READY_ATTEMPTS):
        if hover(link)["contents"] is not None:
            break
    yield link


def hover(link: Link) -> dict[str, Any]:
    """One hover through the daemon."""
    line, character = place()
    args = {"path": FILE, "line": line, "character": character}
    return link.call("sidecar/tools/call", {"tool": "hover", "args": args, "root": str(ROOT), "timeoutMs": 60_000})


def own_ms(meta: dict[str, float]) -> float:
    """Our part of a hover: everything between accept and the reply's bytes but the server's time."""
    return meta["queuedMs"] + meta["runMs"] + meta["encodeMs"] - meta.get("serverMs", 0.0)


def measure() -> list[Row]:
    """All rows of this group."""
    own: list[float] = []
    late: list[float] = []
    calm: list[float] = []
    through: list[float] = []
    direct: list[float] = []
    line, character = place()
    notes = []
    with Daemon() as daemon, EmptyLoop() as empty, Direct(ROOT, FILE) as server, ready(daemon) as link:
        server.hover(line, character)
        for _ in range(RUNS):
            empty.start()
            daemon.heartbeat(on=True)
            started = time.monotonic()
            with Flood(daemon) as flood:
                for _ in range(HOVERS):
                    meta = hover(link)["meta"]
                    own.append(own_ms(meta))
                    through.append(meta["runMs"])
                    direct.append(server.hover(line, character) * 1e3)
            late.append(daemon.heartbeat(on=False)["p999"])
            calm.append(empty.stop()["p999"])
            notes.append(f"{flood.greps} greps and {flood.starts} starts in {time.monotonic() - started:.1f} s")
    part = f"{len(own)} hovers; {'; '.join(notes)}"
    beside = f"directly {median(direct):.3g} ms"
    loops = f"empty loop {median(calm):.3g} ms, median of {RUNS} runs"
    return [
        absolute("flood: our own part of a hover, p99", own, "ms", 10, part, percentile(own, 0.99)),
        absolute("flood: a hover through us less one asked directly, medians", through, "ms", None, beside, median(through) - median(direct)),
        absolute("flood: loop lag p99.9, less the empty loop's", late, "ms", 5, loops, median(late) - median(calm)),
    ]


if __name__ == "__main__":
    main(measure)
