"""The daemon that a group of rows measures: a process of its own, in folders of its own, ended with the group."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from tests.bench.load import Link
from tests.support.daemon import Daemon as Process


class Daemon:
    """A context manager around one daemon.

    Args:
        bare: the shipped daemon with no tools of ours, as idle rows must see it.
        started: False: only the folders and the environment, for rows that start it themselves.
        config: the user's `config.toml`.
    """

    def __init__(self, *, bare: bool = False, started: bool = True, config: str = "") -> None:
        module = "sidecar" if bare else "tests.bench.daemon_main"
        argv = [sys.executable, "-m", module, *(["run"] if bare else [])]
        self._process = Process(config=config, argv=argv)
        self._started = started
        # The stack traces of development builds' warnings are no part of what users run.
        self._process.env.pop("PYTHONWARNINGS")
        self._links: list[Link] = []

    def __enter__(self) -> Daemon:
        if self._started:
            self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for link in self._links:
            link.close()
        if self._process.process is not None:
            self._process.stop()
        self._process.finish()

    @property
    def socket(self) -> str:
        """Path of its socket."""
        return str(self._process.socket)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def env(self) -> dict[str, str]:
        """The environment in which commands reach it."""
        return self._process.env

    def link(self) -> Link:
        """A connection in LSP framing, closed with the daemon at the latest."""
        self._links.append(Link(self.socket))
        return self._links[-1]

    def heartbeat(self, on: bool) -> dict[str, Any]:
        """Start or stop the 1 kHz heartbeat in its loop; stopping tells how late the beats came."""
        return self._links[0].call("sidecar/tools/call", {"tool": "heartbeat", "args": {"on": on}})
