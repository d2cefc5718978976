"""The bounded threads that wait inside Rust (features D1). The crate's own workers do the searching.

A call that is cancelled keeps its slot until Rust has returned (invariant 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sidecar import native
from sidecar.engine.deadline import Deadline
from sidecar.engine.spec import Slot
from sidecar.trace import Counters


class NativePool:
    """Runs native operations off the loop.

    Args:
        threads: how many may wait in Rust at once; the search lane's limit.
        counters: `native.late` counts results that nobody waited for any more (features B6).
    """

    def __init__(self, threads: int, counters: Counters) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="native")
        self._counters = counters

    async def run(self, op: str, request: bytes, *, deadline: Deadline, slot: Slot, emit: Callable[[bytes], bool] | None = None) -> bytes:
        """Answer of one native operation, a JSON object.

        Args:
            op: name of the operation, see `_native.pyi`.
            request: its arguments, a JSON object.
            deadline: Rust stops by itself when it passes.
            slot: held until Rust has returned.
            emit: called on the loop with each streamed chunk, a JSON array; once it has answered False (its reader
                takes nothing any more), the work ends with what was found.

        Raises:
            SidecarError: as the operation says, by kind.
        """
        loop = asyncio.get_running_loop()
        flag = native.cancel(deadline.at_s)
        deliver = None if emit is None else _on_loop(loop, emit)
        slot.hold()
        work = self._threads.submit(native.run, op, request, flag, deliver)
        answer = asyncio.wrap_future(work)
        work.add_done_callback(lambda _: _call_on(loop, slot.release))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            flag.set()
            answer.add_done_callback(self._drop)
            raise

    def close(self) -> None:
        """Take no new work; threads end as Rust returns."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _drop(self, answer: asyncio.Future[bytes]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._counters["native.late"] += 1


def _on_loop(loop: asyncio.AbstractEventLoop, emit: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    keeps_up = True

    def on_loop(chunk: bytes) -> None:
        nonlocal keeps_up
        keeps_up = emit(chunk)

    def deliver(chunk: bytes) -> bool:
        _call_on(loop, on_loop, chunk)
        return keeps_up  # as of the chunks before: a thread in Rust waits neither for the loop nor for a client

    return deliver


def _call_on(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: object) -> None:
    if not loop.is_closed():  # a search may end after the daemon has left
        loop.call_soon_threadsafe(call, *args)
