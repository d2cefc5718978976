"""The look of grep: what rg prints for the same matches."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sidecar.cli import output
from sidecar.cli.printer import Look, Printer


def match(path: str, line: int, text: str, *spans: tuple[int, int], **more: Any) -> dict[str, Any]:
    """One match as the protocol has it."""
    return {"path": path, "line": line, "text": text, "submatches": [{"start": start, "end": end} for start, end in spans], **more}


def printed(look: Look, matches: list[dict[str, Any]], capfdbinary: pytest.CaptureFixture[bytes]) -> bytes:
    """What stands on stdout."""
    printer = Printer(look)
    printer.matches(matches)
    printer.rest({})
    output.flush()
    return capfdbinary.readouterr().out


def test_a_match_is_path_line_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`path:line:text`, one line end, whatever the file's."""
    found = [match("a.py", 3, "x = 1\n", (0, 1)), match("a.py", 9, "x = 2\r\n", (0, 1)), match("b.py", 1, "x", (0, 1))]
    assert printed(Look(), found, capfdbinary) == b"a.py:3:x = 1\na.py:9:x = 2\nb.py:1:x\n"


def test_without_line_numbers(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """-N."""
    assert printed(Look(numbers=False), [match("a", 3, "x\n")], capfdbinary) == b"a:x\n"


def test_headings_stand_above_their_matches(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A file's path once, an empty line between files."""
    found = [match("a", 1, "x\n"), match("a", 2, "x\n"), match("b", 1, "x\n")]
    assert printed(Look(heading=True), found, capfdbinary) == b"a\n1:x\n2:x\n\nb\n1:x\n"


def test_colour_marks_the_path_the_line_and_the_match(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """As rg does by default."""
    shown = printed(Look(color=True), [match("a", 1, "one x two\n", (4, 5))], capfdbinary)
    assert shown == b"\x1b[0m\x1b[35ma\x1b[0m:\x1b[0m\x1b[32m1\x1b[0m:one \x1b[0m\x1b[1m\x1b[31mx\x1b[0m two\n"


def test_context_lines_have_a_dash_and_gaps_are_marked(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """-C 1: what was shown already is not shown again, and `--` stands where lines are left out."""
    found = [
        match("a", 2, "x2\n", before=["l1\n"], after=["l3\n"]),
        match("a", 4, "x4\n", before=["l3\n"], after=["l5\n"]),
        match("a", 9, "x9\n", before=["l8\n"], after=[]),
        match("b", 1, "x1\n", before=[], after=[]),
    ]
    shown = printed(Look(context=True), found, capfdbinary)
    assert shown == b"a-1-l1\na:2:x2\na-3-l3\na:4:x4\na-5-l5\n--\na-8-l8\na:9:x9\n--\nb:1:x1\n"


def test_a_context_line_that_matches_itself_is_printed_once_and_as_a_match(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """-C 2 around neighbours, whatever the daemon counts as context."""
    found = [match("a", 1, "x1\n", after=["x2\n", "l3\n"]), match("a", 2, "x2\n", before=["x1\n"], after=["l3\n", "l4\n"])]
    assert printed(Look(context=True), found, capfdbinary) == b"a:1:x1\na:2:x2\na-3-l3\na-4-l4\n"


def test_a_match_over_several_lines_is_printed_on_each(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """-U."""
    assert printed(Look(), [match("a", 5, "one\ntwo\n", (0, 7))], capfdbinary) == b"a:5:one\na:6:two\n"


def test_vimgrep_has_a_line_and_a_column_for_each_match(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Columns are bytes from 1."""
    assert printed(Look(vimgrep=True), [match("a", 7, "äx x\n", (2, 3), (4, 5))], capfdbinary) == "a:7:3:äx x\na:7:5:äx x\n".encode()


def test_what_is_not_utf8_is_printed_as_the_bytes_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Names and lines both."""
    raw = {"pathBytes": base64.b64encode(b"\xff.py").decode(), "line": 1, "bytes": base64.b64encode(b"x\xfe\n").decode(), "submatches": []}
    assert printed(Look(), [raw], capfdbinary) == b"\xff.py:1:x\xfe\n"


def test_a_line_that_the_daemon_has_cut_says_so(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A megabyte of it is there; nobody takes it for the whole."""
    assert printed(Look(), [match("a", 1, "x", clipped=True)], capfdbinary) == b"a:1:x [... the line goes on]\n"


def test_files_and_counts_come_with_the_last_reply(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """-l and -c."""
    printer = Printer(Look())
    printer.rest({"paths": ["a", "b"], "counts": [{"path": "c", "count": 3}]})
    output.flush()
    assert capfdbinary.readouterr().out == b"a\nb\nc:3\n"
    assert printer.printed == 3
