"""Running one coroutine on each event loop that we support, with nothing left on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from tests.support.leaks import no_tasks_left

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run_on(name: str, work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` to its end on a new loop of that name ("asyncio" or "uvloop"); its result."""
    with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
        return runner.run(no_tasks_left(work))
