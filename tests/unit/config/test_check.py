"""Unknown keys and wrong types, as values."""

from __future__ import annotations

from sidecar.config.check import Problem, problems
from sidecar.config.settings import Settings


def test_a_valid_partial_table_has_no_problems() -> None:
    """A file may name as little as it likes."""
    assert list(problems(Settings, {"daemon": {"idle_exit_s": 1}, "timeouts": {"grep": {"max_ms": 5}}})) == []


def test_all_problems_are_found_with_their_whole_path() -> None:
    """Not only the first, and inside tables with free names too."""
    found = list(problems(Settings, {"deamon": {}, "timeouts": {"grep": {"max": 5}, "hover": 3}}))
    assert [problem.path for problem in found] == [("deamon",), ("timeouts", "grep", "max"), ("timeouts", "hover")]
    assert [problem.hint for problem in found[:2]] == ["Did you mean daemon?", "Did you mean timeouts.grep.max_ms?"]


def test_a_key_that_resembles_none_lists_the_known_ones() -> None:
    """The user need not look them up."""
    assert list(problems(Settings, {"native": {"qqq": 1}})) == [Problem(("native", "qqq"), "unknown key", "Known keys here: threads.")]
