"""E3: each place where another program than the ast-grep CLI would find something else (search-engine.md section 7), by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.native.ast_oracle import cli, ours, search
from tests.native.test_ast_identity import same
from tests.support.trees import write_tree

_STRICTNESS = ["cst", "smart", "ast", "relaxed", "signature", "template"]
_HTML = """<!doctype html>
<script>f(1); const é = f("😀"); f(2)</script>
<script lang="ts">let a: number = f(3)</script>
<script lang="coffee">f(4)</script>
<script src="x"></script>
<style>a { color: red }</style>
<style lang="scss">b { color: red }</style>
<p onclick="f(5)">f(6)</p>
"""


@pytest.mark.parametrize(("encoding", "start", "end"), [("utf-8", 14, 22), ("utf-16", 11, 18), ("utf-32", 10, 17)])
def test_columns_count_in_the_encoding_that_was_asked_for(tmp_path: Path, encoding: str, start: int, end: int) -> None:
    """An emoji is four bytes, two UTF-16 units, one character; an umlaut two, one and one. Byte offsets are bytes always."""
    write_tree(tmp_path, {"a.py": "\nx = 'ä😀'; f(ü, 1)\n"})
    [match] = search(tmp_path, pattern="f($$$A)", encoding=encoding)["matches"]
    assert match["range"] == {"start": {"line": 1, "character": start}, "end": {"line": 1, "character": end}}
    assert (match["line"], match["byteRange"]) == (2, {"start": 15, "end": 23})


def test_columns_far_into_a_long_line_are_right(tmp_path: Path) -> None:
    """A line of 200 KB with characters of every width."""
    write_tree(tmp_path, {"a.py": "x = 'aä😀' * 3;" * 15_000 + "g(1)\n"})
    assert same(tmp_path, pattern="g($A)") == 1


@pytest.mark.parametrize("strictness", _STRICTNESS)
def test_each_strictness_matches_what_it_matches_there(tmp_path: Path, strictness: str) -> None:
    """Trailing commas, comments, keywords, parentheses and other names."""
    write_tree(
        tmp_path,
        {
            "a.js": "foo(bar)\nfoo(bar,)\nfoo(/* c */ bar)\nbar(baz)\nasync function f() {}\nfunction f() {}\nfunction g() { }\nlet a = 'x'\nlet a = \"x\"\n",
            "b.py": "def f(a): pass\nasync def f(a): pass\ndef f(a,): pass\nfoo( bar )\nx = 'a'\nx = \"a\"\n",
        },
    )
    for pattern in ("foo(bar)", "function f() {}", "let a = 'x'", "foo($A)"):
        same(tmp_path, pattern=pattern, language="js", strictness=strictness)
    for pattern in ("def f(a): pass", "x = 'a'"):
        same(tmp_path, pattern=pattern, language="python", strictness=strictness)
        if strictness != "template":  # has no kind, which a rule must have
            same(tmp_path, rule=f'id: a\nlanguage: python\nrule:\n  pattern: {{context: "{pattern}", strictness: {strictness}}}')


def test_a_selector_takes_a_part_of_the_pattern(tmp_path: Path) -> None:
    """As `--selector`."""
    write_tree(tmp_path, {"a.js": "class A { a = 1; b() { this.a = 1 } }\na = 1\n"})
    assert same(tmp_path, pattern="class X { a = 1 }", selector="field_definition", language="js") == 1


_INSIDE = [
    ({"pattern": "f($A)"}, 6),
    ({"pattern": "f($A)", "language": "js"}, 5),
    ({"pattern": "f($A)", "language": "ts"}, 1),
    ({"pattern": "a { $$$ }", "language": "css"}, 1),
    ({"pattern": "a { color: red }"}, 1),
    ({"pattern": "<p $$$A>$$$B</p>"}, 1),
    ({"pattern": "<p $$$A>$$$B</p>", "language": "html"}, 1),
]


@pytest.mark.parametrize(("args", "count"), _INSIDE, ids=str)
def test_languages_inside_html_are_searched_as_there(tmp_path: Path, args: dict[str, str], count: int) -> None:
    """Scripts and styles by their `lang`, attributes and text not; with HTML named, only HTML."""
    write_tree(tmp_path, {"a.html": _HTML, "b.js": "f(7)\n", "c.htm": "<script>f(8)</script>"})
    assert same(tmp_path, **args) == count


def test_rules_for_javascript_look_into_html(tmp_path: Path) -> None:
    """In the order of their place in the file, whatever unit they are in."""
    write_tree(tmp_path, {"a.html": _HTML, "b.js": "f(7)\n"})
    rule = "id: a\nlanguage: js\nrule: {pattern: f($A)}\n---\nid: b\nlanguage: html\nrule: {kind: script_element}\n"
    assert same(tmp_path, rule=rule) == 8


def test_files_that_the_cli_skips_are_skipped_and_counted(tmp_path: Path) -> None:
    """Empty; not UTF-8; over 3,000,000 bytes and over 200,000 lines: both, or it is searched."""
    write_tree(
        tmp_path,
        {
            "empty.js": "",
            "latin.js": b"// \xe4\nf(1)\n",
            "both.js": "f(1)\n" + "//3456789 1234\n" * 201_000,
            "long.js": "f(1)\n" + "//" + "x" * 3_100_000 + "\n",
            "lines.js": "f(1)\n" + "//\n" * 201_000,
            "edge.js": "f(1)\n" + "//3456789 1234\n" * 199_999,
            "nul.js": b"f(1)\n\0\n",
            "bom.js": "\ufefff(1)\n",
            "crlf.js": "f(\r\n1)\r\nf(2)\r\n",
        },
    )
    same(tmp_path, pattern="f($A)", language="js")
    found = search(tmp_path, pattern="f($A)", language="js")
    assert found["skipped"] == {"binary": 1, "tooLarge": 1, "unreadable": 0}
    assert {match["path"] for match in found["matches"]} == {"bom.js", "crlf.js", "edge.js", "lines.js", "long.js", "nul.js"}


_TREE = {
    ".git/HEAD": "",
    ".gitignore": "ignored.py\n",
    ".rgignore": "a.py\n",
    "a.py": "f(1)\n",
    "ignored.py": "f(2)\n",
    ".hidden.py": "f(3)\n",
    ".hidden/b.py": "f(4)\n",
    "d/b.pyi": "f(5)\n",
    "d/x.txt": "f(6)\n",
    "d/noend": "f(7)\n",
    "e/B.PY": "f(8)\n",
}


@pytest.mark.parametrize(
    "args", [{}, {"language": "python"}, {"globs": ["*.py"]}, {"globs": ["!d/**"]}, {"paths": ["d", "a.py"]}, {"paths": ["ignored.py", "d/x.txt"]}], ids=str
)
def test_the_same_files_are_searched(tmp_path: Path, args: dict[str, Any]) -> None:
    """A named language makes hidden files of it searched, but no hidden folders; `.rgignore` is another program's."""
    write_tree(tmp_path, _TREE)
    same(tmp_path, pattern="f($A)", **args)


