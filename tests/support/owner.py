"""A daemon's share of processes as a real process of its own: `owner.py STATE SOCKET DEED...` starts each bad agent and waits to be killed.

A deed that starts with `+` is started detached; after the deed `storm` it never stops to start more.
Says `ready` once all are in place.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sidecar.engine import proc
from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from tests.support.supervised import BAD_AGENT


async def storm(processes: Processes) -> None:
    """Four silent agents, started at once."""
    await asyncio.gather(*(processes.start([*BAD_AGENT, "silent"], cwd="/", env=None, deadline=Deadline.after_ms(30_000)) for _ in range(4)))


async def main(state: str, socket: str, deeds: list[str]) -> None:
    """Start them all, say so, and wait for ever."""
    proc.become_subreaper()
    processes = Processes(Path(state), socket, 4)
    for deed in deeds:
        if deed == "storm":
            continue
        ready = asyncio.Event()
        detached = deed.startswith("+")
        await processes.start(
            [*BAD_AGENT, deed.removeprefix("+"), "5"],
            cwd="/",
            env=None,
            deadline=Deadline.after_ms(30_000),
            stdin=False,
            detached=detached,
            on_stdout=lambda _, ready=ready: ready.set(),
        )
        if not detached:
            await ready.wait()
    if "storm" in deeds:
        await storm(processes)
    os.write(1, b"ready\n")
    while "storm" in deeds:
        await storm(processes)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
