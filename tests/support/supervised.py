"""What tests of processes share: a place to run them in, a counted slot, and the badly behaved program."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from sidecar.engine.running import RunningProcess
from tests.support.processes import MARK, marked
from tests.support.waiting import eventually

BAD_AGENT = [sys.executable, "-IS", str(Path(__file__).with_name("bad_agent.py"))]


class CountedSlot:
    """A slot that counts who holds it."""

    def __init__(self) -> None:
        self.holders = 0

    def hold(self) -> None:
        """One more."""
        self.holders += 1

    def release(self) -> None:
        """One less."""
        self.holders -= 1


class Ground:
    """Processes of one test, all of them marked in their environment."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.mark = secrets.token_hex(8)
        self.env = {MARK: self.mark}
        self.slot = CountedSlot()
        self.processes = Processes(state, "/nowhere/daemon.sock", 4)

    def living(self) -> dict[int, str]:
        """Living processes of this test, their supervisors too."""
        return marked(self.mark)

    def folders(self) -> list[Path]:
        """Run folders."""
        return sorted((self.state / "run").iterdir()) if (self.state / "run").exists() else []

    async def start(self, *words: str, stdin: bool = False, detached: bool = False) -> tuple[RunningProcess, asyncio.Event]:
        """A bad agent that has said `ready` (or nothing, if it is detached), and the event of it."""
        said, ready = bytearray(), asyncio.Event()

        def hear(data: bytes) -> None:
            said.extend(data)
            if b"ready\n" in said:
                ready.set()

        process = await self.processes.start(
            [*BAD_AGENT, *words],
            cwd="/",
            env=self.env,
            deadline=Deadline.after_ms(30_000),
            slot=self.slot,
            stdin=stdin,
            detached=detached,
            on_stdout=hear,
        )
        if not detached:
            await ready.wait()
        return process, ready

    async def gone(self) -> None:
        """Wait until no process and no run folder of this test is left."""
        await eventually(lambda: not self.living() and not self.folders(), what="the tree is dead and its folder removed")


@asynccontextmanager
async def ground(state: Path) -> AsyncIterator[Ground]:
    """A place for one test's processes; at its end nothing of them may be left."""
    place = Ground(state)
    try:
        yield place
    finally:
        await place.processes.close(grace_s=0)
        left = place.living()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert not left, f"left behind: {left}"
    assert place.slot.holders == 0
