"""E4: structural search by the native engine and by `engine: "cli"` give the same reply on real sources."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import pytest

from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams
from sidecar.tools import ast_grep
from tests.support.searching import searched
from tests.support.trees import write_tree

_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_HUGE = {"limit": 2**32 - 1, "maxBytes": 256 << 20}
_RULE = """
id: loop
language: python
severity: warning
message: found $F
note: a note
rule:
  pattern: $F($$$ARGS)
  inside: {kind: for_statement, stopBy: end}
"""


def _plain(reply: dict[str, Any]) -> dict[str, Any]:
    """Without what only one engine can know, and matches of one place in any order."""
    rest = {name: value for name, value in reply.items() if name not in ("meta", "skipped", "filesSearched", "matches")}
    return rest | {"matches": sorted(reply["matches"], key=lambda match: (match["path"].encode(), match["byteRange"]["start"], match["byteRange"]["end"]))}


@pytest.mark.parametrize(
    "args",
    [
        {"pattern": "print($A)", "language": "python"},
        {"pattern": "$A.append($B)"},
        {"pattern": "def $F($$$A): $$$B", "language": "py", "globs": ["!test_*"], "strictness": "relaxed"},
        {"pattern": "class A: $B = $C", "selector": "assignment", "language": "py"},
        {"rule": _RULE},
        {"rule": {"id": "x", "rule": {"any": [{"pattern": "len($X)"}, {"kind": "lambda"}]}}, "language": "python"},
        {"pattern": "print($A)", "language": "python", "limit": 5},
        {"pattern": "print($A)", "language": "python", "maxBytes": 3000},
        {"pattern": "nothing_of_this_name($A)", "language": "python"},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", [PositionEncoding.UTF16, PositionEncoding.UTF32])
async def test_both_engines_find_the_same_on_real_sources(args: dict[str, Any], encoding: PositionEncoding) -> None:
    """Path, place, text, variables, rule and limits."""
    asked = _HUGE | {"paths": ["asyncio", "json", "email/mime", "ast.py"]} | args
    native, cli = [await searched(ast_grep.SPEC, _STDLIB, engine=engine, encoding=encoding, **asked) for engine in ("native", "cli")]
    assert cli["meta"]["engine"] == "cli"
    assert _plain(native) == _plain(cli)


@pytest.mark.parametrize("encoding", list(PositionEncoding))
async def test_columns_behind_wide_characters_agree(tmp_path: Path, encoding: PositionEncoding) -> None:
    """Within a match, on its later lines too."""
    write_tree(tmp_path, {"a.py": 'ä = "😀"; foo("😀", (\n"ö😀", b))\n', "ü/b.py": "foo(1)\n"})
    native, cli = [await searched(ast_grep.SPEC, tmp_path, engine=engine, encoding=encoding, pattern="foo($A, $$$B)") for engine in ("native", "cli")]
    assert _plain(native) == _plain(cli)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"pattern": "a; b c", "language": "py"}, "pattern"),
        ({"pattern": "a", "language": "klingon"}, "language"),
        ({"rule": "id: x"}, "rule"),
        ({"rule": {"id": "x", "language": "python", "rule": {"matches": "gone"}}}, "rule"),
        ({"pattern": "a", "language": "py", "rewrite": "b"}, "rewrite"),
        ({"rule": {"id": "x", "language": "python", "rule": {"pattern": "a"}, "fix": "b"}}, "fix"),
        ({"rule": "x", "strictness": "ast"}, "strictness"),
        ({}, "pattern"),
    ],
    ids=str,
)
async def test_what_the_program_refuses_or_cannot_do_is_named(tmp_path: Path, args: dict[str, Any], named: str) -> None:
    """-32602 with the argument, never a silent change of meaning."""
    write_tree(tmp_path, {"a.py": "a\n"})
    with pytest.raises(InvalidParams, match=named):
        await searched(ast_grep.SPEC, tmp_path, engine="cli", **args)


async def test_a_projects_own_configuration_is_not_read(tmp_path: Path) -> None:
    """It may come from a stranger and name a library to load (design 3.19)."""
    bad = "ruleDirs: [gone]\ncustomLanguages:\n  evil: {libraryPath: ./evil.so, extensions: [py]}\n"
    write_tree(tmp_path, {"a.py": "foo(1)\n", "sgconfig.yml": bad, "evil.so": "no library"})
    found = await searched(ast_grep.SPEC, tmp_path, engine="cli", pattern="foo($A)")
    assert [match["path"] for match in found["matches"]] == ["a.py"]


async def test_text_of_a_client_is_never_an_option(tmp_path: Path) -> None:
    """C4: patterns, globs and paths that look like options are what they are."""
    write_tree(tmp_path, {"--update-all/a.py": "-x\n", "b.py": "-x\n"})
    args = {"pattern": "-x", "language": "py", "globs": ["--interactive", "*.py"], "paths": ["--update-all"]}
    native, cli = [await searched(ast_grep.SPEC, tmp_path, engine=engine, **args) for engine in ("native", "cli")]
    assert _plain(native) == _plain(cli)
    assert [match["path"] for match in cli["matches"]] == ["--update-all/a.py"]
