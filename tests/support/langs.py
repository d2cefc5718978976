"""A hub of the tests' own: real processes under the real supervisor, a scripted language server, and time that stands still."""

from __future__ import annotations

import heapq
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sidecar.config import Server
from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from sidecar.engine.spec import Caller, Hover, PositionEncoding
from sidecar.langs.clock import Clock, LoopClock
from sidecar.langs.documents import Documents
from sidecar.langs.hub import Hub
from sidecar.langs.servers import ROWS, Row
from sidecar.trace import Counters, Trace
from tests.support.waiting import PATIENCE_S, eventually

BAD_SERVER = Path(__file__).with_name("bad_server.py")


class VirtualClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Timer]] = []

    def now(self) -> float:
        """The instant."""
        return self._now

    def call_later(self, delay_s: float, call: Callable[[], None]) -> _Timer:
        """See `sidecar.langs.clock.Clock`."""
        timer = _Timer(call)
        heapq.heappush(self._due, (self._now + delay_s, next(self._order), timer))
        return timer

    def due(self) -> int:
        """How many calls are still to come."""
        return sum(timer.is_set for _, _, timer in self._due)

    def advance(self, by_s: float) -> None:
        """Let time pass, and do what falls due in it."""
        until = self._now + by_s
        while self._due and self._due[0][0] <= until:
            self._now, _, timer = heapq.heappop(self._due)
            timer.run()
        self._now = until


class _Timer:
    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Never."""
        self._call = None

    @property
    def is_set(self) -> bool:
        """Whether it will happen."""
        return self._call is not None

    def run(self) -> None:
        """Now."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Rig:
    """A hub, what it stands on, and short ways to use it.

    Attributes:
        project: the root folder; `a.bad` is a file in it.
        events: what the hub told: kind, data.
    """

    def __init__(self, base: Path, clock: Clock, rows: Sequence[Row], overrides: Mapping[str, Server], total: int) -> None:
        self.project = base / "p"
        self.log_path = base / "bad.log"
        self.processes = Processes(base / "state", str(base / "none.sock"))
        self.documents = Documents()
        self.counters = Counters()
        self.events: list[tuple[str, dict[str, object]]] = []
        self.hub = Hub(self.processes, self.documents, self.counters, overrides, on_event=self._told, clock=clock, rows=rows, rss_max_bytes=total)

    def _told(self, kind: str, data: dict[str, object]) -> None:
        self.events.append((kind, data))

    def write(self, name: str, text: str | bytes) -> Path:
        """A file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def uri(self, name: str = "a.bad") -> str:
        """A file's URI."""
        return (self.project / name).as_uri()

    def open(self, client: str, text: str, version: int = 1, name: str = "a.bad", language: str = "bad") -> None:
        """A client opens a buffer."""
        self.documents.open(client, self.uri(name), language, version, text)

    def caller(self, client: str = "c1", encoding: str = "utf-16", **more: Any) -> Caller:
        """Somebody."""
        return Caller(client, encoding=PositionEncoding(encoding), **more)

    async def hover(
        self, client: str = "c1", at: tuple[int, int] = (0, 0), *, path: str = "a.bad", ms: float = PATIENCE_S * 1e3, trace: Trace | None = None, **caller: Any
    ) -> Hover:
        """The tool."""
        trace = trace or Trace(time.monotonic())
        who = self.caller(client, **caller)
        return await self.hub.hover(who, str(self.project), path, at, deadline=Deadline.after_ms(ms), trace=trace)

    async def echo(self, client: str = "c1", at: tuple[int, int] = (0, 0), **more: Any) -> dict[str, Any]:
        """What the scripted server tells in a hover, and the range as [start, end] characters."""
        result = await self.hover(client, at, **more)
        contents = json.loads(bytes(result.contents))
        assert contents is not None, f"no contents, the server is {result.readiness}"
        span = json.loads(bytes(result.range))
        return {**json.loads(contents["value"]), "range": [span["start"]["character"], span["end"]["character"]], "answer": result}

    async def forward(self, client: str = "c1", at: tuple[int, int] = (0, 0), *, name: str = "a.bad", ms: float = PATIENCE_S * 1e3, **caller: Any) -> Any:
        """`textDocument/hover`."""
        who = self.caller(client, **caller)
        trace = Trace(time.monotonic())
        return json.loads(await self.hub.forward_hover(who, str(self.project), self.uri(name), at, deadline=Deadline.after_ms(ms), trace=trace))

    def log(self) -> list[dict[str, Any]]:
        """What the scripted servers have written down."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()] if self.log_path.exists() else []

    def received(self, method: str) -> list[dict[str, Any]]:
        """The messages of a method that reached a server."""
        return [entry for entry in self.log() if entry.get("method") == method]

    def starts(self) -> list[int]:
        """The pids of all servers that were started."""
        return [entry["start"] for entry in self.log() if "start" in entry]

    def breaches(self) -> list[str]:
        """What we did wrong, as the servers saw it."""
        return [entry["breach"] for entry in self.log() if "breach" in entry]

    def told(self, kind: str) -> list[dict[str, object]]:
        """Events of a kind."""
        return [data for found, data in self.events if found == kind]

    async def until_told(self, kind: str, times: int = 1) -> None:
        """Wait for the nth event of a kind."""
        await eventually(lambda: len(self.told(kind)) >= times, what=f"{kind} {times} times; told: {self.events}")

    async def until_received(self, method: str, times: int = 1) -> None:
        """Wait for the nth message of a method to reach a server."""
        await eventually(lambda: len(self.received(method)) >= times, what=f"{method} {times} times")


@asynccontextmanager
async def bad_rig(
    base: Path, *flags: str, clock: Clock | None = None, overrides: Mapping[str, Server] | None = None, total: int = 1 << 40, **row: Any
) -> AsyncIterator[Rig]:
    """A hub whose only server is the scripted one; at the end nothing of it may be left.

    Args:
        base: a folder of the test's own.
        flags: the scripted server's.
        clock: of the hub.
        overrides: the user's configuration.
        total: memory in bytes that all servers may use.
        row: what is changed about its row.
    """
    command = (sys.executable, "-S", str(BAD_SERVER), "--log", str(base / "bad.log"), *flags)
    bad = Row(name="bad", command=command, languages={".bad": "bad"}, markers=(".root",), settings={"bad": {"known": 7}}, start_s=PATIENCE_S, idle_stop_s=0)
    async with rig(base, [replace(bad, **row)], clock, overrides, total) as made:
        made.write(".root", "")
        made.write("a.bad", "name = 1\n")
        yield made
        assert made.breaches() == []


@asynccontextmanager
async def rig(
    base: Path, rows: Sequence[Row] = ROWS, clock: Clock | None = None, overrides: Mapping[str, Server] | None = None, total: int = 1 << 40
) -> AsyncIterator[Rig]:
    """A hub with any servers; at the end nothing of it may be left."""
    made = Rig(base, clock or LoopClock(), rows, overrides or {}, total)
    made.project.mkdir(parents=True, exist_ok=True)
    try:
        yield made
    finally:
        await made.hub.stop_all()
        left = made.processes.live().count
        await made.processes.close()
    assert left == 0, "stop_all returned while a server was alive"
    assert not list((base / "state").glob("run/*")), "run folders are left"
