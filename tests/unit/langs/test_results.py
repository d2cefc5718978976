"""From a server's hover result to ours."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from sidecar.engine.spec import PositionEncoding
from sidecar.langs.results import forwarded, hover
from sidecar.langs.text import make

TEXT = make("\n🎉日 name\n")
UTF8, UTF16, UTF32 = PositionEncoding.UTF8, PositionEncoding.UTF16, PositionEncoding.UTF32
SPAN = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 8}}
MARKUP = {"kind": "markdown", "value": "x"}


def raw(value: Any, indent: int | None = None) -> Raw:
    """As it comes from a server."""
    return Raw(json.dumps(value, indent=indent).encode())


def contents_of(value: Any) -> Any:
    """The tool's contents."""
    return json.loads(bytes(hover(raw({"contents": value}), TEXT, UTF16, UTF16)[0]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (MARKUP, MARKUP),
        ("text", {"kind": "markdown", "value": "text"}),
        ({"language": "c", "value": "int x"}, {"kind": "markdown", "value": "```c\nint x\n```"}),
        (["a", {"language": "c", "value": "b"}, ""], {"kind": "markdown", "value": "a\n\n```c\nb\n```"}),
        ([], None),
        ("", None),
        ({"kind": "markdown", "value": ""}, None),
        (None, None),
    ],
)
def test_every_shape_of_contents_becomes_one(given: Any, expected: Any) -> None:
    """MarkupContent, MarkedString, a list of them; nothing is null."""
    assert contents_of(given) == expected


def test_null_is_no_contents_and_no_range() -> None:
    """Both ways."""
    contents, span = hover(Raw(b"null"), TEXT, UTF16, UTF8)
    assert (bytes(contents), span) == (b"null", UNSET)
    assert forwarded(Raw(b"null"), TEXT, UTF16, UTF8) == b"null"


@pytest.mark.parametrize(("server", "caller", "start"), [(UTF16, UTF16, 4), (UTF16, UTF8, 8), (UTF16, UTF32, 3), (UTF32, UTF16, 5)])
def test_the_range_comes_in_the_callers_encoding(server: PositionEncoding, caller: PositionEncoding, start: int) -> None:
    """By the text of its lines."""
    answer = raw({"contents": MARKUP, "range": SPAN})
    _, span = hover(answer, TEXT, server, caller)
    assert span is not UNSET
    assert json.loads(bytes(span))["start"] == {"line": 1, "character": start}
    assert json.loads(forwarded(answer, TEXT, server, caller))["range"]["start"]["character"] == start


def test_equal_encodings_pass_through_on_one_line() -> None:
    """Untouched but for raw line ends, which a newline client could not read."""
    answer = raw({"contents": MARKUP, "range": SPAN, "more": [1]}, indent=2)
    passed = forwarded(answer, TEXT, UTF16, UTF16)
    assert b"\n" not in passed and json.loads(passed)["more"] == [1]
    contents, span = hover(answer, TEXT, UTF16, UTF16)
    assert b"\n" not in bytes(contents) and span is not UNSET and b"\n" not in bytes(span)


def test_a_range_past_the_text_is_clamped() -> None:
    """A server's mistake costs nobody a crash."""
    far = {"start": {"line": 1, "character": 99}, "end": {"line": 99, "character": 99}}
    _, span = hover(raw({"contents": MARKUP, "range": far}), TEXT, UTF16, UTF32)
    assert span is not UNSET
    assert json.loads(bytes(span)) == {"start": {"line": 1, "character": 7}, "end": {"line": 99, "character": 0}}


@pytest.mark.parametrize("value", [3, [], "x", {"contents": MARKUP, "range": {"start": 3}}])
def test_what_is_no_hover_is_said_so(value: Any) -> None:
    """By an error that the hub names the server in."""
    with pytest.raises(msgspec.DecodeError):
        hover(raw(value), TEXT, UTF16, UTF8)
