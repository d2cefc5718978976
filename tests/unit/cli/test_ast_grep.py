"""`sidecar ast-grep` tells the pattern from paths, reads rules, and prints each line of a match with its number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import ast_grep, parser
from sidecar.errors import InvalidParams


def test_the_first_word_is_the_pattern_unless_there_is_a_rule(tmp_path: Path) -> None:
    """The rest are paths; none means here."""
    rule = tmp_path / "rule.yml"
    rule.write_text("language: js")
    assert ast_grep.where(["f($A)", "a", "b"], None) == {"pattern": "f($A)", "paths": ["a", "b"]}
    assert ast_grep.where(["f($A)"], None) == {"pattern": "f($A)", "paths": ["."]}
    assert ast_grep.where(["a"], str(rule)) == {"rule": "language: js", "paths": ["a"]}


def test_a_missing_pattern_or_rule_file_is_explained(tmp_path: Path) -> None:
    """With what to type, or which file it was."""
    with pytest.raises(InvalidParams) as refused:
        ast_grep.where([], None)
    assert "sidecar ast-grep" in refused.value.hint
    with pytest.raises(InvalidParams, match="no-such-file"):
        ast_grep.read(str(tmp_path / "no-such-file"))


def test_options_and_words_may_come_in_any_order() -> None:
    """As for grep; -l, -r and --rule are ast-grep's own names."""
    name, options = parser.parse(["ast-grep", "-l", "py", "f($A)", "src", "-r", "g($A)", "--json"])
    assert name == "ast-grep"
    assert (options["words"], options["args.language"], options["args.rewrite"], options["as_json"]) == (["f($A)", "src"], "py", "g($A)", True)


def test_each_line_of_a_match_has_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    """`path:line:text`, as ast-grep prints them."""
    match: dict[str, Any] = {"path": "a.py", "line": 3, "text": "f(\n  1)"}
    printer = ast_grep.Printer(quiet=False)
    printer.progress({"token": "x", "value": {"matches": [match]}})
    assert capsys.readouterr().out == "a.py:3:f(\na.py:4:  1)\n"
    assert printer.printed == 1
