"""What is kept of an endless stream."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.output import HeadTail, Tail


@given(st.lists(st.binary(max_size=40)), st.integers(0, 50))
def test_head_and_tail_are_the_ends_of_what_was_fed(chunks: list[bytes], keep: int) -> None:
    """However it is cut into chunks: a prefix, a suffix, never overlapping, everything if it fits."""
    kept = HeadTail(keep)
    for chunk in chunks:
        kept.feed(chunk)
    whole, stream = b"".join(chunks), kept.stream()
    assert stream.total == len(whole)
    assert whole.startswith(stream.head)
    assert whole.endswith(stream.tail)
    assert len(stream.head) + len(stream.tail) == min(keep, len(whole))


@given(st.lists(st.binary(max_size=40)), st.integers(0, 50))
def test_a_tail_is_the_last_bytes(chunks: list[bytes], keep: int) -> None:
    """Exactly the last `keep` bytes, or all there were."""
    tail = Tail(keep)
    for chunk in chunks:
        tail.feed(chunk)
    whole = b"".join(chunks)
    assert tail.value() == whole[max(0, len(whole) - keep) :]
    assert tail.total == len(whole)


def test_single_bytes_do_not_cost_an_object_each() -> None:
    """A writer of single bytes must not make the tail's bookkeeping grow with `keep_bytes`."""
    tail = Tail(1 << 20)
    for _ in range(5000):
        tail.feed(b"x")
    assert len(tail._chunks) <= 1025
    assert tail.value() == b"x" * 5000


def test_a_huge_chunk_is_not_kept_whole() -> None:
    """One chunk far over the bound leaves only the bound behind."""
    kept = HeadTail(100)
    kept.feed(b"x" * (1 << 20))
    assert sum(sys.getsizeof(chunk) for chunk in kept._tail._chunks) < 1000
