"""Nothing grows: after a warm-up, the same mixed work again leaves threads, descriptors and processes as they were."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.support import bad_client, processes
from tests.support.daemon import Daemon
from tests.support.trees import wide_tree
from tests.support.waiting import eventually_sync


async def _one_of_everything(daemon: Daemon, root: Path) -> None:
    search = {"root": str(root), "pattern": "needle", "limit": 50}
    async with await daemon.connect() as lines, await daemon.connect_lsp() as headers, await daemon.connect(daemon.reader) as reader:
        await lines.call("sidecar/hello", {"root": str(root)})
        await headers.initialize(root)
        await asyncio.gather(
            *(client.call("sidecar/grep", search) for client in (lines, headers, reader) for _ in range(4)),
            lines.call("sidecar/grep", search | {"partialResultToken": "t"}),
            lines.reply("sidecar/grep", search | {"pattern": "("}),
            lines.reply("sidecar/nothing"),
            lines.tool("run_command", {"argv": ["true"]}, root=str(root)),
            lines.reply("sidecar/tools/call", {"tool": "hold", "args": {"name": "never"}, "timeoutMs": 20}),
            headers.call("sidecar/events/subscribe"),
        )
        cancelled = lines.request("sidecar/tools/call", {"tool": "hold_search", "args": {"name": "never"}})
        lines.cancel(cancelled)
        await cancelled
    bad_client.dies_mid_frame(daemon.socket)
    bad_client.half_closes_then_dies(daemon.socket, bad_client.request("sidecar/grep", search))
    bad_client.never_reads(daemon.socket, bad_client.request("sidecar/grep", search) * 5).close()
    bad_client.answer_to(daemon.socket, b"\x00garbage")


def _held(daemon: Daemon) -> dict[str, int]:
    held = daemon.held_when_idle()
    return held and held | {"threads": len(os.listdir(f"/proc/{daemon.pid}/task")), "processes": len(processes.marked(daemon.mark))}


async def test_the_same_work_again_leaves_threads_descriptors_and_processes_as_they_were(daemon: Daemon, short_tmp: Path) -> None:
    """Twice as warm-up (pools fill, pygls is imported), then ten times: not one more of anything."""
    wide_tree(short_tmp, 40)
    for _ in range(2):
        await _one_of_everything(daemon, short_tmp)
    warm = eventually_sync(lambda: _held(daemon), what="idle after the warm-up")
    for _ in range(10):
        await _one_of_everything(daemon, short_tmp)
    after: list[dict[str, int]] = []

    def no_more() -> bool:
        after.append(_held(daemon))
        return bool(after[-1]) and all(count <= warm.get(kind, 0) for kind, count in after[-1].items())

    eventually_sync(no_more, what=f"as before: {warm}")
    assert after[-1]
