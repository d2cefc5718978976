"""One language server through its lives: lazy single-flight start, back-off after a crash, breaker, replay, idle stop.

There is one lifeline a key, so that there are never two servers of one key (field note 11). Owns the task of each start and stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from sidecar.engine.deadline import Deadline
from sidecar.errors import Crashed, Failed, Misconfigured, NotInstalled, SidecarError, Starting
from sidecar.langs import installed
from sidecar.langs.breaker import Breaker
from sidecar.langs.client import LanguageClient
from sidecar.langs.clock import Timer
from sidecar.langs.desk import Desk, Note, Wanted
from sidecar.langs.disk import shutting_down
from sidecar.langs.freshness import Freshness
from sidecar.langs.readiness import Readiness
from sidecar.langs.servers import Row
from sidecar.langs.world import Key, World

log = logging.getLogger(__name__)

STARTING_RETRY_MS = 500


class Lifeline:
    """The server of one key.

    Attributes:
        running: the client of the living server, or None.
        desk: its texts; a new one with each life.
        fresh: what it knows of the disk; likewise, None before the first.
        breaker: how often it has failed in a row, and until when it is left alone.
        users: calls that use it or wait for it now.
        used_at: when it was last used.
        starts: how often it was started.
        rss_bytes: memory of its process tree when it was last looked at; 0 = not yet.
    """

    def __init__(self, key: Key, row: Row, world: World) -> None:
        self.key = key
        self.row = row
        self.running: LanguageClient | None = None
        self.desk = Desk(lambda notes: None)
        self.fresh: Freshness | None = None
        self.breaker = Breaker()
        self.users = 0
        self.used_at = world.clock.now()
        self.starts = 0
        self.rss_bytes = 0
        self._world = world
        self._failure: SidecarError | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._idle_timer: Timer | None = None
        self._changed = asyncio.Event()
        self._born_at = 0.0
        self._replay: list[Wanted] = []
        self._closed = False

    @property
    def readiness(self) -> Readiness:
        """How far the server's answers can be trusted now."""
        if self.running is not None:
            return self.running.readiness
        return Readiness.DEGRADED if self.is_down else Readiness.STARTING

    @property
    def is_down(self) -> bool:
        """Whether it has crashed and is not being started yet."""
        return self.running is None and self._starting is None and self.breaker.attempts > 0

    @property
    def is_alive(self) -> bool:
        """Whether it has a process, takes one, or will by itself."""
        return self.running is not None or self._starting is not None or self._timer is not None

    @property
    def state(self) -> str:
        """For showing: `running`, `starting`, `waiting` (for its back-off), `broken` (its breaker is open) or `stopped`."""
        if self.running is not None:
            return "running"
        if self._starting is not None or self._timer is not None:
            return "waiting" if self._starting is None else "starting"
        return "broken" if self.breaker.wait_s(self._world.clock.now()) and self.breaker.is_open else "stopped"

    def status(self) -> dict[str, Any]:
        """For `sidecar/status`."""
        client, failure, breaker, now = self.running, self._failure, self.breaker, self._world.clock.now()
        retry_ms = round(breaker.wait_s(now) * 1e3)
        words = client.stderr() if client else failure.data if failure else {}
        return {
            "name": self.row.name,
            "root": self.key.root,
            "state": self.state,
            "readiness": self.readiness,
            "running": client is not None,
            "pid": client.pid if client else None,
            "version": client.said.version if client else None,
            "positionEncoding": client.said.encoding if client else None,
            "inFlight": client.in_flight if client else 0,
            "documents": len(self.desk.texts()) if client else 0,
            "uptimeMs": round((now - self._born_at) * 1e3) if client else None,
            "rssBytes": self.rss_bytes or None if client else None,
            "starts": self.starts,
            "restarts": max(0, self.starts - 1),
            "environment": self.key.environment(),
            "breaker": {"attempts": breaker.attempts, "open": breaker.is_open, "retryInMs": retry_ms},
            "lastError": failure.message if failure else None,
            "stderr": words.get("stderr", ""),
        }

    async def wait(self, deadline: Deadline) -> LanguageClient:
        """The running server; starts it if need be.

        Raises:
            Starting: it was not ready to be asked by `deadline`; it goes on starting.
            Crashed: it has failed too often.
            SidecarError: it cannot be started at all (notInstalled).
        """
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                while self.running is None:
                    self.wake()
                    await self._change()
        except TimeoutError as late:
            raise Starting(f"{self.row.name} is starting", hint="Ask again in a moment.", retry_after_ms=STARTING_RETRY_MS, server=self.row.name) from late
        return self.running

    def wake(self) -> None:
        """Start it now, or once its back-off is over, unless that is under way.

        Raises:
            Crashed: it has failed too often.
        """
        if self._closed:
            raise shutting_down()
        if self.running is not None or self._starting is not None or self._timer is not None:
            return
        wait_s = self.breaker.wait_s(self._world.clock.now())
        if wait_s <= 0:
            self._begin()
        elif self.breaker.is_open:
            raise self.crashed()
        else:
            self._timer = self._world.clock.call_later(wait_s, self._begin)

    def crashed(self) -> Crashed:
        """The error for who asks a server that is down."""
        wait_ms = round(self.breaker.wait_s(self._world.clock.now()) * 1e3)
        why = self._failure.message if self._failure else "it ended"
        data = self._failure.data if self._failure else {"server": self.row.name}
        again = f"{self.row.name} has failed {self.breaker.attempts} times in a row: {why}"
        return Crashed(again, hint="`sidecar doctor` looks at it; it is tried again by itself.", retry_after_ms=max(1, wait_ms), **data)

    async def stop(self) -> None:
        """End it for good; nothing of it runs afterwards."""
        self._closed = True
        self._cancel_timers()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self.end("stopped")
        while self._ending:
            await asyncio.wait(self._ending)

    def end(self, why: str, **data: object) -> None:
        """End the running server in the background, and tell why; the next request starts another."""
        client, self.running = self.running, None
        self._cancel_timers()
        if client is not None:
            self._tell("server.stopped", reason=why, **data)
            self._own(client.stop())

    def overweight(self) -> None:
        """It uses too much memory: end it, whoever waits for it, and count that as a failure, or the next request would only begin it again."""
        client, most = self.running, self.row.rss_max_bytes
        if client is None:
            return
        # What waits for it is told this, and it is not asked to shut down: that could need more memory still.
        client.end = f"its processes used {self.rss_bytes} bytes of memory, of {most} allowed (servers.{self.row.name}.rss_max_bytes)"
        self._failure = client.crashed()
        self._world.counters["servers.failures"] += 1
        now = self._world.clock.now()
        self.breaker = self.breaker.failed(now, now - self._born_at)
        log.warning("%s in %s: %s", self.row.name, self.key.root, self._failure.message)
        self.end("memory", rssBytes=self.rss_bytes, maxBytes=most)
        self._signal()

    def touch(self) -> None:
        """It was used."""
        self.used_at = self._world.clock.now()
        if self._idle_timer is None and self.row.idle_stop_s and self.running is not None:
            self._idle_timer = self._world.clock.call_later(self.row.idle_stop_s, self._idled)

    async def _change(self) -> None:
        await self._changed.wait()
        if self._failure is not None and self.running is None and self._is_final(self._failure):
            raise self._failure

    @staticmethod
    def _is_final(failure: SidecarError) -> bool:
        """Whether waiting cannot help."""
        return isinstance(failure, NotInstalled | Misconfigured)

    def _signal(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _begin(self) -> None:
        self._timer = None
        if self._closed or self.running is not None:
            return
        self._starting = asyncio.get_running_loop().create_task(self._start())
        self._starting.add_done_callback(self._started)

    async def _start(self) -> None:
        row, world = self.row, self._world
        self.starts += 1
        self._tell("server.starting")
        client = LanguageClient(row, self.key.root, dict(self.key.env), world.processes, world.counters, self._readiness_changed, self._crashed)
        search_path = dict(self.key.env).get("PATH", "")
        fresh = Freshness(world.disk, world.clock, self.key.root, row, lambda params: _sent(client, [("workspace/didChangeWatchedFiles", params)]))
        fresh.look()
        argv = await world.disk.submit(lambda: installed.locate(row, search_path))
        await client.start(argv, Deadline.after_ms(row.start_s * 1e3))
        self._failure = None
        self.running, self.fresh = client, fresh
        self._born_at, self.rss_bytes = world.clock.now(), 0
        self.desk = Desk(lambda notes: _sent(client, notes))
        replay, self._replay = self._replay, []
        self.desk.reopen([present for old in replay if (present := world.refresh(old)) is not None])
        self.touch()
        self._tell("server.ready", pid=client.pid)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, SidecarError):
            log.error("starting %s failed inside the daemon", self.row.name, exc_info=error)
            error = Failed(f"{self.row.name} could not be started", hint="`sidecar logs` has the details; please report them.", server=self.row.name)
        if error is not None:
            self._failed(error, 0.0)
        self._signal()

    def _crashed(self, client: LanguageClient) -> None:
        """The running server has ended without being asked to."""
        if client is not self.running:
            return
        self.running = None
        self._cancel_timers()
        self._replay = self.desk.texts()
        self._failed(client.crashed(), self._world.clock.now() - self._born_at)
        self._signal()
        if self._replay and not self.breaker.is_open and not self._closed:
            self.wake()

    def _failed(self, error: SidecarError, lived_s: float) -> None:
        self._failure = error
        self._world.counters["servers.failures"] += 1
        if not self._is_final(error):
            self.breaker = self.breaker.failed(self._world.clock.now(), lived_s)
        log.warning("%s in %s: %s %s", self.row.name, self.key.root, error.message, error.data.get("stderr", ""))
        self._tell("server.crashed", message=error.message, attempts=self.breaker.attempts)

    def _readiness_changed(self, client: LanguageClient) -> None:
        self._signal()
        self._tell("server.readiness")

    async def settled(self, client: LanguageClient) -> None:
        """Wait until the server is no longer reading the project, or has ended."""
        while client is self.running and client.readiness is Readiness.INDEXING:
            await self._changed.wait()

    def _idled(self) -> None:
        self._idle_timer = None
        left_s = self.used_at + self.row.idle_stop_s - self._world.clock.now()
        if self.users or left_s > 0:
            self._idle_timer = self._world.clock.call_later(max(left_s, 1.0), self._idled)
        else:
            self.end("idle")

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._idle_timer = None

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _tell(self, kind: str, **data: object) -> None:
        self._world.on_event(kind, {"server": self.row.name, "root": self.key.root, "readiness": self.readiness} | data)


def _sent(client: LanguageClient, notes: Sequence[Note]) -> None:
    with contextlib.suppress(SidecarError):  # it has ended or does not read: its own end, or the next request, says so
        client.send([client.notification(*note) for note in notes])
