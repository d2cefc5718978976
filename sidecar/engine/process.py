"""Programs run for others: started in the spawn lane's threads, supervised, drained, and dead when they must be.

The only door to a new process. It never starts one on the loop's thread and never leaves one behind (invariant 10).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from sidecar.engine.bare import BareProcesses
from sidecar.engine.deadline import Deadline
from sidecar.engine.output import HeadTail
from sidecar.engine.running import Ended, RunningProcess
from sidecar.engine.spawn import Launch, Spawned, check, spawn
from sidecar.engine.spec import Bare, Finished, Program, Slot
from sidecar.errors import Overloaded, ShuttingDown, TimedOut

MAX_STARTING = 256
"""Starts that may wait for a spawn thread; the lanes above allow far fewer, this bound is the last one."""

MAX_GRACE_S = 0.5
"""Longest time between TERM and KILL for a command whose time is up."""

ANSWER_MARGIN_S = 0.02
"""A command is killed this long before its deadline, so that its death and last output are in the answer (features B1, B5)."""

UNKILLABLE_S = 1.0
"""How long an answer waits for a tree that has been killed: one in an uninterruptible sleep ends when it wakes."""


CLOSE_S = 5.0
"""How long the daemon's own end waits for trees that have been killed."""


class Live(msgspec.Struct, frozen=True):
    """The process trees that run now, for `sidecar/status`; pids of their direct children."""

    count: int
    pids: list[int]


class NoSlot:
    """For processes that belong to no call."""

    def hold(self) -> None:
        """Nothing to hold."""

    def release(self) -> None:
        """Nothing to release."""


