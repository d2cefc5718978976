"""All lifelines: one a key, bounded in number. Says which one serves a place for a caller, and who makes room for whom."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sidecar.engine.spec import Caller, Rights
from sidecar.errors import Forbidden, Overloaded
from sidecar.langs.disk import shutting_down
from sidecar.langs.environment import shipped
from sidecar.langs.lifeline import Lifeline
from sidecar.langs.places import Place
from sidecar.langs.scales import Scales
from sidecar.langs.world import Key, World

MAX_SERVERS = 16
"""Servers at once: a basedpyright takes 214 MB (field notes 1.5); the one unused longest makes room."""
MAX_KNOWN = 256
"""Keys that are remembered; those of stopped servers count, for their breakers."""


class Fleet:
    """The lifelines of one hub.

    Args:
        world: what each gets.
        rss_max_bytes: memory that all together may use.
    """

    def __init__(self, world: World, rss_max_bytes: int) -> None:
        self._world = world
        self._lifelines: dict[Key, Lifeline] = {}
        self._scales = Scales(world, lambda: list(self._lifelines.values()), rss_max_bytes)
        self._closed = False

    @contextmanager
    def using(self, caller: Caller, place: Place) -> Iterator[Lifeline]:
        """The lifeline of a place, in use while the context lasts.

        Raises:
            Forbidden: a reader asks and no server runs (design 3.3).
            Overloaded: `MAX_SERVERS` are in use.
            ShuttingDown: after `stop`.
        """
        if self._closed:
            raise shutting_down()
        lifeline = self._running(caller, place) if caller.rights is Rights.READER else self._any(caller, place)
        lifeline.users += 1
        self._scales.ensure()
        try:
            yield lifeline
        finally:
            lifeline.users -= 1
            lifeline.touch()

    def runs(self, name: str, root: str) -> bool:
        """Whether a server of this name runs for a root, in whatever environment."""
        return any(one.running is not None and (one.key.name, one.key.root) == (name, root) for one in self._lifelines.values())

    def document_closed(self, client_id: str, uri: str) -> None:
        """A client has closed a buffer, or has gone."""
        for lifeline in self._lifelines.values():
            lifeline.desk.closed(client_id, uri)

    def status(self) -> list[dict[str, Any]]:
        """Each server, for `sidecar/status`."""
        return [lifeline.status() for lifeline in self._lifelines.values()]

    async def stop(self) -> None:
        """End all, for good."""
        self._closed = True
        self._scales.close()
        await asyncio.gather(*(lifeline.stop() for lifeline in self._lifelines.values()))

    def _any(self, caller: Caller, place: Place) -> Lifeline:
        key = _key(caller, place)
        lifeline = self._lifelines.get(key)
        if lifeline is None or not lifeline.is_alive:
            self._make_room()
        if lifeline is None:
            lifeline = self._lifelines[key] = Lifeline(key, place.row, self._world)
        return lifeline

    def _running(self, caller: Caller, place: Place) -> Lifeline:
        """For a reader: its environment may be a sandbox's, so any server of the same project will do."""
        exact = self._lifelines.get(_key(caller, place))
        for lifeline in [exact, *self._lifelines.values()]:
            if lifeline is not None and lifeline.running is not None and (lifeline.key.name, lifeline.key.root) == (place.row.name, place.root):
                return lifeline
        raise Forbidden(
            f"no {place.row.name} is running for {place.root}, and the read-only socket starts none",
            hint="Hover once in an editor, or with `sidecar hover` outside the sandbox.",
        )

    def _make_room(self) -> None:
        alive = [lifeline for lifeline in self._lifelines.values() if lifeline.is_alive]
        if len(alive) >= MAX_SERVERS:
            idle = [lifeline for lifeline in alive if not lifeline.users and lifeline.running is not None]
            if not idle:
                raise Overloaded(f"{MAX_SERVERS} language servers are in use", hint="Close a project, or wait.", retry_after_ms=1000)
            min(idle, key=lambda lifeline: lifeline.used_at).end("room")
        if len(self._lifelines) >= MAX_KNOWN:
            dead = [lifeline for lifeline in self._lifelines.values() if not lifeline.is_alive and not lifeline.users]
            if dead:
                del self._lifelines[min(dead, key=lambda lifeline: lifeline.used_at).key]


def _key(caller: Caller, place: Place) -> Key:
    return Key(place.row.name, place.row.command, place.root, shipped(caller.env, os.environ))
