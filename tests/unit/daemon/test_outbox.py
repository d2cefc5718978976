"""What waits for one client: order, slices, bounds, and when it counts as slow or dead. Time is the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import cast

from sidecar.daemon.outbox import SLICE, TURN, Outbox, OutboxLimits, Trouble


class Timer:
    """One call in the future."""

    def __init__(self, at_s: float, call: Callable[[], None]) -> None:
        self.at_s, self.call, self.cancelled = at_s, call, False

    def cancel(self) -> None:
        """Not to be called."""
        self.cancelled = True


class Clock:
    """The part of an event loop that an outbox uses, with time and turns in the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._soon: list[Callable[[], None]] = []
        self._later: list[Timer] = []

    def time(self) -> float:
        """Seconds."""
        return self.now

    def call_soon(self, call: Callable[[], None]) -> None:
        """At the next turn."""
        self._soon.append(call)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """When `advance` gets there."""
        timer = Timer(self.now + delay_s, call)
        self._later.append(timer)
        return timer

    def turn(self) -> None:
        """One turn of the loop."""
        calls, self._soon = self._soon, []
        for call in calls:
            call()

    def advance(self, seconds: float) -> None:
        """Let time pass, timers running in order."""
        until = self.now + seconds
        while due := [timer for timer in self._later if timer.at_s <= until]:
            first = min(due, key=lambda timer: timer.at_s)
            self._later.remove(first)
            self.now = first.at_s
            if not first.cancelled:
                first.call()
        self.now = until


class Wire:
    """A transport that takes what it is told to take: `room` bytes, then it pauses the outbox."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.ours, self.theirs = ours, theirs
        self.outbox: Outbox | None = None
        self.blocks: list[bytes] = []
        self.held = 0
        self.room = 1 << 40
        self.closed = False

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        """Accepted."""

    def get_write_buffer_size(self) -> int:
        """What the client has not taken."""
        return self.held

    def get_extra_info(self, name: str) -> socket.socket:
        """A real socket, with nothing in it."""
        return self.ours

    def write(self, data: bytes) -> None:
        """Takes it, pausing the outbox when there is no more room."""
        self.blocks.append(bytes(data))
        self.room -= len(data)
        if self.room < 0:
            self.held = -self.room
            assert self.outbox is not None
            self.outbox.pause()

    def read(self, size: int) -> None:
        """The client takes some; the outbox resumes when nothing is held."""
        self.room += size
        self.held = max(0, -self.room)
        if not self.held and self.outbox is not None:
            self.outbox.resume()

    def close(self) -> None:
        """Closed."""
        self.closed = True


@contextlib.contextmanager
def outbox(limits: OutboxLimits | None = None) -> Iterator[tuple[Outbox, Wire, Clock, list[object]]]:
    """An outbox, its transport, its clock, and what it called."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        clock, wire, called = Clock(), Wire(ours, theirs), list[object]()
        box = Outbox(cast(asyncio.AbstractEventLoop, clock), cast(asyncio.Transport, wire), limits or OutboxLimits(), called.append, called.append)
        wire.outbox = box
        yield box, wire, clock, called


def test_small_frames_of_one_turn_are_one_write() -> None:
    """In order, joined."""
    with outbox() as (box, wire, clock, _):
        for number in range(50):
            box.put([b"%d," % number, b"\n"])
        assert wire.blocks == []
        clock.turn()
        assert wire.blocks == [b"".join(b"%d,\n" % number for number in range(50))]
        assert box.pending == 0


