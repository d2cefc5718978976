"""Runs a search tool as the runner does, with a real native pool and real processes, without a daemon."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from sidecar.engine.deadline import Deadline
from sidecar.engine.lanes import Lane, LaneLimits
from sidecar.engine.pool import NativePool
from sidecar.engine.process import Processes
from sidecar.engine.spec import Caller, Context, HoverPort, LaneName, Ports, PositionEncoding, Rights, ToolSpec
from sidecar.trace import Counters, Trace
from tests.support.engines import with_search_programs


async def searched(
    spec: ToolSpec[Any],
    root: Path,
    *,
    timeout_s: float = 60,
    env: Mapping[str, str] | None = None,
    encoding: PositionEncoding = PositionEncoding.UTF8,
    rights: Rights = Rights.FULL,
    emit: Callable[[bytes], bool] | None = None,
    **args: Any,
) -> dict[str, Any]:
    """The tool's result with its notes as `meta`; fails if the lane's slot is still held a moment later."""
    pool = NativePool(1, Counters())
    lane = Lane(LaneName.SEARCH, LaneLimits(2, 2, 1.0))
    deadline = Deadline.after_ms(timeout_s * 1e3)
    with tempfile.TemporaryDirectory(prefix="sc-") as state:
        processes = Processes(Path(state), f"{state}/no.sock", spawn_threads=1)
        slot = await lane.acquire("c1", deadline)
        caller = Caller("c1", rights=rights, encoding=encoding, env=with_search_programs() if env is None else env)
        context = Context(caller, str(root), deadline, Trace(time.monotonic()), slot, Ports(pool, processes, cast(HoverPort, None)), emit)
        try:
            outcome = await spec.run(context, msgspec.convert(args, spec.args))
            found: dict[str, Any] = json.loads(cast(bytes, outcome.body))
            return found | {"meta": dict(outcome.notes)}
        finally:
            slot.release()
            await processes.close()
            pool.close()
