"""The settings of single roots for a running daemon: the user's, with what the root's own file may change. Blocking: reads files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sidecar import config
from sidecar.config import trust
from sidecar.config.settings import Server

NOTICES_KEPT = 1000
"""Notices that are not said again; a daemon that sees more roots than that repeats some."""


class Roots:
    """Looks up one root after another; may be asked from several threads.

    Args:
        flags: the daemon's own.
        env: the daemon's environment.
        state_dir: where the trusted roots are kept.
        say: told once of each setting that is ignored, and why.
    """

    def __init__(self, flags: Mapping[str, str], env: Mapping[str, str], state_dir: Path, say: Callable[[str], None]) -> None:
        self._flags, self._env, self._state_dir, self._say = dict(flags), dict(env), state_dir, say
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def servers_of(self, root: str) -> dict[str, Server]:
        """What is changed about the language servers for `root`.

        Raises:
            Misconfigured: the user's file, or the file of a trusted root, is wrong; names file and line.
        """
        found = config.load(self._flags, self._env, root, trusted=trust.is_trusted(self._state_dir, root))
        for notice in self._new(found.notices):
            self._say(f"settings: {notice}")
        return found.servers

    def _new(self, notices: tuple[str, ...]) -> list[str]:
        with self._lock:
            if len(self._said) > NOTICES_KEPT:
                self._said.clear()
            new = [notice for notice in notices if notice not in self._said]
            self._said.update(new)
        return new
