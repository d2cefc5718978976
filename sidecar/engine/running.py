"""One supervised process tree, seen from the loop: its pipes, its supervisor's words, its end.

Everything here runs on the loop's thread by callbacks; nothing blocks, nothing is a task. It never signals a pid: the
supervisor ends its tree, and if the supervisor is dead, a spawn thread finishes its work (`bury`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.engine import proc
from sidecar.engine.output import Tail
from sidecar.engine.pipes import ReadPipe, WritePipe
from sidecar.engine.spawn import Launch, Spawned, exec_failed
from sidecar.errors import Failed, SidecarError

STDERR_TAIL_BYTES = 65536

BURY_ROUNDS = 50
"""Rounds of KILL over a dead supervisor's tree: bounded, so that a fork bomb cannot hold a spawn thread for ever."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the direct child ended; both None when its supervisor died before it could say."""

    exit_code: int | None
    signal: int | None


class RunningProcess:
    """A tree under its supervisor.

    Attributes:
        run_id: the name of its run folder and of its mark in the environment.
        pid: of the direct child, 0 until `started`; for showing, never for signalling.
        stdin: None unless it was asked for.
        started: resolves to None, or to the error that exec met.
        exited: resolves when the whole tree is dead and its output has been fed.
    """

    def __init__(
        self,
        spawned: Spawned,
        launch: Launch,
        loop: asyncio.AbstractEventLoop,
        in_thread: Callable[[Callable[[], None]], asyncio.Future[None]],
        on_stdout: Callable[[bytes], None] | None,
        on_stderr: Callable[[bytes], None] | None,
    ) -> None:
        self.run_id = spawned.folder.run_id
        self.pid = 0
        self.supervisor_pid = spawned.process.pid
        self.detached = launch.detached
        self.started: asyncio.Future[SidecarError | None] = loop.create_future()
        self.exited: asyncio.Future[Ended] = loop.create_future()
        self.on_stdout = on_stdout
        self.on_stderr = on_stderr
        self._spawned = spawned
        self._launch = launch
        self._loop = loop
        self._in_thread = in_thread
        self._stderr = Tail(STDERR_TAIL_BYTES)
        self._heard = b""
        self._ended = Ended(None, None)
        self._done = False
        self._buried: asyncio.Future[None] | None = None
        self.stdin = None if spawned.stdin is None else WritePipe(loop, spawned.stdin)
        self._outputs = [ReadPipe(loop, fd, feed) for fd, feed in ((spawned.stdout, self._feed_stdout), (spawned.stderr, self._feed_stderr)) if fd is not None]
        spawned.control.setblocking(False)
        loop.add_reader(spawned.control.fileno(), self._hear)
        loop.add_reader(spawned.pidfd, self._supervisor_ended)

    def stderr_tail(self) -> bytes:
        """The last 64 KiB of stderr."""
        return self._stderr.value()

    async def wait(self) -> Ended:
        """Wait until the whole tree is dead. Cancelling it leaves the tree alone."""
        return await asyncio.shield(self.exited)

    async def kill(self, grace_s: float) -> Ended:
        """TERM, `grace_s` seconds, KILL, for the whole tree; returns when it is dead."""
        self.end(grace_s)
        return await self.wait()

    def end(self, grace_s: float) -> None:
        """Ask for the end of the whole tree and do not wait; a later call can only shorten the grace."""
        # The socket is closed or broken only when the supervisor is gone, and then its tree is being buried.
        with contextlib.suppress(OSError):
            self._spawned.control.send(b"kill %d\n" % max(0, round(grace_s * 1e3)))

    def leave(self) -> None:
        """Let go of a detached tree and live without it; the next daemon finds it by its folder."""
        if self.detached and not self.exited.done():
            self._loop.remove_reader(self._spawned.pidfd)
            # Or Popen warns that it still runs, which is the very purpose (asyncio's transports set it for the same reason).
            self._spawned.process.returncode = 0
            self._let_go()

    def _feed_stdout(self, data: bytes) -> None:
        if self.on_stdout is not None:
            self.on_stdout(data)

    def _feed_stderr(self, data: bytes) -> None:
        self._stderr.feed(data)
        if self.on_stderr is not None:
            self.on_stderr(data)

    def _hear(self) -> None:
        try:
            data = self._spawned.control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._spawned.control.fileno())
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            self._obey(line.decode("ascii", "replace"))

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "started":
            self.pid = int(rest)
            self._resolve_started(None)
        elif word == "failed":
            self._done = True
            number, _, exists = rest.partition(" ")
            self._resolve_started(exec_failed(int(number), self._launch, exists=bool(exists)))
        elif word == "exited":
            how, _, number = rest.partition("=")
            self._ended = Ended(int(number), None) if how == "code" else Ended(None, int(number))
        elif word == "done":
            self._done = True

    def _resolve_started(self, error: SidecarError | None) -> None:
        if not self.started.done():
            self.started.set_result(error)

    def _supervisor_ended(self) -> None:
        self._loop.remove_reader(self._spawned.pidfd)
        self._hear()
        self._spawned.process.poll()
        self._resolve_started(Failed("the process supervisor died", hint="Try again; `sidecar doctor` checks its installation."))
        if self._done:
            self._finish()
            return
        run_id, session = self.run_id, self.pid
        self._buried = self._in_thread(lambda: bury(run_id, session))
        self._buried.add_done_callback(lambda _: self._finish())

    def _finish(self) -> None:
        for pipe in self._outputs:
            pipe.drain()
        self._let_go()
        self.exited.set_result(self._ended)

    def _let_go(self) -> None:
        if self.stdin is not None:
            self.stdin.close()
        self._loop.remove_reader(self._spawned.control.fileno())
        self._spawned.control.close()
        os.close(self._spawned.pidfd)


def bury(run_id: str, session: int) -> None:
    """Kill and reap what a dead supervisor left: all that carries its mark, and our children of its child's session.

    Blocking; the daemon is a subreaper, so that what it kills here becomes its own child to reap.
    """
    for _ in range(BURY_ROUNDS):
        if not proc.kill_runs({run_id}) + proc.kill_orphans(session):
            return
