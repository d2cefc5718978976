"""Cancel and deadline inside a parse, inside one token and inside matching: counted in units of work, not in milliseconds (design 3.6)."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sidecar import errors, native
from tests.native.ast_oracle import search
from tests.support.trees import write_tree
from tests.support.waiting import PATIENCE_S, eventually_sync

_MB = 1 << 20
# A unit is 64 KiB read, 100 steps of a parser, or 1,024 nodes visited; each worker may be in one when the flag is set, and see it in the next.
_UNITS_EACH = 2

_SOURCES = {
    "one line of statements": ("a.js", "f(a, b);" * (20 * _MB // 8)),
    "one comment": ("a.js", "f(1);/*" + "x" * (20 * _MB) + "*/"),
    "one string": ("a.js", "f('" + "x" * (20 * _MB) + "')"),
    "one comment in HTML": ("a.html", "<!-- f(1) " + "x" * (20 * _MB) + " -->"),
    "one script in HTML": ("a.html", "<script>" + "f(a, b);" * (20 * _MB // 8) + "</script>"),
    "comment lines": ("a.py", "f(1)\n" + "#\n" * 190_000),
}


_ONE_TOKEN = {"one comment", "one string", "one comment in HTML"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each source in a folder of its own."""
    root = tmp_path_factory.mktemp("sources")
    for name, (file, text) in _SOURCES.items():
        write_tree(root / name, {file: text})  # each has the token of f($A), or it would not be parsed
    return root


def _overrun(before: dict[str, int]) -> int:
    return native.stats()["unitsAfterStop"] - before["unitsAfterStop"]


@pytest.mark.parametrize("name", _SOURCES)
def test_a_deadline_inside_a_parse_is_a_success_that_says_so(sources: Path, name: str) -> None:
    """100 ms for what takes seconds, 20 ms for one token: whatever the parser is in, each worker ends its unit and starts none."""
    before = native.stats()
    answer = search(sources / name, pattern="$A($B)", timeout_s=0.02 if name in _ONE_TOKEN else 0.1)
    assert (answer["truncated"], answer["reason"]) == (True, "timeout")
    after = native.stats()
    assert after["unitsAfterStop"] - before["unitsAfterStop"] <= _UNITS_EACH * after["workers"]
    assert after["activeSearches"] == 0


def _cancelled(root: Path, when_units: int, **args: Any) -> int:
    """Cancel a search once it has done so many units; how many came after."""
    before = native.stats()
    flag = native.cancel(time.monotonic() + 60)

    def cancel_when_it_runs() -> None:
        eventually_sync(lambda: native.stats()["units"] - before["units"] >= when_units, PATIENCE_S, "the search runs")
        flag.set()

    canceller = threading.Thread(target=cancel_when_it_runs)
    canceller.start()
    try:
        with pytest.raises(errors.Cancelled):
            native.run("ast_grep", json.dumps({"root": str(root), "stream": False} | args).encode(), flag)
    finally:
        flag.set()
        canceller.join()
    assert native.stats()["activeSearches"] == 0
    return _overrun(before)


@pytest.mark.parametrize("name", ["one line of statements", "comment lines", "one script in HTML"])
def test_a_cancel_inside_a_parse_ends_it(sources: Path, name: str) -> None:
    """The units that were running end, none follows."""
    read = len(_SOURCES[name][1]) // (64 << 10)
    assert _cancelled(sources / name, read + 20, pattern="f($A)") <= _UNITS_EACH * native.stats()["workers"]


_QUADRATIC = {
    "has": "{kind: call_expression, not: {has: {kind: class, stopBy: end}}, inside: {kind: program, has: {kind: class, stopBy: end}, stopBy: end}}",
    "follows": "{kind: expression_statement, follows: {kind: class_declaration, stopBy: end}}",
    "inside": "{kind: identifier, inside: {kind: class, stopBy: end}}",
}


