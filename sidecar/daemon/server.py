"""The server's life: publish, look after the name, leave when idle or told to. It opens the socket; connections write to it.

How `app.py` composes it (blocking steps first, before there is a loop):

    pipe = startup.begin(os.environ)                    # forks when a starter waits
    claim = locks.claim(socket, state_dir)              # a `locks.Owner` instead: pipe.ready(), done
    # ... now, with the state ours: journal_id(state_dir), adoption, the journal
    server = Server(claim, idle_exit_s=..., client_limit=..., make_connection=..., clients=..., busy=...)
    await server.start()
    pipe.ready()
    await server.serve_until_stopped(drain)             # `drain(stop)`: finish or end what runs, flush, close connections
    claim.release()                                     # the very last step, after the journal is closed

A `SidecarError` on the way goes to `pipe.failed(error)`. `sidecar/stop` is answered after `server.stop(...)` returned;
`sidecar/publish` is `await server.publish()`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sidecar.daemon.acceptor import Acceptor
from sidecar.daemon.idle import IdleClock
from sidecar.daemon.locks import Claim
from sidecar.daemon.names import Names, Seen
from sidecar.daemon.publish import Listener
from sidecar.daemon.stopping import Stop, StopMode, ended_in_time
from sidecar.engine.spec import Rights
from sidecar.errors import SidecarError

# How often the published name is looked at: two stat calls, well under 0.01% of a core.
TICK_S = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger(__name__)


class Server:
    """Both sockets of one daemon.

    Args:
        claim: the locks, held for as long as this lives.
        idle_exit_s: leave after this many seconds with nothing to do; 0 = never.
        client_limit: connections at once.
        make_connection: the protocol for one client with these rights.
        clients: how many connections there are.
        busy: whether anything but a connection keeps the daemon here: a request, agent, job or index build.
        tick_s: seconds between two looks at names and idleness; default: `TICK_S`, oftener if idleness counts in less.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        idle_exit_s: float,
        client_limit: int,
        make_connection: Callable[[Rights], asyncio.BaseProtocol],
        clients: Callable[[], int],
        busy: Callable[[], bool],
        tick_s: float | None = None,
    ) -> None:
        self._claim = claim
        self._clients = clients
        self._busy = busy
        self._tick_s = tick_s or min(TICK_S, max(idle_exit_s, 0.01) if idle_exit_s else TICK_S)
        self._names = Names(claim)
        self._acceptor = Acceptor(make_connection, clients, client_limit)
        self._idle = IdleClock(idle_exit_s, time.monotonic())
        self._accepted_before = 0
        self._watching: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        self._stop: Stop | None = None
        self._stopped = asyncio.Event()
        self._hurry = asyncio.Event()
        self._trouble = ""

    @property
    def stopping(self) -> Stop | None:
        """Set once the daemon is leaving; new requests are then refused with `shuttingDown`."""
        return self._stop

    @property
    def refused(self) -> int:
        """Clients that were refused at the door since the start."""
        return self._acceptor.refused

    async def start(self) -> None:
        """Publish both sockets; before this nobody is served, so it may block.

        Raises:
            SidecarError: a name is taken, or cannot be written.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:  # before there is a name that a signal could leave behind
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            self._names.publish()
        except SidecarError:
            await self._close()
            raise
        for rights, listener in self._names.listeners.items():
            self._acceptor.add(listener.sock, rights)
        self._watching = loop.create_task(self._watch())
        self._watching.add_done_callback(_report_defect)

    async def serve_until_stopped(self, drain: Callable[[Stop], Awaitable[None]]) -> Stop:
        """Serve until `stop`, then let `drain` end what runs.

        Args:
            drain: is given the stop. When its deadline passes, or a second stop says `now`, it is cancelled, and called once
                more with `now` for what must not be left behind.
        """
        try:
            await self._stopped.wait()
            assert self._stop is not None
            await self._acceptor.opened()  # so that draining sees every client
            if not await ended_in_time(drain, self._stop, self._hurry):
                await ended_in_time(drain, Stop.within(StopMode.NOW, None, self._stop.reason))
            return self._stop
        finally:
            await self._close()

    def stop(self, mode: StopMode, deadline_s: float | None = None, reason: str = "asked to") -> None:
        """Leave: the names are gone when this returns, so that a client told of the stop finds none (field-notes 4.9).

        Args:
            deadline_s: seconds that draining may take. A second stop with `now` ends the draining.
        """
        if self._stop is not None:
            if mode is StopMode.NOW:
                self._hurry.set()
            return
        self._stop = Stop.within(mode, deadline_s, reason)
        log.info("stopping (%s): %s", mode, reason)
        self._withdraw()
        self._stopped.set()

    async def publish(self) -> dict[str, object]:
        """Publish again what is missing under its name; answers `sidecar/publish`, which a starter sends that finds the state owned."""
        if self._watching is not None and not self._watching.done():
            looked = self._looked
            self._wake.set()
            await looked.wait()
        return {"socket": self._claim.socket, "pid": self._claim.owner.pid, "stopping": self._stop is not None}

    async def _watch(self) -> None:
        """The only task that renews: one that could be cancelled meanwhile would leave a name behind."""
        try:
            while self._stop is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._tick_s):
                        await self._wake.wait()
                self._wake.clear()
                await self._look_after()
                self._leave_if_idle()
                looked, self._looked = self._looked, asyncio.Event()
                looked.set()
        finally:
            self._looked.set()

    async def _look_after(self) -> None:
        """A name that is gone comes back; where another's stands we have lost, and go (design 3.2)."""
        seen = self._names.look() if self._stop is None else Seen.OURS
        if self._stop is None and not self._claim.state_lock.is_in_place():
            # Another daemon could lock a new file there: nothing that we write in the state is ours alone any more.
            self.stop(StopMode.DRAIN, reason="our state folder, or its lock, was removed")
        elif seen is Seen.LOST:
            self.stop(StopMode.DRAIN, reason="another socket stands under our name")
        elif seen is Seen.GONE:
            await self._renew()

    async def _renew(self) -> None:
        try:
            renewed = await asyncio.to_thread(self._names.renew)  # opens, binds and connects: not on the loop
        except SidecarError as error:
            self._report(error.message)
            return
        if renewed is None:
            self.stop(StopMode.DRAIN, reason="another daemon holds the lock of our folder")
            return
        for rights, listener in renewed.items():
            self._replace(rights, listener)
        log.warning("published %s again: its name was gone", self._claim.socket)
        self._trouble = ""

    def _replace(self, rights: Rights, listener: Listener) -> None:
        """A new socket for a lost name; who had connected to the old one is served."""
        if self._stop is not None:
            listener.close()
            return
        self._acceptor.add(listener.sock, rights)
        old = self._names.replace(rights, listener)
        self._acceptor.accept_queued(old.sock)
        self._acceptor.remove(old.sock)
        old.close()

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("the socket cannot be published again, trying on: %s", trouble)
            self._trouble = trouble

    def _leave_if_idle(self) -> None:
        if self._stop is not None:
            return
        now_s = time.monotonic()
        if self._acceptor.accepted != self._accepted_before:
            self._accepted_before = self._acceptor.accepted
            self._idle.touch(now_s)
        idle = not (self._acceptor.opening or self._acceptor.short or self._clients() or self._busy())
        if not self._idle.due(idle=idle, now_s=now_s):
            return
        # No await from here on: between the last accept and the close nobody can come unseen, and who connects later than
        # the rename either finds no name (and starts the next daemon) or is reset before its hello (and reconnects).
        self._names.withdraw()
        if sum([self._acceptor.accept_queued(listener.sock) for listener in self._names.listeners.values()]):
            self._names.restore()
        else:
            self.stop(StopMode.NOW, reason="idle")

    def _withdraw(self) -> None:
        for listener in self._names.listeners.values():
            self._acceptor.remove(listener.sock)
        self._names.close()

    def _on_signal(self, number: signal.Signals) -> None:
        self.stop(StopMode.NOW if self._stop is not None else StopMode.DRAIN, reason=signal.Signals(number).name)

    async def _close(self) -> None:
        self.stop(StopMode.NOW, reason="cancelled")  # no effect on a stop that was asked for
        if self._watching is not None:
            self._wake.set()
            await asyncio.gather(self._watching, return_exceptions=True)
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        await self._acceptor.close()


def _report_defect(watching: asyncio.Task[None]) -> None:
    """Nobody awaits the watch: should it end by a defect, the log says so at once, and the daemon serves on."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        log.error("the published names are no longer looked after", exc_info=error)
