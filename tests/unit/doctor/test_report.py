"""The report for people."""

from __future__ import annotations

from sidecar.doctor import report
from sidecar.doctor.outcome import Check, State

CHECKS = [
    Check("socket", State.OK, "a daemon answers"),
    Check("rg", State.WARN, "rg not found", "why not", "do this"),
    Check("x", State.FAIL, "broken", "because", "mend"),
]


def test_it_is_aligned_and_says_why_and_what_to_do() -> None:
    """One glance: state, name, finding; below it reason and fix."""
    assert report.text(CHECKS, color=False).splitlines() == [
        "ok    socket  a daemon answers",
        "warn  rg      rg not found",
        "              why: why not",
        "              fix: do this",
        "FAIL  x       broken",
        "              why: because",
        "              fix: mend",
        "1 failed, 1 warned, 1 fine. First: x: mend",
    ]


def test_colour_changes_no_column() -> None:
    """The marks are padded before they are painted."""
    assert report.text(CHECKS[:1], color=True).startswith("\x1b[32mok  \x1b[0m  socket  ")


def test_only_a_failure_fails() -> None:
    """Warnings and skips are exit 0."""
    assert not report.failed(CHECKS[:2])
    assert report.failed(CHECKS)


def test_several_lines_of_one_check_carry_its_name_once() -> None:
    """And what is skipped or fine is not explained, whatever it knows."""
    lines = report.text([Check("servers", State.OK, "a"), Check("servers", State.SKIP, "b", "not found", "install it")], color=False).splitlines()
    assert lines == ["ok    servers  a", "skip           b", "Nothing fails: 1 fine, 1 skipped."]


def test_a_programs_own_words_stay_on_their_line_and_do_nothing_to_the_terminal() -> None:
    """A dying server may print anything."""
    assert report.text([Check("x", State.FAIL, "a", "b\n\x1b[2Jc", "d")], color=False).splitlines()[1] == "         why: b  [2Jc"