def test_a_rule_chooses_files_by_glob(tmp_path: Path) -> None:
    """`files` and `ignores`, relative to the root."""
    write_tree(tmp_path, {"a.py": "f(1)\n", "d/b.py": "f(2)\n", "d/c.py": "f(3)\n"})
    assert same(tmp_path, rule="id: a\nlanguage: python\nrule: {pattern: f($A)}\nfiles: ['d/*.py']\nignores: ['d/c.py']\n") == 1


def test_suppressions_silence_rules_and_not_patterns(tmp_path: Path) -> None:
    """`ast-grep-ignore` on the line before, on the line itself, with an id, for a file; a rule that is off is not searched."""
    write_tree(
        tmp_path,
        {
            "a.py": "# ast-grep-ignore\nf(1)\nf(2)  # ast-grep-ignore: a\nf(3)  # ast-grep-ignore: b\nf(4)\n",
            "b.py": "# ast-grep-ignore\n\nf(5)\n",
            "c.py": "f(6)  # say ast-grep-ignore\n",
        },
    )
    assert same(tmp_path, pattern="f($A)", language="python") == 6
    assert same(tmp_path, rule="id: a\nlanguage: python\nrule: {pattern: f($A)}\n") == 3
    assert same(tmp_path, rule="id: a\nlanguage: python\nseverity: off\nrule: {pattern: f($A)}\n") == 0


def test_variables_are_reported_with_their_places(tmp_path: Path) -> None:
    """Named once, named twice, several at a time (with the commas between them), none, and not captured."""
    write_tree(tmp_path, {"a.py": "f(a, b, c)\nf()\nf(x, x)\nf(x, y)\n"})
    for pattern in ("f($$$ARGS)", "f($A, $$$REST)", "f($A, $A)", "f($_, $_)", "f($_A, $_A)", "$F($$$)"):
        assert same(tmp_path, pattern=pattern, language="python") > 0


def test_several_rules_at_one_place_are_all_there(tmp_path: Path) -> None:
    """Two rules and a match within a match."""
    write_tree(tmp_path, {"a.py": "f(f(1))\n"})
    rule = "id: a\nlanguage: python\nrule: {pattern: f($A)}\n---\nid: b\nlanguage: python\nrule: {kind: call}\n"
    assert same(tmp_path, rule=rule) == 4


def test_rules_with_fixes_and_an_object_as_rule(tmp_path: Path) -> None:
    """An object is what its YAML text would be; the request's language fills in for its own."""
    write_tree(tmp_path, {"a.py": "f('ä', '\u2028\x7f')\n"})
    whole = {"id": "a", "language": "python", "rule": {"pattern": "f($A, '\u2028\x7f')"}, "fix": "g($A)"}
    assert same(tmp_path, rule=whole) == 1
    assert ours(tmp_path, rule={"rule": {"pattern": "f($$$)"}}, language="py") == cli(tmp_path, rule="language: py\nrule: {pattern: f($$$)}")
    assert ours(tmp_path, rule="rule: {pattern: f($$$)}", language="py") == cli(tmp_path, rule="language: py\nrule: {pattern: f($$$)}")
