"""A bare process ends with its reader, its deadline and its daemon, and with everything it had started."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sidecar.engine.bare import BareProcesses
from sidecar.engine.deadline import Deadline
from sidecar.engine.process import NoSlot
from sidecar.engine.spec import Bare, Program
from sidecar.errors import NotFound, NotInstalled, TimedOut
from tests.support.engines import script, with_search_programs
from tests.support.waiting import eventually

PROGRAM = Program("finder", "finder", (2, 1, 0), "Install finder.")
_VERSION = '[ "$1" = --version ] && echo "finder 2.1.0" && exit'


@pytest.fixture
async def bare() -> AsyncIterator[BareProcesses]:
    """With one spawn thread."""
    threads = ThreadPoolExecutor(1)
    processes = BareProcesses(threads, "/nowhere")
    yield processes
    processes.close()
    await eventually(lambda: not processes.pids(), what="all are dead")
    threads.shutdown()


async def _run(bare: BareProcesses, folder: Path, *words: str, timeout_ms: float = 30_000, most: int = 1 << 20) -> tuple[Bare, bytes]:
    said = bytearray()

    def feed(data: bytes) -> bool:
        said.extend(data)
        return len(said) < most

    deadline = Deadline.after_ms(timeout_ms)
    ended = await bare.run(PROGRAM, lambda: words, cwd=str(folder), env=with_search_programs(folder), deadline=deadline, slot=NoSlot(), feed=feed)
    return ended, bytes(said)


async def test_output_complaints_and_exit_code_come_back(bare: BareProcesses, tmp_path: Path) -> None:
    """Words arrive as they are, in the working folder that was named."""
    script(tmp_path, "finder", _VERSION + '\nprintf "%s|" "$@" "$PWD"; echo oh >&2; exit 3')
    ended, said = await _run(bare, tmp_path, "a b", "$x", "")
    assert said == f"a b|$x||{tmp_path}|".encode()
    assert (ended.exit_code, ended.stderr, ended.timed_out, ended.enough) == (3, b"oh\n", False, False)


async def test_its_version_is_asked_once_and_again_when_it_changes(bare: BareProcesses, tmp_path: Path) -> None:
    """An upgrade counts without a restart of the daemon."""
    asked = tmp_path / "asked"
    script(tmp_path, "finder", f'[ "$1" = --version ] && echo x >>{asked}\n{_VERSION}')
    await _run(bare, tmp_path)
    await _run(bare, tmp_path)
    assert asked.read_text() == "x\n"
    (tmp_path / "finder").unlink()
    script(tmp_path, "finder", '[ "$1" = --version ] && echo "finder 2.0.9" && exit')
    with pytest.raises(NotInstalled, match=r"2\.0\.9.*2\.1\.0"):
        await _run(bare, tmp_path)


async def test_at_its_deadline_the_whole_group_is_killed(bare: BareProcesses, tmp_path: Path) -> None:
    """What was said before is there; a child that holds the pipe keeps nobody waiting."""
    script(tmp_path, "finder", f"{_VERSION}\necho first; sleep 1000 & echo $! >{tmp_path}/pid; sleep 1000")
    ended, said = await _run(bare, tmp_path, timeout_ms=600)
    assert (said, ended.timed_out, ended.exit_code) == (b"first\n", True, None)
    pid = int((tmp_path / "pid").read_text())
    await eventually(lambda: not _runs(pid), what="its child is dead")


async def test_enough_ends_it(bare: BareProcesses, tmp_path: Path) -> None:
    """An endless writer."""
    script(tmp_path, "finder", f"{_VERSION}\nexec yes")
    ended, said = await _run(bare, tmp_path, most=10)
    assert ended.enough
    assert len(said) <= 1 << 16


async def test_a_cancel_ends_it(bare: BareProcesses, tmp_path: Path) -> None:
    """Whoever waited is gone at once."""
    script(tmp_path, "finder", f"{_VERSION}\nsleep 1000")
    asked = asyncio.ensure_future(_run(bare, tmp_path))
    await eventually(bare.pids, what="it runs")
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await eventually(lambda: not bare.pids(), what="it is dead")


async def test_one_that_does_not_say_its_version_has_timed_out(bare: BareProcesses, tmp_path: Path) -> None:
    """Nothing was found, so that this is an error."""
    script(tmp_path, "finder", "sleep 1000")
    with pytest.raises(TimedOut, match="version"):
        await _run(bare, tmp_path, timeout_ms=300)


async def test_a_refusal_of_its_words_starts_nothing(bare: BareProcesses, tmp_path: Path) -> None:
    """The words are made in a spawn thread, where files may be looked at."""
    script(tmp_path, "finder", _VERSION)

    def words() -> list[str]:
        raise NotFound("gone does not exist")

    with pytest.raises(NotFound):
        await bare.run(PROGRAM, words, cwd="/", env=with_search_programs(tmp_path), deadline=Deadline.after_ms(30_000), slot=NoSlot(), feed=bool)
    assert not bare.pids()


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text() and bool(os.getpgid(pid))
    except (FileNotFoundError, ProcessLookupError):
        return False
