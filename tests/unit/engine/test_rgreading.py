"""What rg writes is read the same however it is cut into chunks."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.gathering import Gathering
from sidecar.engine.rgreading import MAX_EVENT_BYTES, Counts, Lines, Matches, Names, Reading
from sidecar.engine.ripgrep import Place, Shown
from sidecar.engine.spec import PositionEncoding

_HERE = Shown([Place("./", "", True)])


def _event(kind: str, path: str, **more: object) -> bytes:
    return json.dumps({"type": kind, "data": {"path": {"text": path}, **more}}, separators=(",", ":")).encode() + b"\n"


def _match(path: str, line: int) -> bytes:
    return _event("match", path, lines={"text": "x\n"}, line_number=line, absolute_offset=line, submatches=[{"match": {"text": "x"}, "start": 0, "end": 1}])


_STREAM = b"".join(
    [
        _event("begin", "./b"),
        _match("./b", 1),
        _match("./b", 2),
        _event("end", "./b", binary_offset=None, stats={}),
        _event("begin", "./a"),
        _match("./a", 7),
        _event("end", "./a", binary_offset=99, stats={}),
        b'{"data":{"stats":{}},"type":"summary"}\n',
    ]
)


def _fed(reading: Reading, data: bytes, size: int) -> None:
    reading.begin(_HERE)
    for at in range(0, len(data), size):
        reading.feed(data[at : at + size])
    reading.end()


def _read(data: bytes, size: int) -> tuple[list[tuple[str, int]], int]:
    gathering = Gathering(100, 1 << 20, sort=True)
    reading = Matches(gathering, 0, 4096, PositionEncoding.UTF8)
    _fed(reading, data, size)
    return [(found["path"], found["line"]) for _, items in gathering.taken() for found in map(json.loads, items)], reading.binary


@given(size=st.integers(1, len(_STREAM)))
def test_chunks_of_any_size_give_the_same_matches(size: int) -> None:
    """Also byte by byte; a file that turned out to be binary is counted."""
    assert _read(_STREAM, size) == ([("a", 7), ("b", 1), ("b", 2)], 1)


def test_a_stream_that_is_cut_off_keeps_what_was_whole() -> None:
    """A program that was killed in the middle of a file."""
    cut = _STREAM[: _STREAM.index(_match("./b", 2)) + 10]
    assert _read(cut, 50) == ([("b", 1)], 0)


def test_names_and_counts_are_read_whatever_is_in_a_name() -> None:
    """A line end, a colon, bytes that are no text."""
    for size in (1, 3, 1000):
        names = Gathering(100, 1000, sort=True)
        _fed(Names(names), b"./b\n:1\0./a\0", size)
        assert [json.loads(item) for _, items in names.taken() for item in items] == ["a", "b\n:1"]
        counts = Gathering(100, 1000, sort=True)
        _fed(Counts(counts), b"./b\n:1\x0012\n./\xff\x003\n", size)
        found = [json.loads(item) for _, items in counts.taken() for item in items]
        assert [(one["path"], one["count"]) for one in found] == [("b\n:1", 12), ("\ufffd", 3)]


def test_a_line_that_is_too_long_is_left_out_and_held_nowhere() -> None:
    """The lines around it are whole."""
    lines = Lines(10)
    assert lines.feed(b"abc\n" + b"x" * 8) == [b"abc"]
    assert lines.feed(b"x" * 8) == []
    assert lines.feed(b"x\ndef\n") == [None, b"def"]
    assert MAX_EVENT_BYTES <= 4 << 20
