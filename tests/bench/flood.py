"""Hover under a flood: four greps over and over and twenty process starts a second, all through the one daemon; then the same
with two ast-greps over 10,000 files beside.

What counts is our own part of a hover, from its `meta`: everything but the language server's own time. The loop's lateness is
measured by a 1 kHz heartbeat in the daemon and in an empty loop at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
STRUCTURAL = {"pattern": "$A = $B", "limit": 5_000, "maxBytes": 8 << 20}
SEARCHES: tuple[dict[str, Any], ...] = ({"pattern": r"def \w+_\w+_handler\b"}, {"pattern": "import", "limit": 20_000, "maxBytes": 8 << 20})


def place() -> tuple[int, int]:
    """A name to hover, as a 0-based position."""
    lines = (ROOT / FILE).read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if text.startswith("class SidecarError"))
    return line, len("class S")


class Flood:
    """The noise: each client a thread and a connection of its own, reading replies unparsed."""

    def __init__(self, daemon: Daemon, structural: int) -> None:
        self.greps = self.starts = self.structural = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._grep, args=(daemon.link(), SEARCHES[number % len(SEARCHES)])) for number in range(GREPS)]
        self._threads += [threading.Thread(target=self._start, args=(daemon.link(),)) for _ in range(STARTERS)]
        self._threads += [threading.Thread(target=self._parse, args=(daemon.link(),)) for _ in range(structural)]

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

    def _parse(self, link: Link) -> None:
        while not self._over.is_set():
            link.timed("sidecar/astGrep", {"root": str(corpus.large()), **STRUCTURAL})
            self.structural += 1

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


@dataclass
class Measured:
    """Everything that one kind of flood showed, in milliseconds."""

    own: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)
    through: list[float] = field(default_factory=list)
    direct: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rows(self, label: str) -> list[Row]:
        """The rows of this flood."""
        part = f"{len(self.own)} hovers; {'; '.join(self.notes)}"
        beside = f"directly {median(self.direct):.3g} ms"
        loops = f"empty loop {median(self.calm):.3g} ms, median of {RUNS} runs"
        extra = median(self.through) - median(self.direct)
        return [
            absolute(f"{label}: our own part of a hover, p99", self.own, "ms", 10, part, percentile(self.own, 0.99)),
            absolute(f"{label}: a hover through us less one asked directly, medians", self.through, "ms", None, beside, extra),
            absolute(f"{label}: loop lag p99.9, less the empty loop's", self.late, "ms", 5, loops, median(self.late) - median(self.calm)),
        ]


def flooded(daemon: Daemon, empty: EmptyLoop, server: Direct, link: Link, structural: int) -> Measured:
    """Hover `RUNS` times `HOVERS` times in the midst of a flood."""
    seen = Measured()
    line, character = place()
    for _ in range(RUNS):
        empty.start()
        daemon.heartbeat(on=True)
        started = time.monotonic()
        with Flood(daemon, structural) as flood:
            for _ in range(HOVERS):
                meta = hover(link)["meta"]
                seen.own.append(own_ms(meta))
                seen.through.append(meta["runMs"])
                seen.direct.append(server.hover(line, character) * 1e3)
        seen.late.append(daemon.heartbeat(on=False)["p999"])
        seen.calm.append(empty.stop()["p999"])
        seen.notes.append(f"{flood.greps} greps, {flood.structural} ast-greps and {flood.starts} starts in {time.monotonic() - started:.1f} s")
    return seen


def measure() -> list[Row]:
    """All rows of this group."""
    line, character = place()
    with Daemon() as daemon, EmptyLoop() as empty, Direct(ROOT, FILE) as server, ready(daemon) as link:
        server.hover(line, character)
        plain = flooded(daemon, empty, server, link, 0)
        structural = flooded(daemon, empty, server, link, 2)
    return plain.rows("flood") + structural.rows("flood and 2 ast-greps")


if __name__ == "__main__":
    main(measure)
