"""One line of rg's JSON becomes one match of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.engine import rgjson
from sidecar.engine.spec import PositionEncoding


def _line(kind: str, text: str, number: int, *spans: tuple[int, int]) -> Any:
    data = {
        "path": {"text": "a"},
        "lines": {"text": text},
        "line_number": number,
        "absolute_offset": 5,
        "submatches": [{"match": {"text": ""}, "start": start, "end": end} for start, end in spans],
    }
    event = rgjson.decode(json.dumps({"type": kind, "data": data}))
    assert isinstance(event, rgjson.Match | rgjson.Context)
    return event.data


def test_context_belongs_to_the_match_before_if_that_asked_for_it() -> None:
    """Else it stands before the next; no line is listed twice."""
    items = rgjson.FileItems(b"a", 1, 4096, PositionEncoding.UTF8)
    items.context(_line("context", "zero\n", 1))
    items.match(_line("match", "one\n", 2, (0, 3)))
    items.context(_line("context", "two\n", 3))
    items.context(_line("context", "three\n", 4))
    items.match(_line("match", "four", 5, (0, 4)))
    items.close()
    first, second = map(json.loads, items.items)
    assert (first["before"], first["after"], second["before"]) == (["zero"], ["two"], ["three"])
    assert "after" not in second


@pytest.mark.parametrize(("encoding", "start"), [(PositionEncoding.UTF8, 7), (PositionEncoding.UTF16, 4), (PositionEncoding.UTF32, 3)])
def test_columns_count_in_the_callers_encoding(encoding: PositionEncoding, start: int) -> None:
    """An emoji and a sharp s before the match."""
    items = rgjson.FileItems(b"a", 0, 4096, encoding)
    items.match(_line("match", "😀ß needle\n".replace("ß ", "ß\t"), 1, (7, 13)))
    items.close()
    [found] = map(json.loads, items.items)
    assert found["range"]["start"] == {"line": 0, "character": start}
    assert found["submatches"] == [{"start": 7, "end": 13}]


def test_bytes_that_are_no_text_come_in_base64() -> None:
    """Names and lines alike."""
    items = rgjson.FileItems(b"\xff", 0, 4096, PositionEncoding.UTF8)
    data = {"path": {"bytes": "/w=="}, "lines": {"bytes": "/2EK"}, "line_number": 1, "absolute_offset": 0, "submatches": []}
    event = rgjson.decode(json.dumps({"type": "match", "data": data}))
    assert isinstance(event, rgjson.Match)
    items.match(event.data)
    items.close()
    [found] = map(json.loads, items.items)
    assert (found["pathBytes"], found["bytes"]) == ("/w==", "/2E=")


def test_a_window_cuts_no_character() -> None:
    """A quarter of it stands before the first match, as in `clip.rs`."""
    line = b"x" * 1000
    assert rgjson.window(line, 500, 100) == (475, 575)
    assert rgjson.window(line, 999, 100) == (900, 1000)
    umlauts = ("ä" * 500).encode()
    for first in range(900):
        start, end = rgjson.window(umlauts, first, 101)
        assert umlauts[start:end].decode()
