"""ast-grep's argument list, and what its complaints mean; its matches are held in tests/native/test_ast_engines_agree.py."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sidecar.engine import astgrep
from sidecar.engine.astgrep import Pieces, Structure
from sidecar.engine.gathering import Gathering
from sidecar.engine.ripgrep import Place, Shown
from sidecar.engine.spec import PositionEncoding
from sidecar.errors import Failed, InvalidParams
from sidecar.tools.ast_grep import AstGrepArgs


def wanted(**args: Any) -> Structure:
    """As the tool makes it of its arguments."""
    return msgspec.convert(msgspec.convert(args, AstGrepArgs), Structure, from_attributes=True)


def test_every_value_is_glued_to_its_option_and_paths_stand_behind_two_dashes() -> None:
    """C4; and the project's own configuration is never read."""
    words = astgrep.words(wanted(pattern="--update-all", language="-l", globs=["-U"]), [Place("-x", "-x", False)])
    assert words[0] == "run"
    assert {"--pattern=--update-all", "--lang=-l", "--globs=-U", "--config=/dev/null", "--custom-languages=ignore"} <= set(words)
    assert words[words.index("--") + 1 :] == ["-x"]


def test_a_rule_object_gets_the_language_unless_it_has_one() -> None:
    """As in the native engine."""
    for rule, language in (({"id": "x"}, "py"), ({"id": "x", "language": "js"}, "js")):
        [inline] = [word for word in astgrep.words(wanted(rule=rule, language="py"), []) if word.startswith("--inline-rules=")]
        assert json.loads(inline.partition("=")[2])["language"] == language


@pytest.mark.parametrize(
    "args", [{}, {"pattern": "a", "rule": "b"}, {"pattern": "a", "rewrite": "b"}, {"pattern": "a", "apply": True}, {"rule": "a", "selector": "b"}]
)
def test_what_the_program_cannot_do_is_refused(args: dict[str, Any]) -> None:
    """Before anything is started."""
    with pytest.raises(InvalidParams):
        astgrep.check(wanted(**args))


@pytest.mark.parametrize(
    ("stderr", "code", "kind", "said"),
    [
        ("Error: Cannot parse query as a valid pattern.", 8, InvalidParams, "pattern"),
        ("error: invalid value 'x' for '--lang <LANG>'", 2, InvalidParams, "language"),
        ("something new", 101, Failed, "something new"),
    ],
)
def test_a_complaint_becomes_the_error_that_names_the_argument(stderr: str, code: int, kind: type[Exception], said: str) -> None:
    """By its own words."""
    error = astgrep.complaint(stderr.encode(), code, "pattern")
    assert type(error) is kind
    assert said in str(error)


def test_a_warning_or_nothing_found_is_no_error() -> None:
    """Its exit code 1 means that."""
    assert astgrep.complaint(b"Warning: Pattern contains an ERROR node", 1, "pattern") is None
    assert astgrep.complaint(b"", 0, "rule") is None


def test_the_first_matches_in_path_order_are_kept_however_they_come() -> None:
    """Files come in any order, and chunks end anywhere."""
    span = {"byteOffset": {"start": 0, "end": 1}, "start": {"line": 0, "column": 0}, "end": {"line": 0, "column": 1}}
    found = [{"text": "x", "range": span, "file": name, "lines": "x", "language": "Python"} for name in ("c", "a", "b")]
    stream = b"".join(json.dumps(one).encode() + b"\n" for one in found)
    reading, gathering = Pieces(2, 1 << 20), Gathering(2, 1 << 20, sort=True)
    reading.begin(Shown([Place("./", "", True)]))
    assert all(reading.feed(stream[at : at + 7]) for at in range(0, len(stream), 7))
    reading.rendered("/nowhere", gathering, PositionEncoding.UTF16)
    assert [json.loads(item)["path"] for _, items in gathering.taken() for item in items] == ["a", "b"]
    assert reading.reason() == "limit"
