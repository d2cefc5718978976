"""Programs that run without a supervisor: only the CLI engine's own `rg` and `ast-grep`, each in a group of its own (design 3.8).

They read files, write one pipe and start nothing that outlives them; the whole group is killed at the deadline, at a cancel, and when
enough was read. Everything is driven by the loop's callbacks; finding, asking and starting happen in the spawn lane's threads (design 3.7).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sidecar.engine.deadline import Deadline
from sidecar.engine.output import Tail
from sidecar.engine.pipes import ReadPipe
from sidecar.engine.spec import Bare, Program, Slot
from sidecar.engine.supervisor import OWN_VARIABLES
from sidecar.errors import InvalidParams, NotInstalled, Overloaded, ShuttingDown, SidecarError, TimedOut, TooLarge

STDERR_BYTES = 65536
"""What is kept of its complaints."""

ANSWER_MARGIN_S = 0.02
"""It is killed this long before its deadline, so that what it found is in the answer (features B1)."""

UNKILLABLE_S = 1.0
"""How long an answer waits for one that was killed: a process in an uninterruptible sleep ends when it wakes."""

REAP_S, REAPS = 0.01, 100
"""How often, and how many times, the loop looks for what a killed program had started."""

VERSION_S = 5.0
"""A program that takes longer to say its version hangs."""

_NUMBERS = re.compile(r"\b(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class _Place:
    """A program's file, and what tells whether it is still the same."""

    path: str
    inode: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class _Started:
    """A started program and our ends of everything."""

    process: subprocess.Popen[bytes]
    pidfd: int
    stdout: int
    stderr: int


class BareProcesses:
    """All bare processes of this daemon.

    Args:
        threads: the spawn lane's.
        socket_path: what they get as SIDECAR_SOCKET.
    """

    def __init__(self, threads: Executor, socket_path: str) -> None:
        self._threads = threads
        self._socket_path = socket_path
        self._children: set[_Child] = set()
        self._versions: dict[_Place, str] = {}  # bound: one a program and installation
        self._closed = False

    async def run(
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
        """Run a program until it ends, its time is up, or enough was read.

        Args:
            program: which, and what version of it is needed.
            words: makes its arguments; called in a spawn thread, so that it may look at files.
            cwd: its working directory.
            env: variables over the daemon's own environment; its PATH says where the program is looked for.
            deadline: it is killed `ANSWER_MARGIN_S` before.
            slot: held until it is dead.
            feed: takes each chunk of its output, on the loop; False: enough.

        Raises:
            NotInstalled: the program is not there, is another of that name, or is too old.
            SidecarError: `words` refused, or it could not be started.
        """
        merged = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES} | dict(env)
        marked = merged | {"SIDECAR_SOCKET": self._socket_path, "SIDECAR_NO_AUTOSTART": "1"}
        loop = asyncio.get_running_loop()
        place = await loop.run_in_executor(self._threads, _find, program, marked.get("PATH"))
        if place not in self._versions:
            self._versions[place] = await self._ask(program, place, marked, deadline, slot)
        _check(program, place, self._versions[place])
        return await self._run(lambda: [place.path, *words()], cwd, marked, deadline, slot, feed)

    def close(self) -> None:
        """Start nothing more, and kill what runs."""
        self._closed = True
        for child in list(self._children):
            child.kill()

    def pids(self) -> list[int]:
        """What runs now."""
        return [child.pid for child in self._children]

    async def _ask(self, program: Program, place: _Place, env: Mapping[str, str], deadline: Deadline, slot: Slot) -> str:
        said = bytearray()

        def keep(data: bytes) -> bool:
            said.extend(data[:4096])
            return len(said) < 4096

        ended = await self._run(lambda: [place.path, "--version"], "/", env, deadline.shortened_ms(VERSION_S * 1e3), slot, keep)
        if ended.timed_out:
            raise TimedOut(f"{place.path} does not say its version", hint=f"Run `{place.path} --version` in a terminal.")
        return said.partition(b"\n")[0].decode("utf-8", "replace")

    async def _run(
        self, argv: Callable[[], Sequence[str]], cwd: str, env: Mapping[str, str], deadline: Deadline, slot: Slot, feed: Callable[[bytes], bool]
    ) -> Bare:
        child = await self._start(argv, cwd, env, slot, feed)
        try:
            done, _ = await asyncio.wait([child.exited], timeout=max(0.0, deadline.remaining_s() - ANSWER_MARGIN_S))
            if not done:
                child.kill()
                await asyncio.wait([child.exited], timeout=UNKILLABLE_S)
        finally:
            child.kill()
        return Bare(child.exit_code, child.stderr.value(), timed_out=not done, enough=child.enough)

    async def _start(self, argv: Callable[[], Sequence[str]], cwd: str, env: Mapping[str, str], slot: Slot, feed: Callable[[bytes], bool]) -> _Child:
        if self._closed:
            raise ShuttingDown("the daemon is leaving and starts nothing more", hint="Connect again: a new daemon will be started.")
        loop = asyncio.get_running_loop()
        slot.hold()
        starting = loop.run_in_executor(self._threads, lambda: _spawn(argv(), cwd, env))
        born: asyncio.Future[_Child] = loop.create_future()
        starting.add_done_callback(lambda done: self._born(done, slot, feed, born))
        try:
            return await asyncio.shield(born)
        except asyncio.CancelledError:
            if born.done() and not born.cancelled() and born.exception() is None:
                born.result().kill()
            born.cancel()
            raise

    def _born(self, starting: asyncio.Future[_Started], slot: Slot, feed: Callable[[bytes], bool], born: asyncio.Future[_Child]) -> None:
        error = None if starting.cancelled() else starting.exception()
        if starting.cancelled() or error is not None:
            slot.release()
            if not born.done():
                born.set_exception(error or ShuttingDown("the daemon is leaving", hint="Connect again."))
            return
        child = _Child(starting.result(), asyncio.get_running_loop(), feed)
        self._children.add(child)
        child.exited.add_done_callback(lambda _: self._gone(child, slot))
        if born.cancelled() or self._closed:
            child.kill()
        if not born.done():
            born.set_result(child)

    def _gone(self, child: _Child, slot: Slot) -> None:
        self._children.discard(child)
        slot.release()


