"""`sidecar glob` tells patterns from paths."""

from __future__ import annotations

import pytest

from sidecar.cli import glob, parser
from sidecar.errors import InvalidParams


@pytest.mark.parametrize(
    ("words", "patterns", "paths"),
    [
        (["*.py"], ["*.py"], ["."]),
        (["Makefile"], ["Makefile"], ["."]),
        (["*.py", "src", "tests"], ["*.py"], ["src", "tests"]),
        (["*.py", "!test_*", "a/**", "src"], ["*.py", "!test_*", "a/**"], ["src"]),
    ],
)
def test_the_first_word_is_a_pattern_and_later_ones_if_they_look_like_it(words: list[str], patterns: list[str], paths: list[str]) -> None:
    """A word looks like a glob when it has one of its signs."""
    assert glob.where(words) == {"patterns": patterns, "paths": paths}


def test_without_a_word_it_says_how_to_use_it() -> None:
    """Exit code 2 with a hint."""
    with pytest.raises(InvalidParams) as refused:
        glob.where([])
    assert "sidecar glob" in refused.value.hint


def test_switches_are_the_tools_arguments() -> None:
    """Those that were not given are left to the tool."""
    name, options = parser.parse(["glob", "*.py", "--hidden", "-t", "py", "src"])
    assert (name, options["words"]) == ("glob", ["*.py", "src"])
    assert {key: value for key, value in options.items() if key.startswith("args.")} == {"args.hidden": True, "args.types": ["py"]}
