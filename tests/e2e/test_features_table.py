"""The acceptance table points at tests that exist."""

from __future__ import annotations

import re

from tests.support.daemon import PROJECT

_TABLE = PROJECT / "docs" / "features.md"


def test_every_test_file_named_in_the_features_table_exists() -> None:
    """A row of docs/features.md names no test that is not there."""
    named = set(re.findall(r"tests/[\w/.-]+\.py", _TABLE.read_text()))
    assert named, "the table names no test at all"
    assert not sorted(name for name in named if not (PROJECT / name).is_file())


def test_every_test_function_named_in_the_features_table_exists() -> None:
    """`tests/x.py::test_y` in docs/features.md names a function that the file defines."""
    for path, function in re.findall(r"(tests/[\w/.-]+\.py)::(\w+)", _TABLE.read_text()):
        assert re.search(rf"def {function}\b", (PROJECT / path).read_text()), f"{path}::{function}"
