"""One supervised tree seen from the loop: input, output, end, and a supervisor that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine import proc
from sidecar.engine.deadline import Deadline
from sidecar.engine.running import STDERR_TAIL_BYTES
from sidecar.errors import NotFound
from tests.support.supervised import BAD_AGENT, ground
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


def test_a_running_process_talks_both_ways(on_loop: OnLoop, short_tmp: Path) -> None:
    """What is written to stdin comes out of stdout while it runs."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            said = bytearray()
            process = await place.processes.start(
                [*BAD_AGENT, "echo"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot, on_stdout=said.extend
            )
            assert process.stdin is not None
            process.stdin.write(b"one ")
            await eventually(lambda: said == b"one ")
            process.stdin.write(b"two")
            process.stdin.end()
            assert (await process.wait()).exit_code == 0
            assert said == b"one two"

    on_loop(check())


def test_stderr_is_drained_into_a_bounded_tail(on_loop: OnLoop, short_tmp: Path) -> None:
    """A flood on stderr neither hangs the program nor grows our memory."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process = await place.processes.start([*BAD_AGENT, "chatty", str(1 << 20)], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000))
            assert (await process.wait()).exit_code == 0
            assert process.stderr_tail() == b"e" * STDERR_TAIL_BYTES

    on_loop(check())


@pytest.mark.parametrize("deed", ["silent", "ignores_term", "forks"])
def test_kill_returns_when_the_tree_is_dead(on_loop: OnLoop, short_tmp: Path, deed: str) -> None:
    """TERM, grace, KILL for every descendant."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process, _ = await place.start(deed, "20")
            ended = await process.kill(0.05)
            assert ended.signal in (9, 15)
            assert place.living() == {}
            await place.gone()

    on_loop(check())


def test_a_polite_program_dies_of_term_within_its_grace(on_loop: OnLoop, short_tmp: Path) -> None:
    """KILL is not used where TERM is enough."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process, _ = await place.start("silent")
            assert (await process.kill(30)).signal == signal.SIGTERM

    on_loop(check())


def test_a_later_kill_shortens_the_grace(on_loop: OnLoop, short_tmp: Path) -> None:
    """Asked again with less patience, it is over at once."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process, _ = await place.start("ignores_term")
            process.end(3600)
            assert (await process.kill(0)).signal == signal.SIGKILL

    on_loop(check())


@pytest.mark.parametrize("deed", ["silent", "daemonises", "forks", "hops", "nameless"])
def test_a_killed_supervisor_takes_its_tree_with_it(on_loop: OnLoop, short_tmp: Path, deed: str) -> None:
    """`kill -9` of the supervisor: PDEATHSIG, the mark in the environment and the session leave no descendant, no zombie."""

    async def check() -> None:
        assert proc.become_subreaper()
        async with ground(short_tmp) as place:
            process, _ = await place.start(deed, "5")
            os.kill(process.supervisor_pid, signal.SIGKILL)
            ended = await process.wait()
            assert (ended.exit_code, ended.signal) == (None, None)
            assert place.living() == {}
            assert proc.children() == []
            await place.gone()

    on_loop(check())


def test_a_detached_tree_outlives_its_starter_and_is_recorded(on_loop: OnLoop, short_tmp: Path) -> None:
    """After `close` it runs on, its lock held; told to end, it leaves its output and how it ended."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process, _ = await place.start("silent", detached=True)
            folder = place.folders()[0]
            await eventually(lambda: (folder / "stdout").read_bytes() == b"ready\n")
            await place.processes.close()
            assert not process.exited.done()
            assert place.living()
            os.kill(process.supervisor_pid, signal.SIGTERM)
            await eventually(lambda: (folder / "exit.json").exists())
            await eventually(lambda: not place.living())
            os.waitpid(process.supervisor_pid, 0)

    on_loop(check())


def test_a_detached_start_that_fails_leaves_no_folder(on_loop: OnLoop, short_tmp: Path) -> None:
    """It was answered with an error, so that no later daemon may find it."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            with pytest.raises(NotFound):
                await place.processes.start(["/no/such/program"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), detached=True)
            await place.gone()

    on_loop(check())


def test_waiting_can_be_cancelled_without_touching_the_tree(on_loop: OnLoop, short_tmp: Path) -> None:
    """A caller that gives up waiting does not kill what others use."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            process, _ = await place.start("silent")
            waiter = asyncio.ensure_future(process.wait())
            await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait([waiter])
            assert not process.exited.done()
            assert place.living()

    on_loop(check())
