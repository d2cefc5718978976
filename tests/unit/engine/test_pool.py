"""The threads that wait inside Rust: what they deliver, when they let go of their slot, and how a stream ends early."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine.deadline import Deadline
from sidecar.engine.pool import NativePool
from sidecar.errors import InvalidParams
from sidecar.trace import Counters


class Held:
    """A slot that knows how often it is held, and tells when nobody holds it any more."""

    def __init__(self) -> None:
        self.count = 0
        self.free = asyncio.Event()

    def hold(self) -> None:
        """Once more."""
        self.count += 1

    def release(self) -> None:
        """Once less."""
        self.count -= 1
        if not self.count:
            self.free.set()


def grep_request(root: Path, **more: Any) -> bytes:
    """A streamed grep for `needle`."""
    return json.dumps({"pattern": "needle", "root": str(root), "encoding": "utf-16", "stream": True, **more}).encode()


async def test_a_search_streams_its_chunks_and_answers() -> None:
    """Chunks are JSON arrays, handed over on the loop before the answer."""
    root = Path(__file__).parent
    chunks: list[Any] = []
    pool, slot = NativePool(1, Counters()), Held()

    def keep(chunk: bytes) -> bool:
        chunks.extend(json.loads(chunk))
        return True

    answer = await pool.run("grep", grep_request(root), deadline=Deadline.after_ms(60_000), slot=slot, emit=keep)
    pool.close()
    assert any(match["path"] == Path(__file__).name for match in chunks)
    assert json.loads(answer)["truncated"] is False


async def test_a_stream_whose_reader_stopped_ends_with_what_it_has(tmp_path: Path) -> None:
    """`truncated, reason: slowReader`: nothing found is thrown away (design 3.16)."""
    for number in range(400):
        (tmp_path / f"{number}.txt").write_text("needle\n" * 2_000)
    pool, slot = NativePool(1, Counters()), Held()
    request = grep_request(tmp_path, limit=10**9, maxBytes=2**28)
    answer = json.loads(await pool.run("grep", request, deadline=Deadline.after_ms(60_000), slot=slot, emit=lambda chunk: False))
    pool.close()
    assert (answer["truncated"], answer["reason"]) == (True, "slowReader")


async def test_a_cancelled_call_keeps_its_slot_until_rust_has_returned() -> None:
    """The slot is freed by the end of the work, not by the end of the wait (invariant 5)."""
    pool, slot = NativePool(1, Counters()), Held()
    task = asyncio.create_task(pool.run("fault", b'{"spinMs": 60000}', deadline=Deadline.after_ms(60_000), slot=slot))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held = slot.count
    await slot.free.wait()
    pool.close()
    assert held == 1


async def test_an_error_of_rust_is_an_error_of_ours() -> None:
    """A pattern that does not compile is -32602 with its position, and the slot is free."""
    pool, slot = NativePool(1, Counters()), Held()
    request = json.dumps({"pattern": "(", "root": "/", "encoding": "utf-16"}).encode()
    with pytest.raises(InvalidParams) as refused:
        await pool.run("grep", request, deadline=Deadline.after_ms(60_000), slot=slot)
    await slot.free.wait()
    pool.close()
    assert refused.value.data["position"]["start"] == 0
