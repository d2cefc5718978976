"""Writing to stdout."""

from __future__ import annotations

import pytest

from sidecar.cli import output


def test_columns_are_aligned_and_the_last_one_is_not_padded() -> None:
    """No blanks at a line's end."""
    assert output.aligned([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b\n"
    assert output.aligned([]) == ""


def test_names_that_are_not_utf8_are_written_as_they_are(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The bytes of the file name, whatever the locale."""
    output.write(b"\xff \xc3\xa4\n".decode("utf-8", "surrogateescape"))
    output.flush()
    assert capfdbinary.readouterr().out == b"\xff \xc3\xa4\n"


def test_json_is_one_line_of_utf8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Nothing is escaped that need not be."""
    output.write_json({"a": "ä\n"})
    output.flush()
    assert capfdbinary.readouterr().out == '{"a":"ä\\n"}\n'.encode()
