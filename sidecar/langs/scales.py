"""Weighs the running language servers every few seconds while there are any, and stops those that are too heavy (field note 14)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from sidecar.engine.memory import rss_of_trees
from sidecar.langs.clock import Timer
from sidecar.langs.lifeline import Lifeline
from sidecar.langs.world import World

log = logging.getLogger(__name__)

INTERVAL_S = 3.0
"""Seconds between two looks; one reads a file for each process of the machine."""


class Scales:
    """Of one fleet.

    Args:
        world: its clock and its disk threads.
        lifelines: all of the fleet.
        max_bytes: that all servers together may use.
    """

    def __init__(self, world: World, lifelines: Callable[[], Iterable[Lifeline]], max_bytes: int) -> None:
        self._world = world
        self._lifelines = lifelines
        self._max_bytes = max_bytes
        self._timer: Timer | None = None
        self._weighing = False
        self._closed = False

    def ensure(self) -> None:
        """Weigh soon, unless that is under way."""
        if self._timer is None and not self._weighing and not self._closed:
            self._timer = self._world.clock.call_later(INTERVAL_S, self._weigh)

    def close(self) -> None:
        """Weigh no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _weigh(self) -> None:
        self._timer = None
        if not any(one.is_alive for one in self._lifelines()):
            return  # until the next one is used
        pids = {one.running.pid for one in self._lifelines() if one.running is not None}
        self._weighing = True
        self._world.disk.submit(lambda: rss_of_trees(pids)).add_done_callback(self._weighed)

    def _weighed(self, done: asyncio.Future[dict[int, int]]) -> None:
        self._weighing = False
        if done.cancelled() or self._closed:
            return
        if isinstance(error := done.exception(), OSError):  # no descriptor is left, say
            log.warning("language servers cannot be weighed: %s", error)
            self.ensure()
            return
        found = done.result()
        for one in self._lifelines():
            one.rss_bytes = found.get(one.running.pid, one.rss_bytes) if one.running is not None else 0
            if one.row.rss_max_bytes and one.rss_bytes > one.row.rss_max_bytes:
                one.overweight()
        self._lighten()
        self.ensure()

    def _lighten(self) -> None:
        """Stop idle servers, the one unused longest first, until all together are light enough."""
        running = [one for one in self._lifelines() if one.running is not None]
        total = sum(one.rss_bytes for one in running)
        for one in sorted(running, key=lambda one: one.used_at):
            if total > self._max_bytes and not one.users:
                total -= one.rss_bytes
                one.end("memory", rssBytes=one.rss_bytes, maxBytes=self._max_bytes)
