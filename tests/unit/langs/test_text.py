"""A document's text as a value, in both its forms, against a reference."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import native
from sidecar.engine.spec import PositionEncoding
from sidecar.langs.positions import index_of
from sidecar.langs.text import LARGE, Lines, Text, line_of, make, same

CONTENT = st.text(st.sampled_from("ab\n\r\u2028\x0b日🎉"), max_size=30)
ENCODINGS = st.sampled_from(list(PositionEncoding))
POSITION = st.tuples(st.integers(0, 12), st.integers(0, 12))


def lines_of(text: str) -> list[str]:
    """LSP lines, with their ends."""
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)


def offset(text: str, position: tuple[int, int], encoding: PositionEncoding) -> int:
    """The code point index of a position, clamped, straight from the specification's words."""
    lines = lines_of(text)
    line, character = position
    if line >= len(lines):
        return len(text)
    return sum(map(len, lines[:line])) + index_of(lines[line].rstrip("\r\n"), character, encoding)


def forms(content: str) -> list[Text]:
    """The same text in each form that there is."""
    return [make(content), native.text(content)] if native.available() else [make(content)]


@given(CONTENT, POSITION, POSITION, CONTENT, ENCODINGS)
def test_a_change_replaces_exactly_its_range(content: str, one: tuple[int, int], two: tuple[int, int], new: str, encoding: PositionEncoding) -> None:
    """Any line ends, any encoding, positions past lines and past the text."""
    start, end = sorted((one, two))
    first, last = offset(content, start, encoding), offset(content, end, encoding)
    expected = content[:first] + new + content[max(first, last) :]
    for text in forms(content):
        assert text.apply(*start, *end, encoding, new).text() == expected
        assert text.text() == content, "the old value stays as it was"


@given(CONTENT, st.lists(st.tuples(POSITION, POSITION, CONTENT), max_size=5), ENCODINGS)
def test_many_changes_keep_lines_and_size_right(content: str, changes: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: PositionEncoding) -> None:
    """A text after changes is the text that was never changed."""
    text = make(content)
    for one, two, new in changes:
        start, end = sorted((one, two))
        text = text.apply(*start, *end, encoding, new)
    fresh = make(text.text())
    assert same(text, fresh)
    assert text.len_bytes == fresh.len_bytes
    assert [line_of(text, n) for n in range(40)] == [line_of(fresh, n) for n in range(40)]


@given(CONTENT, st.integers(0, 40))
def test_a_line_has_no_end_and_none_past_the_text(content: str, n: int) -> None:
    """Only LF, CR LF and CR end one: not U+2028, not a vertical tab."""
    lines = lines_of(content)
    for text in forms(content):
        assert line_of(text, n) == (lines[n].rstrip("\r\n") if n < len(lines) else "")


@given(CONTENT)
def test_its_json_is_a_string_of_the_whole(content: str) -> None:
    """As any JSON reader takes it."""
    for text in forms(content):
        assert json.loads(text.json()) == content


def test_a_range_whose_end_is_before_its_start_is_empty() -> None:
    """A client's mistake inserts instead of failing."""
    assert make("abc\ndef\n").apply(1, 1, 0, 1, "utf-16", "X").text() == "abc\ndXef\n"


def test_a_large_text_lives_in_rust_and_a_small_one_does_not() -> None:
    """Also one that grows large by a change."""
    assert native.available(), "build the native module first: make build"
    assert isinstance(make("x" * LARGE), Lines)
    assert not isinstance(make("x" * (LARGE + 1)), Lines)
    assert not isinstance(make("x" * LARGE).apply(0, 0, 0, 0, "utf-16", "grown"), Lines)


@pytest.mark.parametrize("megabytes", [1, 15])
def test_a_large_text_takes_a_hundred_changes_all_over_it(megabytes: int) -> None:
    """Each lands where it belongs, and the others stay where they were."""
    line = "x" * 79 + "\n"
    text = make(line * (megabytes * 1024 * 1024 // len(line)))
    for n in range(100):
        text = text.apply(n * 100, 3, n * 100, 3, "utf-16", "y")
    assert {text.line(n * 100) for n in range(100)} == {"xxxy" + "x" * 76}
    assert {text.line(n * 100 + 1) for n in range(100)} == {"x" * 79}


def test_equal_texts_are_the_same_only_if_that_is_known() -> None:
    """Small ones by content, large ones by identity."""
    assert same(make("a\nb"), make("a\nb"))
    assert not same(make("a\nb"), make("a\nc"))
    large = make("x" * (LARGE + 1))
    assert same(large, large)
