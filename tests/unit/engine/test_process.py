"""Programs run for others, with real processes under the real supervisor, on both loops."""

from __future__ import annotations

import asyncio
import resource
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine.deadline import Deadline
from sidecar.errors import Overloaded, ShuttingDown, TimedOut
from tests.support.supervised import BAD_AGENT, Ground, ground
from tests.support.waiting import eventually

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]

_popen_threads: list[str] = []
sys.addaudithook(lambda event, _: _popen_threads.append(threading.current_thread().name) if event == "subprocess.Popen" else None)


async def _run(place: Ground, *words: str, timeout_ms: float = 30_000, **options: Any) -> Any:
    return await place.processes.run([*BAD_AGENT, *words], cwd="/", env=place.env, deadline=Deadline.after_ms(timeout_ms), slot=place.slot, **options)


def test_a_command_gives_its_code_and_both_outputs(on_loop: OnLoop, short_tmp: Path) -> None:
    """Exit code, stdout and stderr are the program's own, and nothing is left behind."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await place.processes.run(
                ["sh", "-c", "echo out; echo err >&2; exit 3"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot
            )
            assert (finished.exit_code, finished.signal, finished.timed_out) == (3, None, False)
            assert (finished.stdout.head, finished.stderr.head) == (b"out\n", b"err\n")
            await place.gone()

    on_loop(check())


def test_a_signal_is_told_as_a_signal(on_loop: OnLoop, short_tmp: Path) -> None:
    """A program that dies of a signal has no exit code."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await place.processes.run(["sh", "-c", "kill -9 $$"], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            assert (finished.exit_code, finished.signal) == (None, 9)

    on_loop(check())


@pytest.mark.parametrize("deed", ["silent", "ignores_term", "closes", "grandchild", "daemonises", "hops", "nameless"])
def test_a_timed_out_tree_is_dead_when_it_is_answered(on_loop: OnLoop, short_tmp: Path, deed: str) -> None:
    """Whatever it does - holds the pipe, ignores TERM, closes its pipes, leaves by setsid - no descendant is left (B5)."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await _run(place, deed, timeout_ms=500)
            assert finished.timed_out
            assert finished.signal in (9, 15)
            assert place.living() == {}
            await place.gone()

    on_loop(check())


def test_children_that_hold_the_pipe_do_not_keep_a_finished_command(on_loop: OnLoop, short_tmp: Path) -> None:
    """The direct child has ended: its code is the answer, and what it left behind is killed."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await _run(place, "leaves")
            assert (finished.exit_code, finished.timed_out) == (7, False)
            assert finished.stdout.head == b"left\n"
            assert place.living() == {}

    on_loop(check())


def test_both_outputs_are_drained_at_once(on_loop: OnLoop, short_tmp: Path) -> None:
    """A program that fills stderr while we read stdout does not hang."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await _run(place, "chatty", str(1 << 20), keep_bytes=1000)
            assert (finished.exit_code, finished.stdout.total, finished.stderr.total) == (0, 1 << 20, 1 << 20)
            assert (finished.stdout.head, finished.stderr.tail) == (b"o" * 500, b"e" * 500)

    on_loop(check())


def test_a_line_of_100_mb_costs_bounded_memory(on_loop: OnLoop, short_tmp: Path) -> None:
    """All of it is counted, its ends are kept, and our memory does not grow with it (C2)."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            finished = await _run(place, "line", str(100 << 20))
            assert finished.stdout.total == (100 << 20) + 1
            assert finished.stdout.tail.endswith(b"x\n")
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 32 * 1024

    on_loop(check())


def test_stdin_is_given_whole_and_then_ends(on_loop: OnLoop, short_tmp: Path) -> None:
    """More input than a pipe holds comes back whole from a program that copies it."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            data = bytes(range(256)) * 4096
            finished = await _run(place, "echo", stdin=data, keep_bytes=4 << 20)
            assert finished.stdout.head + finished.stdout.tail == data

    on_loop(check())


def test_without_input_stdin_is_empty(on_loop: OnLoop, short_tmp: Path) -> None:
    """A program that reads its stdin sees its end at once, never the daemon's own."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await _run(place, "echo")
            assert (finished.exit_code, finished.stdout.total) == (0, 0)

    on_loop(check())


def test_a_cancelled_command_holds_its_slot_until_its_tree_is_dead(on_loop: OnLoop, short_tmp: Path) -> None:
    """The answer does not wait, the slot does (invariant 5 for processes)."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            task = asyncio.ensure_future(_run(place, "ignores_term"))
            await eventually(lambda: place.processes.live().pids and place.processes.live().pids != [0])
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert place.slot.holders == 1
            await eventually(lambda: place.slot.holders == 0)
            assert place.living() == {}
            await place.gone()

    on_loop(check())


def test_a_start_that_nobody_waits_for_leaves_nothing(on_loop: OnLoop, short_tmp: Path) -> None:
    """Cancelled in whatever moment of its start, a command is dead and its slot free."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            for turns in range(12):
                task = asyncio.ensure_future(_run(place, "silent"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            await eventually(lambda: place.slot.holders == 0)
            await place.gone()

    on_loop(check())


def test_twenty_starts_at_once_never_happen_on_the_loop(on_loop: OnLoop, short_tmp: Path) -> None:
    """`Popen` is called in spawn threads alone (design 3.7)."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            _popen_threads.clear()
            await asyncio.gather(*(_run(place, "line", "10") for _ in range(20)))
            assert len(_popen_threads) == 20
            assert all(name.startswith("spawn") for name in _popen_threads)

    on_loop(check())


def test_what_is_started_knows_its_run_and_starts_no_daemon(on_loop: OnLoop, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment carries our marks, and not those of whoever started the daemon."""
    monkeypatch.setenv("SIDECAR_CALL", "somebody else's")

    async def check() -> None:
        async with ground(short_tmp) as place:
            script = "echo $SIDECAR_SOCKET $SIDECAR_NO_AUTOSTART ${SIDECAR_CALL-none}; echo $SIDECAR_RUN >&2"
            finished = await place.processes.run(["sh", "-c", script], cwd="/", env=place.env, deadline=Deadline.after_ms(30_000), slot=place.slot)
            assert finished.stdout.head == b"/nowhere/daemon.sock 1 none\n"
            assert finished.stderr.head.startswith(b"r")

    on_loop(check())


def test_a_deadline_that_has_passed_starts_nothing_for_long(on_loop: OnLoop, short_tmp: Path) -> None:
    """No time to start in: a typed error, and nothing left."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            with pytest.raises(TimedOut):
                await _run(place, "silent", timeout_ms=0)
            await eventually(lambda: place.slot.holders == 0)
            await place.gone()

    on_loop(check())


def test_closing_kills_everything_attached(on_loop: OnLoop, short_tmp: Path) -> None:
    """After `close` no tree runs, no folder is left, and nothing more is started."""

    async def check() -> None:
        async with ground(short_tmp) as place:
            for deed in ("silent", "daemonises"):
                await place.start(deed)
            assert place.processes.live().count == 2
            await place.processes.close(grace_s=0)
            assert (place.living(), place.folders(), place.processes.live().count) == ({}, [], 0)
            with pytest.raises(ShuttingDown):
                await _run(place, "silent")

    on_loop(check())


def test_too_many_starts_are_refused(on_loop: OnLoop, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of the spawn threads is bounded (invariant 3)."""
    monkeypatch.setattr("sidecar.engine.process.MAX_STARTING", 0)

    async def check() -> None:
        async with ground(short_tmp) as place:
            with pytest.raises(Overloaded):
                await _run(place, "silent")

    on_loop(check())
