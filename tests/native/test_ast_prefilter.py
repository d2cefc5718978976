"""The test before parsing never loses a file: random rules and patterns on random sources, against the CLI, which parses everything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar import native
from tests.native.ast_oracle import cli, ours, search
from tests.support.trees import write_tree

_LONG = bool(os.environ.get("SIDECAR_TEST_LONG"))
_NAMES = st.sampled_from(["a", "b", "foo", "await", "x1"])
_VALUES = st.one_of(_NAMES, st.sampled_from(["1", "'foo'", "foo(a)", "a + b", "foo.b", "[a, b]", "await x1"]))
_LINES = st.one_of(
    st.builds("{}({})".format, _NAMES, _VALUES),
    st.builds("{} = {}".format, _NAMES, _VALUES),
    st.builds("if {} == {}: {}".format, _VALUES, _VALUES, _NAMES),
    st.builds("def {}({}): return {}".format, _NAMES, _NAMES, _VALUES),
    st.builds("# {}".format, _NAMES),
).filter(lambda line: "await" not in line or line.startswith(("await", "#")))
_SOURCES = st.lists(st.lists(_LINES, max_size=4).map("\n".join), min_size=3, max_size=12)
_PATTERNS = st.one_of(
    st.sampled_from(
        ["$A", "$F($A)", "$A == $A", "foo($$$)", "$A = $B", "def $F($$$A): return $B", "return $A", "if $A: $B", "await $A", "a + $B", "[$$$A]", "foo", "'foo'"]
    ),
    st.builds("{}($A)".format, _NAMES),
    st.builds("$A = {}".format, _VALUES),
)
_STRICTNESS = st.sampled_from(["cst", "smart", "ast", "relaxed", "signature"])
_ATOMS = st.one_of(
    st.builds(lambda pattern: {"pattern": pattern}, _PATTERNS),
    st.builds(lambda context, strictness: {"pattern": {"context": context, "strictness": strictness}}, _PATTERNS, _STRICTNESS),
    st.sampled_from([{"kind": "call"}, {"kind": "identifier"}, {"regex": "foo"}, {"matches": "util"}, {"nthChild": 1}]),
)


def _combined(rules: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(rules, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda parts: {"all": parts}, lists),
        st.builds(lambda parts: {"any": parts}, lists),
        st.builds(lambda rule, other: {**other, "not": rule}, rules, _ATOMS),
        st.builds(
            lambda rule, other, relation: {**other, relation: {**rule, "stopBy": "end"}},
            rules,
            _ATOMS,
            st.sampled_from(["inside", "has", "follows", "precedes"]),
        ),
    )


_RULES = st.recursive(_ATOMS, _combined, max_leaves=5).map(lambda rule: {"all": [{"any": [{"kind": kind} for kind in _KINDS]}, rule]})
_KINDS = ["call", "identifier", "assignment", "comparison_operator", "return_statement", "if_statement", "function_definition", "string", "await", "list"]


def _root(sources: list[str]) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    write_tree(Path(folder.name), {f"{number}.py": text + "\n" for number, text in enumerate(sources)})
    return folder


@settings(max_examples=400 if _LONG else 40, deadline=None)
@given(_SOURCES, _RULES)
def test_no_rule_loses_a_match_to_the_test_before_parsing(sources: list[str], rule: Any) -> None:
    """`all` is and, `any` is or; everything else asks for nothing."""
    with _root(sources) as folder:
        asked = {"id": "a", "language": "python", "utils": {"util": {"pattern": "foo($$$)"}}, "rule": rule}
        assert sorted(ours(Path(folder), rule=asked)) == cli(Path(folder), rule=asked)


@settings(max_examples=400 if _LONG else 40, deadline=None)
@given(_SOURCES, _PATTERNS, st.one_of(_STRICTNESS, st.just("template")))
def test_no_pattern_loses_a_match_to_the_test_before_parsing(sources: list[str], pattern: str, strictness: str) -> None:
    """The fixed token of the CLI's own test, which it asks after parsing."""
    with _root(sources) as folder:
        args = {"pattern": pattern, "strictness": strictness, "language": "python"}
        assert sorted(ours(Path(folder), **args)) == cli(Path(folder), **args)


def test_files_without_the_token_are_read_and_not_parsed(tmp_path: Path) -> None:
    """Reading is one unit or two; a parse of this many statements is hundreds."""
    write_tree(tmp_path, {"a.js": "f(a, b);\n" * 20_000})
    for args in ({"pattern": "needle($A)"}, {"rule": "language: js\nrule: {all: [{kind: call_expression}, {pattern: needle($A)}]}"}):
        before = native.stats()
        search(tmp_path, **args)
        after = native.stats()
        assert after["files"] - before["files"] == 1
        assert after["units"] - before["units"] < 20
