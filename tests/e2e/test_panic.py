"""D4: a Rust panic fails one call, nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.bystander import bystander
from tests.support.daemon import Daemon
from tests.support.trees import write_tree


async def test_a_panic_in_rust_fails_its_own_call_alone(daemon: Daemon, short_tmp: Path) -> None:
    """-32803 `failed` with a hint; searches beside and after it are answered, and the thread is back."""
    daemon.expected += ["panicked"]
    write_tree(short_tmp, {"a.txt": "needle\n"})
    search = {"root": str(short_tmp), "pattern": "needle"}
    async with bystander(daemon), await daemon.connect() as client:
        asked = [client.request("sidecar/tools/call", {"tool": "fault", "args": {"panic": True}}) for _ in range(5)]
        beside = [client.request("sidecar/grep", search) for _ in range(5)]
        for reply in await asyncio.gather(*asked):
            assert (reply["error"]["code"], reply["error"]["data"]["kind"]) == (-32803, "failed"), reply
            assert reply["error"]["data"]["hint"]
        assert all(len(reply["result"]["matches"]) == 1 for reply in await asyncio.gather(*beside))
        assert len((await client.call("sidecar/grep", search))["matches"]) == 1


async def test_more_panics_than_there_are_threads_leave_all_threads(daemon: Daemon, short_tmp: Path) -> None:
    """No worker is lost to a panic."""
    daemon.expected += ["panicked"]
    write_tree(short_tmp, {"a.txt": "needle\n"})
    workers = daemon.status()["native"]["workers"]
    async with await daemon.connect() as client:
        for _ in range(4 * max(workers, 2)):
            assert (await client.refusal("sidecar/tools/call", {"tool": "fault", "args": {"panic": True}})).kind == "failed"
        assert len((await client.call("sidecar/grep", {"root": str(short_tmp), "pattern": "needle"}))["matches"]) == 1
    native = daemon.status()["native"]
    assert native["panics"] >= 4 * max(workers, 2)
    daemon.check_idle()


async def test_native_work_never_holds_the_loop(daemon: Daemon) -> None:
    """D1: while Rust spins in every thread, requests are answered: the GIL is free."""
    async with await daemon.connect() as client:
        spinning = [client.request("sidecar/tools/call", {"tool": "fault", "args": {"spinMs": 600_000}}) for _ in range(2)]
        for _ in range(50):
            assert await client.call("sidecar/ping") == {}
        assert not any(asked.done() for asked in spinning)
        for asked in spinning:
            client.cancel(asked)
        assert {(await asked)["error"]["code"] for asked in spinning} == {-32800}