class Processes:
    """All process trees of this daemon.

    Args:
        state_dir: run folders are made in its folder `run`.
        socket_path: what the started programs get as SIDECAR_SOCKET.
        spawn_threads: how many starts happen at once.
    """

    def __init__(self, state_dir: Path, socket_path: str, spawn_threads: int = 4) -> None:
        self._state_dir = state_dir
        self._socket_path = socket_path
        self._threads = ThreadPoolExecutor(spawn_threads, thread_name_prefix="spawn")
        self._bare = BareProcesses(self._threads, socket_path)
        self._running: dict[RunningProcess, Slot] = {}
        self._starting: set[Future[Spawned]] = set()
        self._clearing: set[asyncio.Future[None]] = set()
        self._closed = False

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None,
        deadline: Deadline,
        slot: Slot,
        stdin: bytes | None = None,
        keep_bytes: int = 65536,
    ) -> Finished:
        """Run a program to its end, at most until `deadline`; then its whole tree is killed and `timed_out` is set.

        Args:
            argv: program and arguments; never a shell's.
            cwd: its working directory.
            env: variables over the daemon's own environment, or None.
            deadline: KILL falls `ANSWER_MARGIN_S` before it, TERM up to `MAX_GRACE_S` earlier.
            slot: held until the whole tree is dead, also when the caller is cancelled and does not wait for it.
            stdin: all of its input; None = /dev/null.
            keep_bytes: of each output, half its first and half its last bytes are kept.

        Raises:
            SidecarError: it could not be started (notInstalled, notFound, forbidden, ...).
        """
        started_at = time.monotonic()
        out, err = HeadTail(keep_bytes), HeadTail(keep_bytes)
        process = await self.start(argv, cwd=cwd, env=env, deadline=deadline, slot=slot, stdin=stdin is not None, on_stdout=out.feed, on_stderr=err.feed)
        try:
            if process.stdin is not None and stdin is not None:
                process.stdin.write(stdin)
                process.stdin.end()
            timed_out = await _ended_by(process, deadline, started_at)
        except BaseException:
            process.end(MAX_GRACE_S)
            raise
        ended = process.exited.result() if process.exited.done() else Ended(None, None)
        return Finished(ended.exit_code, ended.signal, out.stream(), err.stream(), time.monotonic() - started_at, timed_out)

    async def run_bare(
        self,
        program: Program,
        words: Callable[[], Sequence[str]],
        *,
        cwd: str,
        env: Mapping[str, str],
        deadline: Deadline,
        slot: Slot,
        feed: Callable[[bytes], bool],
    ) -> Bare:
        """Run a search program of the CLI engine without a supervisor; see `engine/bare.py`, which says what is raised."""
        return await self._bare.run(program, words, cwd=cwd, env=env, deadline=deadline, slot=slot, feed=feed)

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None,
        deadline: Deadline,
        slot: Slot | None = None,
        stdin: bool = True,
        detached: bool = False,
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
    ) -> RunningProcess:
        """Start a program; returns once its exec has succeeded.

        Args:
            deadline: of the start, not of the process.
            slot: held until the whole tree is dead.
            stdin: whether it gets a pipe.
            detached: it outlives the daemon, and writes into files of its run folder.
            on_stdout: called on the loop with each chunk; without it stdout is read and dropped.
            on_stderr: likewise; its last 64 KiB are kept anyway.

        Raises:
            SidecarError: it could not be started.
        """
        check(argv, cwd)
        launch = Launch(tuple(argv), cwd, env, stdin, detached)
        slot = slot or NoSlot()
        loop = asyncio.get_running_loop()
        born: asyncio.Future[RunningProcess] = loop.create_future()
        work = self._submit(launch)
        slot.hold()
        work.add_done_callback(lambda done: loop.call_soon_threadsafe(self._born, done, launch, slot, born, on_stdout, on_stderr))
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                process = await asyncio.shield(born)
                error = await asyncio.shield(process.started)
        except BaseException as gone:
            self._abandon(work, born)
            if isinstance(gone, TimeoutError):
                raise TimedOut(f"{argv[0]} could not be started in time", hint="The machine is busy; ask with a larger timeoutMs.") from gone
            raise
        if error is not None:
            raise error
        return process

    def live(self) -> Live:
        """What runs now."""
        return Live(len(self._running), sorted(process.pid for process in self._running if process.pid))

    async def close(self, grace_s: float = MAX_GRACE_S) -> None:
        """Start nothing more, end every attached tree, and return when they are dead and their folders gone."""
        self._closed = True
        self._bare.close()
        while self._starting:
            await asyncio.wait([asyncio.wrap_future(work) for work in self._starting])
            await asyncio.sleep(0)  # let `_born` run
        attached = [process for process in self._running if not process.detached]
        for process in attached:
            process.end(grace_s)
        if attached:
            # What cannot be killed now dies with its supervisor's control socket, or at the next start's adoption.
            await asyncio.wait([process.exited for process in attached], timeout=grace_s + CLOSE_S)
        for process in [process for process in self._running if process.detached]:
            process.leave()
            self._running.pop(process).release()
        while self._clearing:
            await asyncio.wait(self._clearing)
        self._threads.shutdown(wait=False)

    def _submit(self, launch: Launch) -> Future[Spawned]:
        if self._closed:
            raise ShuttingDown("the daemon is leaving and starts nothing more", hint="Connect again: a new daemon will be started.")
        if len(self._starting) >= MAX_STARTING:
            raise Overloaded("too many processes are being started", hint="Try again in a moment.", retry_after_ms=200)
        work = self._threads.submit(spawn, launch, self._state_dir, self._socket_path)
        self._starting.add(work)
        return work

    def _born(
        self,
        work: Future[Spawned],
        launch: Launch,
        slot: Slot,
        born: asyncio.Future[RunningProcess],
        on_stdout: Callable[[bytes], None] | None,
        on_stderr: Callable[[bytes], None] | None,
    ) -> None:
        """On the loop, when a spawn thread is done: the only place where a running process is made."""
        self._starting.discard(work)
        error = None if work.cancelled() else work.exception()
        if work.cancelled() or error is not None:
            slot.release()
            if error is not None and not born.done():
                born.set_exception(error)
            return
        process = RunningProcess(work.result(), launch, asyncio.get_running_loop(), self._in_thread, on_stdout, on_stderr)
        self._running[process] = slot
        process.exited.add_done_callback(partial(self._ended, process, work.result()))
        if born.cancelled():
            process.end(0)
        else:
            born.set_result(process)

    def _abandon(self, work: Future[Spawned], born: asyncio.Future[RunningProcess]) -> None:
        """Nobody waits for this start any more: what it gives birth to is killed."""
        work.cancel()
        if born.done() and not born.cancelled() and born.exception() is None:
            born.result().end(0)
        born.cancel()

    def _ended(self, process: RunningProcess, spawned: Spawned, _: object) -> None:
        self._running.pop(process).release()
        if not process.detached or not process.pid:
            # What never ran was answered with an error: it leaves no trace.
            clearing = self._in_thread(spawned.folder.remove)
            self._clearing.add(clearing)
            clearing.add_done_callback(self._clearing.discard)

    def _in_thread(self, work: Callable[[], None]) -> asyncio.Future[None]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _ended_by(process: RunningProcess, deadline: Deadline, started_at: float) -> bool:
    """Wait for the end of a tree, ending it before `deadline`; whether its time was up."""
    grace_s = min(MAX_GRACE_S, max(0.0, deadline.at_s - started_at) / 10)
    left_s = max(0.0, deadline.remaining_s() - grace_s - ANSWER_MARGIN_S)
    done, _ = await asyncio.wait([process.exited], timeout=left_s)
    if done:
        return False
    process.end(grace_s)
    await asyncio.wait([process.exited], timeout=grace_s + UNKILLABLE_S)
    return True