class _Child:
    """One bare process on the loop. `exited` resolves when it is dead and its output was fed."""

    def __init__(self, started: _Started, loop: asyncio.AbstractEventLoop, feed: Callable[[bytes], bool]) -> None:
        self.pid = started.process.pid
        self.exited: asyncio.Future[None] = loop.create_future()
        self.exit_code: int | None = None
        self.enough = False
        self.stderr = Tail(STDERR_BYTES)
        self._started = started
        self._loop = loop
        self._feed = feed
        self._pipes = [ReadPipe(loop, started.stdout, self._take), ReadPipe(loop, started.stderr, self.stderr.feed)]
        loop.add_reader(started.pidfd, self._end)

    def kill(self) -> None:
        """Kill the whole group; what it wrote until now is still read."""
        # Until it is reaped, below, its number can name no other group.
        if not self.exited.done():
            os.killpg(self.pid, signal.SIGKILL)

    def _take(self, data: bytes) -> None:
        if not self.enough and not self._feed(data):
            self.enough = True
            self.kill()

    def _end(self) -> None:
        self._loop.remove_reader(self._started.pidfd)
        os.killpg(self.pid, signal.SIGKILL)  # whoever is left in its group
        for pipe in self._pipes:
            pipe.drain()
        code = self._started.process.poll()
        self.exit_code = None if code is None or code < 0 else code
        os.close(self._started.pidfd)
        self.exited.set_result(None)
        self._reap(REAPS)

    def _reap(self, times: int) -> None:
        """Wait for what it had started: the daemon is a subreaper, so that it is ours now. While one is left the group keeps its number."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG) != (0, 0):
                pass
            if times:
                self._loop.call_later(REAP_S, self._reap, times - 1)


def _find(program: Program, path: str | None) -> _Place:
    """Where the program is. Blocking."""
    found = shutil.which(program.name, path=path)
    if found is None:
        raise NotInstalled(f"{program.name} was not found on PATH", hint=program.hint)
    stat = os.stat(found)
    return _Place(found, stat.st_ino, stat.st_mtime_ns)


def _check(program: Program, place: _Place, said: str) -> None:
    needed = ".".join(map(str, program.needed))
    numbers = _NUMBERS.search(said)
    if not said.startswith(program.banner) or numbers is None:
        raise NotInstalled(f"{place.path} is no {program.banner}: it says {said[:80]!r} for its version; {needed} is needed", hint=program.hint)
    found = tuple(int(number) for number in numbers.groups(default="0"))
    if found < program.needed:
        raise NotInstalled(f"{place.path} is of version {numbers.group()}, and {needed} is needed", hint=program.hint)


def _spawn(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> _Started:
    """Start it. Blocking, and therefore never called on the loop."""
    try:
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as theirs:
            ends = [_pipe(undo, theirs) for _ in range(2)]
            process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], start_new_session=True)
            # Our unreaped child: its number cannot name another process before we have waited for it.
            started = _Started(process, os.pidfd_open(process.pid), ends[0][0], ends[1][0])
            undo.pop_all()
            return started
    except (ValueError, UnicodeEncodeError) as error:
        raise InvalidParams(f"{argv[0]} cannot be given a NUL or a lone surrogate", hint="Remove it, or use engine `native`.") from error
    except OSError as error:
        raise _refused(argv, cwd, error) from error


def _pipe(undo: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    """A new pipe: our reading end, closed when `undo` ends, and their writing end, closed when `theirs` does."""
    ours, their = os.pipe()
    undo.callback(os.close, ours)
    theirs.callback(os.close, their)
    return ours, their


def _refused(argv: Sequence[str], cwd: str, error: OSError) -> SidecarError:
    if isinstance(error, FileNotFoundError | NotADirectoryError) and error.filename == cwd:
        return InvalidParams(f"root: {cwd} is no folder", hint="Name a folder that exists.")
    if isinstance(error, FileNotFoundError | PermissionError):
        return NotInstalled(f"{argv[0]} cannot be started: {error.strerror}", hint="Install it again.")
    if error.errno == errno.E2BIG:
        return TooLarge("the arguments are too large for a command line", hint="Use fewer patterns or paths, or engine `native`.")
    return Overloaded(f"{argv[0]} cannot be started now: {error.strerror}", hint="Try again when other programs have ended.", retry_after_ms=1000)
