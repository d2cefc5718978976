"""The smallest real daemon: start-up, locks and Server as they are, with a few methods over newline JSON; for tests of those alone.

`python small_daemon.py [KEY=VALUE ...]`: idle_exit_s, client_limit, tick_s, leaving_s, drain_s, loop (asyncio or uvloop).
Serves the socket and state of the environment, as `sidecar run` does. Each start is written to `<state>/starts`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from sidecar.client import address
from sidecar.daemon import journal_id, locks, startup
from sidecar.daemon.server import Server
from sidecar.daemon.stopping import Stop, StopMode
from sidecar.engine.spec import Rights
from sidecar.errors import SidecarError
from tests.support.loops import LOOPS

DEFAULTS = {"idle_exit_s": "0", "client_limit": "256", "tick_s": "0", "leaving_s": "5.0", "drain_s": "5.0", "loop": "uvloop"}


class Line(asyncio.Protocol):
    """One client: every line is a request."""

    def __init__(self, daemon: SmallDaemon, rights: Rights) -> None:
        self._daemon = daemon
        self._rights = rights
        self._unread = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:  # uvloop's transports are no asyncio.Transport
        """Count it."""
        self.transport = transport
        self._daemon.lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left."""
        self._daemon.lines.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer each whole line."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            work = asyncio.ensure_future(self._daemon.answer(request["method"], request.get("params") or {}, self._rights))
            self._daemon.works.add(work)
            work.add_done_callback(lambda done, request_id=request["id"]: self._reply(request_id, done))

    def _reply(self, request_id: int, done: asyncio.Future[Any]) -> None:
        self._daemon.works.discard(done)
        if self.transport is not None and not done.cancelled():
            self.transport.write(json.dumps({"jsonrpc": "2.0", "id": request_id, "result": done.result()}).encode() + b"\n")


class SmallDaemon:
    """What the composition root would hold."""

    def __init__(self, claim: locks.Claim, options: dict[str, str]) -> None:
        self.lines: set[Line] = set()
        self.works: set[asyncio.Future[Any]] = set()
        self._release = asyncio.Event()
        self._journal_id = journal_id.journal_id(claim.state_dir)
        self._drain_s = float(options["drain_s"])
        self._holding = False
        self.server = Server(
            claim,
            idle_exit_s=float(options["idle_exit_s"]),
            client_limit=int(options["client_limit"]),
            make_connection=lambda rights: Line(self, rights),
            clients=lambda: len(self.lines),
            busy=lambda: bool(self.works),
            tick_s=float(options["tick_s"]) or None,
        )

    async def answer(self, method: str, params: dict[str, Any], rights: Rights) -> object:
        """The result of one request."""
        if method == "sidecar/hello":
            return {"pid": os.getpid(), "journalId": self._journal_id, "rights": rights, "cwd": os.getcwd(), "ppid": os.getppid()}
        if method == "sidecar/publish":
            return await self.server.publish()
        if method == "sidecar/stop":
            self.server.stop(StopMode(params["mode"]), self._drain_s)
            return {}
        if method == "hold":
            await self._release.wait()
        if method == "release":
            self._release.set()
        if method == "exhaust":
            return exhaust_descriptors()
        return {"pid": os.getpid(), "env": dict(os.environ), "descriptors": len(os.listdir("/proc/self/fd")), "refused": self.server.refused}

    async def drain(self, stop: Stop) -> None:
        """Wait for what runs, flush, close."""
        if stop.mode is StopMode.DRAIN:
            while self.works:
                await asyncio.wait(set(self.works))
        for line in list(self.lines):
            if line.transport is not None:
                line.transport.close()
        while self.lines:
            await asyncio.sleep(0)


def exhaust_descriptors() -> int:
    """Take every free descriptor; how many there were. A client's close frees one again."""
    taken = 0
    while True:
        try:
            os.dup(0)
        except OSError:
            return taken
        taken += 1


async def serve(claim: locks.Claim, pipe: startup.StartupPipe, options: dict[str, str]) -> None:
    """Serve until stopped."""
    daemon = SmallDaemon(claim, options)
    await daemon.server.start()
    pipe.ready()
    await daemon.server.serve_until_stopped(daemon.drain)
    for work in daemon.works:
        work.cancel()


def main(arguments: list[str]) -> int:
    """Start as the real daemon does."""
    pipe = startup.begin(os.environ)
    options = DEFAULTS | dict(argument.split("=", 1) for argument in arguments)
    try:
        claim = locks.claim(address.socket_path(), address.state_dir(), leaving_s=float(options["leaving_s"]))
        if isinstance(claim, locks.Owner):
            pipe.ready()
            print(f"already served by {claim.pid}", flush=True)
            return 0
        with open(Path(claim.state_dir, "starts"), "a") as starts:
            starts.write(f"{os.getpid()}\n")
        with asyncio.Runner(loop_factory=LOOPS[options["loop"]]) as runner:
            runner.run(serve(claim, pipe, options))
        claim.release()
    except SidecarError as error:
        pipe.failed(error)
        print(f"{error.message}\n{error.hint}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
