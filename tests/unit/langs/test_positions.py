"""Positions in every encoding, and file URIs."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams
from sidecar.langs.positions import canonical, character_of, convert, index_of, path_of, uri_of

UNIT = {PositionEncoding.UTF8: ("utf-8", 1), PositionEncoding.UTF16: ("utf-16-le", 2), PositionEncoding.UTF32: ("utf-32-le", 4)}
# No surrogates: the reference is `str.encode`. No line ends: this is about one line.
LINES = st.text(st.one_of(st.sampled_from("aé日🎉👩‍💻𐍈"), st.characters(exclude_categories=("Cs",), exclude_characters="\r\n")), max_size=40)
ENCODINGS = st.sampled_from(list(PositionEncoding))


def reference(line: str, index: int, encoding: PositionEncoding) -> int:
    """How many units the code points before `index` take."""
    codec, width = UNIT[encoding]
    return len(line[:index].encode(codec)) // width


@given(LINES, ENCODINGS, st.data())
def test_a_character_counts_the_units_of_the_encoding(line: str, encoding: PositionEncoding, data: st.DataObject) -> None:
    """`character_of` is the encoded length of what stands before."""
    index = data.draw(st.integers(0, len(line)))
    assert character_of(line, index, encoding) == reference(line, index, encoding)


@given(LINES, ENCODINGS, st.integers(0, 200))
def test_an_index_is_the_last_code_point_that_starts_at_or_before_the_character(line: str, encoding: PositionEncoding, character: int) -> None:
    """Inside a code point means its start; past the line means its end."""
    starts = [index for index in range(len(line) + 1) if reference(line, index, encoding) <= character]
    assert index_of(line, character, encoding) == starts[-1]


@given(LINES, ENCODINGS, ENCODINGS, st.data())
def test_conversion_there_and_back_changes_nothing(line: str, one: PositionEncoding, other: PositionEncoding, data: st.DataObject) -> None:
    """A place at a code point's start survives the way through any other encoding."""
    character = reference(line, data.draw(st.integers(0, len(line))), one)
    assert convert(line, convert(line, character, one, other), other, one) == character


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 12), ("utf-16", 8), ("utf-32", 7)])
def test_emoji_and_cjk_before_a_name_move_it_by_their_own_width(encoding: str, character: int) -> None:
    """The same name stands elsewhere in each encoding."""
    line = '"🎉日" + name'
    assert index_of(line, character, PositionEncoding(encoding)) == line.index("name")
    assert character_of(line, line.index("name"), PositionEncoding(encoding)) == character


def test_lone_surrogates_do_not_fail() -> None:
    """JSON can carry half a pair; it counts one unit, and three bytes."""
    assert index_of("a\ud800b", 2, PositionEncoding.UTF16) == 2
    assert index_of("a\ud800b", 4, PositionEncoding.UTF8) == 2
    assert character_of("a\ud800b", 2, PositionEncoding.UTF8) == 4


@pytest.mark.parametrize("path", ["/a b/c.py", "/ä/日本/🎉.py", "/100%/#x?y.py", "/a/b;c=d&e.py", "/", "/no\udcffutf8.py"])
def test_a_path_survives_the_way_through_its_uri(path: str) -> None:
    """Spaces, non-ASCII, percent signs and bytes that are no UTF-8 are kept."""
    uri = uri_of(path)
    assert uri.isascii() and " " not in uri
    assert path_of(uri) == path


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")))
def test_every_file_name_has_a_uri(name: bytes) -> None:
    """Any bytes a Unix file name can hold."""
    path = "/" + os.fsdecode(name)
    assert path_of(uri_of(path)) == path


@pytest.mark.parametrize("uri", ["file:///a%20b.py", "file:///a b.py", "file://localhost/a%20b.py", "FILE:///a%20b.py", "file:///x/../a%20b.py"])
def test_spellings_of_one_file_are_one_uri(uri: str) -> None:
    """Editors differ in what they percent-encode."""
    assert canonical(uri) == "file:///a%20b.py"


def test_other_schemes_are_left_alone() -> None:
    """An unnamed buffer has no path."""
    assert path_of("untitled:Untitled-1") is None
    assert canonical("untitled:Untitled-1") == "untitled:Untitled-1"


@pytest.mark.parametrize("uri", ["file://elsewhere/a.py", "file:a.py", "file:///a%00.py", "file://"])
def test_a_file_uri_that_is_none_of_this_host_is_refused(uri: str) -> None:
    """Another host, a relative path, a NUL."""
    with pytest.raises(InvalidParams):
        path_of(uri)
