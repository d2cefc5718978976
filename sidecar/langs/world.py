"""What makes a language server another one, and what every one of them stands on. Values only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sidecar.engine.process import Processes
from sidecar.langs.clock import Clock
from sidecar.langs.desk import Wanted
from sidecar.langs.disk import Disk
from sidecar.trace import Counters


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a server another one (design 3.15). `env` is sorted."""

    name: str
    command: tuple[str, ...]
    root: str
    env: tuple[tuple[str, str], ...]

    def environment(self) -> dict[str, Any]:
        """The environment for showing: a digest that tells two apart, and the names alone, as values may be private."""
        digest = hashlib.blake2s(repr(self.env).encode("utf-8", "replace"), digest_size=6).hexdigest()
        return {"key": digest, "names": [name for name, value in self.env if value]}


@dataclass(frozen=True, slots=True)
class World:
    """What every lifeline needs.

    Attributes:
        refresh: the present text of what a server held, for its successor; None = it is gone.
        on_event: told of each change: kind, data.
    """

    processes: Processes
    disk: Disk
    counters: Counters
    clock: Clock
    refresh: Callable[[Wanted], Wanted | None]
    on_event: Callable[[str, dict[str, object]], None]
