"""Places as compilers print them."""

from __future__ import annotations

import os

import pytest

from sidecar.cli import hover
from sidecar.errors import InvalidParams


def test_a_place_counts_from_one_and_the_protocol_from_zero() -> None:
    """FILE:LINE:COL to an LSP position."""
    assert hover.position("src/a.py:12:5") == (os.path.abspath("src/a.py"), 11, 4)


def test_a_file_name_may_hold_colons() -> None:
    """Only the last two count."""
    assert hover.position("/a:b:1.py:3:1") == ("/a:b:1.py", 2, 0)


@pytest.mark.parametrize("place", ["a.py", "a.py:3", "a.py:3:", "a.py:0:1", "a.py:1:0", ":1:1", "a.py:x:1", "a.py:-1:1"])
def test_anything_else_is_refused_with_an_example(place: str) -> None:
    """Position 0 would be another line than the one meant."""
    with pytest.raises(InvalidParams) as caught:
        hover.position(place)
    assert "sidecar hover" in caught.value.hint


def test_the_root_is_the_current_folder_for_files_below_it() -> None:
    """Else the file's own."""
    assert hover.root_of(os.path.join(os.getcwd(), "x", "a.py")) == os.getcwd()
    assert hover.root_of("/somewhere/else/a.py") == "/somewhere/else"