@pytest.mark.parametrize("name", _QUADRATIC)
def test_a_cancel_inside_one_match_ends_it(tmp_path: Path, name: str) -> None:
    """Rules whose every candidate looks through the whole file."""
    text = "f(a);\n" * 20_000 if name != "inside" else "f(" * 20_000 + ")" * 20_000
    write_tree(tmp_path, {"a.js": text})
    units = 1500 if name != "inside" else 300
    assert _cancelled(tmp_path, units, rule=f"language: js\nrule: {_QUADRATIC[name]}") <= _UNITS_EACH * native.stats()["workers"]


def test_a_search_that_was_cancelled_before_does_no_unit(tmp_path: Path) -> None:
    """A flag that is set already lets nothing start."""
    write_tree(tmp_path, {"a.js": "f(1)"})
    before = native.stats()
    flag = native.cancel(time.monotonic() + 60)
    flag.set()
    with pytest.raises(errors.Cancelled):
        native.run("ast_grep", json.dumps({"root": str(tmp_path), "pattern": "f($A)"}).encode(), flag)
    assert native.stats()["units"] == before["units"]


def test_what_was_found_by_the_deadline_is_returned(tmp_path: Path, sources: Path) -> None:
    """Matches of files before the big one stay in the result."""
    write_tree(tmp_path, {"a.js": "f(1)\n"})
    (tmp_path / "b.js").symlink_to(sources / "one line of statements" / "a.js")
    answer = search(tmp_path, pattern="f($A)", timeout_s=2, paths=["a.js", "b.js"])
    assert (answer["truncated"], answer["reason"]) == (True, "timeout")
    assert [match["path"] for match in answer["matches"]] == ["a.js"]


def test_a_matching_that_was_stopped_claims_nothing(tmp_path: Path) -> None:
    """A denial that was told too little would be a lie: of the file that was being matched nothing is reported."""
    write_tree(tmp_path, {"a.js": "f(a);\n" * 30_000 + "class A {}\n"})
    rule = "language: js\nrule: {kind: program, all: [{has: {kind: call_expression, stopBy: end}}, {not: {has: {kind: class_declaration, stopBy: end}}}]}"
    for timeout_s in (0.02, 0.05, 0.1, 0.2):
        assert search(tmp_path, rule=rule, timeout_s=timeout_s)["matches"] == []


def test_the_limit_stops_a_file_of_a_million_matches(tmp_path: Path) -> None:
    """Memory and work follow the limit, in one unit and in several, with and without a rewrite."""
    text = "f(a);" * 400_000
    write_tree(tmp_path, {"a.js": text, "b.html": f"<script>{text}</script>"})
    for args in ({"pattern": "f($A)"}, {"pattern": "f($A)", "rewrite": "g($A)"}, {"rule": "language: js\nrule: {pattern: f($A)}"}):
        answer = search(tmp_path, limit=10, maxBytes=1 << 20, **args)
        assert (len(answer["matches"]), answer["reason"]) == (10, "limit")
        assert {match["path"] for match in answer["matches"]} == {"a.js"}


def test_matches_stream_in_order_and_the_reply_has_the_rest(tmp_path: Path) -> None:
    """Chunks are arrays of matches; together they are what the reply would hold."""
    write_tree(tmp_path, {f"{name}.js": "f(1);\n" * 500 for name in "abcdef"})
    whole = search(tmp_path, pattern="f($A)")["matches"]
    chunks: list[Any] = []
    rest = search(tmp_path, pattern="f($A)", emit=lambda chunk: chunks.extend(json.loads(chunk)))
    assert chunks == whole
    assert "matches" not in rest
    assert (rest["files"], rest["truncated"]) == (6, False)


def test_the_same_search_gives_the_same_bytes(tmp_path: Path) -> None:
    """However the workers share it."""
    write_tree(tmp_path, {f"d{number % 7}/{number}.js": f"f({number}, g(1));\n" * 30 for number in range(100)})
    request = json.dumps({"root": str(tmp_path), "pattern": "$F($$$A)", "limit": 10_000, "maxBytes": 1 << 30}).encode()
    answers = {native.run("ast_grep", request, native.cancel(time.monotonic() + 60)) for _ in range(5)}
    assert len(answers) == 1