def test_a_big_reply_leaves_in_slices_and_turns() -> None:
    """No write is larger than a slice, no turn larger than its budget, and the order holds."""
    big = bytes(range(256)) * (3 * TURN // 256)
    with outbox() as (box, wire, clock, _):
        box.put([b"a"])
        box.put([big, b"\n"])
        box.put([b"z"])
        clock.turn()
        assert sum(map(len, wire.blocks)) <= TURN + SLICE
        for _ in range(5):
            clock.turn()
        assert b"".join(wire.blocks) == b"a" + big + b"\nz"
        assert max(map(len, wire.blocks)) <= SLICE


def test_nothing_is_written_while_the_client_does_not_read() -> None:
    """Back-pressure stops the writing; reading starts it again."""
    with outbox() as (box, wire, clock, _):
        wire.room = 10
        box.put([b"x" * (SLICE * 3)])
        clock.turn()
        assert len(wire.blocks) == 1
        clock.turn()
        assert len(wire.blocks) == 1
        wire.read(SLICE * 3)
        assert sum(map(len, wire.blocks)) == SLICE * 3


def test_the_bound_counts_what_queues_behind_the_reply_being_written() -> None:
    """A reply of any size may be written; what waits behind it may not exceed the bound (design 3.16)."""
    with outbox(OutboxLimits(queued_bytes=1000, pause_bytes=5000)) as (box, wire, clock, called):
        wire.room = 10
        box.put([b"x" * 10_000_000])
        clock.turn()
        box.put([b"y" * 600])
        assert (called, box.queued) == ([], 600)
        box.put([b"y" * 5000])
        assert called == [Trouble.OVERFLOW]
        box.put([b"z"])
        assert called == [Trouble.OVERFLOW]


def test_streamed_frames_do_not_count_towards_the_bound() -> None:
    """They are bounded by their request; what is counted beside them still is, and everything is told to have left in the end."""
    with outbox(OutboxLimits(queued_bytes=1000, pause_bytes=1000)) as (box, wire, clock, called):
        wire.room = 0
        for _ in range(10):
            box.put([b"x" * 600], streamed=True)
        box.put([b"y" * 900])
        assert (called, box.queued) == ([], 9 * 600 + 900)
        clock.turn()
        wire.read(10_000)
        clock.turn()
        assert (called, box.queued) == ([], 0)
        wire.room = 0
        box.put([b"z"])
        box.put([b"y" * 5000])
        assert called == [Trouble.OVERFLOW]


def test_a_crowded_outbox_asks_for_a_pause_and_ends_it() -> None:
    """Once each."""
    with outbox(OutboxLimits(queued_bytes=10_000, pause_bytes=1000)) as (box, wire, clock, called):
        wire.room = 0
        for _ in range(4):
            box.put([b"x" * 600])
        clock.turn()
        wire.read(10_000)
        clock.turn()
        assert called == [False, True]
        assert box.queued == 0


def test_no_progress_for_30_s_ends_the_client() -> None:
    """Counted from the last byte it took."""
    with outbox() as (box, wire, clock, called):
        wire.room = 10
        box.put([b"x" * 1000])
        clock.turn()
        clock.advance(20)
        wire.read(1)
        clock.advance(25)
        assert called == []
        clock.advance(15)
        assert called == [Trouble.STALLED]


def test_what_the_kernel_holds_counts_as_unread() -> None:
    """A reader so slow that the transport does not notice it for 30 s is honest all the same."""
    with outbox() as (box, wire, clock, called):
        wire.ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                wire.ours.send(b"x" * 65536)
        wire.room = 0
        box.put([b"y" * 1000])
        clock.turn()
        for _ in range(3):
            clock.advance(20)
            assert wire.theirs.recv(100_000)
        assert called == []
        assert not box.slow()
        clock.advance(40)
        assert called == [Trouble.STALLED]


def test_slow_means_5_s_without_progress() -> None:
    """Not merely having something queued: 100 ms would cut off honest clients (design 3.16)."""
    with outbox() as (box, wire, clock, _):
        wire.room = 10
        box.put([b"x" * 1000])
        clock.turn()
        assert not box.slow()
        clock.advance(4.9)
        assert not box.slow()
        clock.advance(0.2)
        assert box.slow()
        wire.read(1)
        assert not box.slow()


def test_an_idle_outbox_is_never_slow() -> None:
    """Nothing waits, so nobody is late."""
    with outbox() as (box, _, clock, called):
        box.put([b"x"])
        clock.turn()
        clock.advance(100)
        assert not box.slow()
        assert called == []


def test_closing_waits_for_what_is_queued() -> None:
    """And takes nothing more."""
    with outbox() as (box, wire, clock, _):
        wire.room = 10
        box.put([b"x" * 2 * SLICE])
        box.close(wire.close)
        box.put([b"late"])
        clock.turn()
        assert not wire.closed
        wire.read(SLICE * 4)
        clock.turn()
        assert wire.closed
        assert b"".join(wire.blocks) == b"x" * 2 * SLICE


def test_closing_a_stalled_client_ends() -> None:
    """It is dropped after 30 s without progress like any other."""
    with outbox() as (box, wire, clock, called):
        wire.room = 10
        box.put([b"x" * 1000])
        clock.turn()
        box.close(wire.close)
        clock.advance(60)
        assert called == [Trouble.STALLED]


def test_a_discarded_outbox_is_silent() -> None:
    """After the connection's end nothing is written or called."""
    with outbox() as (box, wire, clock, called):
        box.put([b"x"])
        box.discard()
        clock.turn()
        clock.advance(100)
        assert (wire.blocks, called, box.pending) == ([], [], 0)
