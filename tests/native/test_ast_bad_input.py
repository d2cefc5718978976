"""E3: patterns, rules and sources that are wrong or vicious, each with its typed error or its count (issue 4, "Bad input")."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from sidecar import errors, native
from tests.native.ast_oracle import search
from tests.support.trees import write_tree

_CYCLE = "language: js\nutils: {a: {matches: b}, b: {matches: a}}\nrule: {matches: a}"
_REFUSED = {
    "no YAML": ({"rule": "a: ["}, "no YAML"),
    "no rule": ({"rule": ""}, "no rule"),
    "no language": ({"rule": "rule: {kind: call}"}, "missing field `language`"),
    "unknown key": ({"rule": "language: js\nrule: {patern: a}"}, "patern"),
    "unknown kind": ({"rule": "language: js\nrule: {kind: no_such_kind}"}, "no_such_kind"),
    "no kind at all": ({"rule": "language: js\nrule: {regex: a}"}, "kind"),
    "missing util": ({"rule": "language: js\nrule: {matches: foo}"}, "`foo` is not defined"),
    "recursive": ({"rule": _CYCLE}, "cyclic"),
    "undefined variable": ({"rule": "language: js\nrule: {pattern: f($A)}\nfix: $B"}, "B"),
    "wrong regex": ({"rule": "language: js\nrule: {kind: string, regex: '('}"}, "regex"),
    "huge regex": ({"rule": "language: js\nrule: {kind: string, regex: '(a{1000}){1000}'}"}, "regex"),
    "rule of a language that is not there": ({"rule": "language: klingon\nrule: {kind: call}"}, "none of bash, c, cpp"),
    "a language that is not there": ({"pattern": "a", "language": "klingon"}, "none of bash, c, cpp"),
    "several roots": ({"pattern": "a; b", "language": "js"}, "Multiple AST nodes"),
    "several roots, no language": ({"pattern": "a; b", "globs": ["*.js"]}, "Multiple AST nodes"),
    "an ERROR node": ({"pattern": "foo(", "language": "js"}, "ERROR node"),
    "nothing": ({"pattern": "", "language": "js"}, "pattern"),
    "only a list": ({"pattern": "$$$A", "language": "js"}, "multi meta variable"),
    "a selector that is not there": ({"pattern": "a", "selector": "class", "language": "js"}, "selector"),
    "a strictness that is not there": ({"pattern": "a", "strictness": "loose"}, "strictness"),
    "both": ({"pattern": "a", "rule": "x"}, "exactly one"),
    "neither": ({}, "exactly one"),
    "a rewrite beside a rule": ({"rule": "language: js\nrule: {kind: call}", "rewrite": "x"}, "rewrite"),
    "apply": ({"pattern": "a", "rewrite": "b", "apply": True}, "guarded writes"),
    "a wrong glob": ({"pattern": "a", "globs": ["{"]}, "globs"),
    "a wrong glob in a rule": ({"rule": "language: js\nrule: {kind: identifier}\nfiles: ['{']"}, "rule"),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_is_wrong_is_said_with_the_field(tmp_path: Path, name: str) -> None:
    """`invalidParams`, a message that names what is wrong, and a hint."""
    write_tree(tmp_path, {"a.js": "x\n"})
    args, said = _REFUSED[name]
    with pytest.raises(errors.InvalidParams) as refused:
        search(tmp_path, **args)
    assert said in refused.value.message
    assert refused.value.hint


def test_a_pattern_with_an_error_that_finds_something_is_no_error(tmp_path: Path) -> None:
    """As in the CLI, which warns only when nothing was found."""
    write_tree(tmp_path, {"a.js": "foo(\n"})
    assert search(tmp_path, pattern="foo(", language="js")["files"] == 1


def test_a_language_in_which_the_pattern_is_no_code_is_left_out(tmp_path: Path) -> None:
    """Without a language a pattern is tried as each file's; one that can be read is enough."""
    write_tree(tmp_path, {"a.js": "a; b\n", "a.md": "a\n", "b.py": "def f(): pass\n"})
    assert search(tmp_path, pattern="def f(): pass")["files"] == 1


def _nested(depth: int, before: str, middle: str, after: str) -> str:
    return before * depth + middle + after * depth


def _rule(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"kind": "call"}
    for _ in range(depth):
        rule = {"kind": "call", "not": rule}
    return {"language": "python", "rule": rule}


