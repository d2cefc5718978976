"""However a stream is cut into portions, it means the same."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.frames import FrameReader, Framing, frame

values = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
objects = st.dictionaries(st.text(), values, max_size=4)
framings = st.sampled_from(Framing)


def portions(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at these places (modulo its length)."""
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(at)]


@given(st.lists(objects, min_size=1, max_size=8), framings, st.lists(st.integers(0, 10**6), max_size=20), st.booleans())
def test_any_chunking_yields_the_same_bodies(sent: list[object], framing: Framing, cuts: list[int], ascii: bool) -> None:
    """In order, nothing lost, nothing twice; the framing is told by the first byte."""
    bodies = [json.dumps(value, ensure_ascii=ascii).encode() for value in sent]
    stream = b"".join(b"".join(frame(framing, [body])) for body in bodies)
    reader = FrameReader()
    assert [body for portion in portions(stream, cuts) for body in reader.feed(portion)] == bodies
    assert reader.framing is framing
    assert reader.error is None
    assert reader.finish() == []


@given(
    st.binary(max_size=3000), st.lists(st.integers(0, 10**6), max_size=20), st.sampled_from([b"", b"{", b"Content-Length: 5\r\n\r\n", b"content-type: x\r\n"])
)
def test_any_bytes_mean_the_same_in_any_portions(garbage: bytes, cuts: list[int], prefix: bytes) -> None:
    """Bodies and kind of fault do not depend on the portions, and nothing is raised."""
    stream = prefix + garbage
    whole, cut = FrameReader(), FrameReader()
    bodies = whole.feed(stream)
    assert [body for portion in portions(stream, cuts) for body in cut.feed(portion)] == bodies
    assert type(whole.error) is type(cut.error)
    assert whole.framing is cut.framing
