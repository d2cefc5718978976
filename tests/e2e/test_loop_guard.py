"""D2, design 3.20: the loop's lag is measured while something is live, and a stall is kept with the stack of who made it."""

from __future__ import annotations

from tests.support.daemon import Daemon
from tests.support.waiting import eventually


async def test_a_stall_of_the_loop_is_kept_with_its_culprit(daemon: Daemon) -> None:
    """A tool that holds the loop's thread is named in `sidecar/status`, also after it has ended."""
    async with await daemon.connect() as client:
        live = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "live"}})
        await client.tool("stall")

        async def worst() -> list[dict[str, object]]:
            found: list[dict[str, object]] = (await client.call("sidecar/status"))["loopLag"]["worst"]
            return found

        [*stalls] = await eventually(worst, what="the stall is noticed")
        assert any("extra_tools.py" in str(stall["stack"]) and "stall" in str(stall["stack"]) for stall in stalls), stalls
        await client.tool("release", {"name": "live"})
        await live


async def test_lag_is_not_measured_for_a_mere_connection(daemon: Daemon) -> None:
    """An idle daemon with a client does not beat: no samples come by themselves between two looks."""
    async with await daemon.connect() as client:
        await client.call("sidecar/hello")
        held = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "live"}})
        await eventually(lambda: daemon.status()["loopLag"]["samples"] > 0, what="a live request makes it beat")
        await client.tool("release", {"name": "live"})
        await held
        lag = daemon.status()["loopLag"]
        assert {"p50", "p99", "p999", "max", "worst"} <= set(lag)