_DEEP = {
    "brackets in a pattern": {"pattern": _nested(5000, "(", "a", ")"), "language": "js"},
    "operators in a pattern": {"pattern": "!" * 5000 + "a", "language": "js"},
    "brackets in a rewrite": {"pattern": "a", "rewrite": _nested(501, "[", "a", "]"), "language": "js"},
    "an object as rule": {"rule": _rule(510)},
    "flow YAML": {"rule": "language: python\nrule: " + _nested(501, "{not: ", "{kind: call}", "}")},
    "block YAML": {"rule": "language: python\nrule:\n" + "".join(" " * (level + 1) + "not:\n" for level in range(501)) + " " * 503 + "kind: call\n"},
    "a pattern in a rule": {"rule": "language: js\nrule: {pattern: '" + _nested(501, "(", "a", ")") + "'}"},
    "operators in a rule": {"rule": "language: js\nrule: {not: {pattern: {context: '" + "!" * 5000 + "a', selector: identifier}}}"},
    "a selector in a rule": {"rule": "language: js\nrule: {kind: '" + _nested(5000, "call_expression:has(", "string", ")") + "'}"},
}


@pytest.mark.parametrize("name", _DEEP)
def test_what_is_nested_deeper_than_500_is_refused_before_it_is_compiled(tmp_path: Path, name: str) -> None:
    """What compiles them recurses, and an overflow would end the daemon (design 3.6)."""
    with pytest.raises(errors.TooLarge) as refused:
        search(tmp_path, **_DEEP[name])
    assert "deep" in refused.value.message


def test_a_rule_of_sixty_levels_is_searched(tmp_path: Path) -> None:
    """As deep as the CLI's own YAML reader goes; an even number of denials is none."""
    write_tree(tmp_path, {"a.py": "f(1)\n"})
    assert search(tmp_path, rule=_rule(60))["files"] == 1


_DEEP_SOURCES = {
    "a.js": "x = " + _nested(50_000, "(", "1", ")") + ";\nf(1)\n",
    "b.js": "x = " + _nested(50_000, "[", "1", "]") + ";\nf(1)\n",
    "c.js": _nested(50_000, "f(", "1", ")") + " == " + _nested(50_000, "f(", "2", ")") + "\n",
    "d.js": "a" + ".b" * 50_000 + "\nf(1)\n",
    "e.js": "if (a) {} else " * 5_000 + "f(1)\n",
}
_UTIL = "language: js\nutils:\n  deep: {any: [{kind: number}, {has: {matches: deep}}]}\n  up: {any: [{kind: program}, {inside: {matches: up}}]}\nrule: "
_DEEP_SEARCHES = {
    "a pattern": {"pattern": "f($A)", "language": "js"},
    "a repeated variable": {"pattern": "$A == $A", "language": "js"},
    "without language": {"pattern": "f($$$A)"},
    "down": {"rule": _UTIL + "{kind: expression_statement, matches: deep}"},
    "up": {"rule": _UTIL + "{kind: number, matches: up}"},
    "has to the end": {"rule": "language: js\nrule: {kind: program, has: {kind: string, stopBy: end}}"},
    "stopped by a rule": {"rule": "language: js\nrule: {kind: program, has: {kind: string, stopBy: {kind: string}}}"},
    "rewritten": {"pattern": "f($A)", "rewrite": "g($A)", "language": "js"},
}


@pytest.mark.parametrize("name", _DEEP_SEARCHES)
def test_sources_nested_fifty_thousand_deep_overflow_no_stack(tmp_path: Path, name: str) -> None:
    """What matching cannot follow is counted as skipped, and other files are still found."""
    write_tree(tmp_path, {**_DEEP_SOURCES, "z.js": "f(1); 1 == 1; 'a'\n"})
    found = search(tmp_path, timeout_s=5, maxBytes=1 << 20, **_DEEP_SEARCHES[name])
    assert found["skipped"]["tooLarge"] == found["skipped"]["unreadable"] == 0
    if not found["truncated"]:  # such towers make megabytes of matches, or take time that grows with their square
        assert "z.js" in {match["path"] for match in found["matches"]}


def test_too_deep_for_matching_is_counted(tmp_path: Path) -> None:
    """Two equal towers, compared level by level."""
    tower = _nested(50_000, "f(", "a + 1", ")")
    write_tree(tmp_path, {"a.js": f"{tower} == {tower}\n", "b.js": "1 == 1\n"})
    found = search(tmp_path, pattern="$A == $A", language="js")
    assert ([match["path"] for match in found["matches"]], found["skipped"]["tooDeep"]) == (["b.js"], 1)


def test_a_file_that_changes_while_it_is_searched_is_seen_as_one_of_its_versions(tmp_path: Path) -> None:
    """What is reported as text stands at that place in the same version; a shrinking file breaks nothing."""
    versions = ["f(1)\n" * 5000, "\n\n" + "f(22)\n" * 50, ""]
    target = tmp_path / "a.py"
    target.write_text(versions[0])
    over = threading.Event()

    def change() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            target.write_text(versions[turn % 3])

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(30):
            for match in search(tmp_path, pattern="f($A)")["matches"]:
                start, end = match["byteRange"]["start"], match["byteRange"]["end"]
                assert match["text"] in ("f(1)", "f(22)")
                assert end - start == len(match["text"])
    finally:
        over.set()
        changer.join()
    assert native.stats()["panics"] == 0
