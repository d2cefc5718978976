"""Lines of keys in TOML files."""

from __future__ import annotations

import tomllib

import pytest

from sidecar.config.lines import line_of

TEXT = '''# comment
top = 1
[daemon]
log_level = "info"   # idle_exit_s = 3
idle_exit_s = 4
"quoted key" = 5

[servers."a.b"]
command = ["x",
  "y = z"]
env = { A = "1" }
note = """
limit = 7
"""
lanes.search.limit = 8

[lanes.search]
limit = 9
'''


def test_the_example_is_toml() -> None:
    """The example below means something."""
    assert tomllib.loads(TEXT)["lanes"]["search"]["limit"] == 9


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("daemon",), 3),
        (("daemon", "log_level"), 4),
        (("daemon", "idle_exit_s"), 5),
        (("daemon", "quoted key"), 6),
        (("servers", "a.b"), 8),
        (("servers", "a.b", "command"), 9),
        (("servers", "a.b", "env"), 11),
        (("servers", "a.b", "lanes", "search", "limit"), 15),
        (("lanes", "search", "limit"), 18),
    ],
)
def test_a_key_is_found_on_its_line(path: tuple[str, ...], line: int) -> None:
    """Headers, dotted keys, quotes, comments and multi-line values do not confuse it."""
    assert line_of(TEXT, path) == line


def test_a_key_of_an_inline_table_is_on_the_line_of_the_table() -> None:
    """The nearest line that is known is better than none."""
    assert line_of(TEXT, ("servers", "a.b", "env", "A")) == 11


def test_a_key_that_is_not_there_is_on_the_first_line() -> None:
    """There is always a line to show."""
    assert line_of(TEXT, ("other",)) == 1
