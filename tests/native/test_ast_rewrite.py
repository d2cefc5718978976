"""E3: a rewrite is shown as a diff; applied, it gives the files that the ast-grep CLI writes."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.native.ast_oracle import AST_GREP, argv, search
from tests.support.trees import write_tree

_ASYNCIO = Path(sysconfig.get_path("stdlib"), "asyncio")
_REWRITES = [
    {"pattern": "return $A", "rewrite": "return wrap($A)", "language": "python"},
    {"pattern": "self.$A = $B", "rewrite": "set(\n    self,\n    $A,\n    $B,\n)", "language": "python"},
    {"pattern": "$F($$$A)", "rewrite": "$F[$$$A]", "language": "python"},
    {"pattern": "import $A", "rewrite": "", "language": "python"},
    {"rule": "id: a\nlanguage: python\nrule: {kind: if_statement}\nfix: 'pass'"},
    {"rule": "id: a\nlanguage: python\nrule: {kind: argument_list}\nfix: {template: '', expandStart: {regex: '.'}}"},
]


def _patched(old: str, diff: str) -> str:
    """`old` with the hunks of one file's diff; checks every line that the diff says is there."""
    lines, out, at = old.splitlines(keepends=True), [], 0
    rows = iter(diff.splitlines(keepends=True))
    for row in rows:
        if row.startswith("@@"):
            start, _, count = row.split()[1][1:].partition(",")
            first = int(start) - (count != "0")
            out += lines[at:first]
            at = first
        elif row[0] in " -":
            assert lines[at].removesuffix("\n") == row[1:].removesuffix("\n")
            out += [lines[at]] if row[0] == " " else []
            at += 1
        elif row[0] == "+":
            out.append(row[1:])
        else:
            assert row.startswith("\\ No newline")
            out[-1:] = [line.removesuffix("\n") for line in out[-1:]]
    return "".join(out + lines[at:])


def _files(diff: str) -> dict[str, str]:
    """The hunks of each file; a source line that looks like a head would be counted as one, and none does here."""
    found: dict[str, str] = {}
    for part in ("\n" + diff).split("\n--- a/")[1:]:
        head, _, rest = part.partition("\n")
        found[head] = rest.partition("\n")[2] + "\n"
    return {name: text.removesuffix("\n") if text.endswith("\n\n") else text for name, text in found.items()}


@pytest.mark.parametrize("args", _REWRITES, ids=str)
def test_the_applied_diff_is_what_the_cli_writes(tmp_path: Path, args: dict[str, Any]) -> None:
    """Nested matches, several in a line, replacements of several lines, deletions: on a real package."""
    shutil.copytree(_ASYNCIO, tmp_path / "a", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    diffs = _files(search(tmp_path / "a", **args)["diff"])
    words = [word for word in argv(args) if word != "--json=stream"]
    subprocess.run([AST_GREP, *words[:-2], "--update-all", "--", "."], cwd=tmp_path / "b", stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert diffs
    for path in (tmp_path / "a").iterdir():
        old = path.read_text()
        new = _patched(old, diffs[path.name]) if path.name in diffs else old
        assert new == (tmp_path / "b" / path.name).read_text(), path.name


def test_nothing_is_written(tmp_path: Path) -> None:
    """A rewrite is a proposal."""
    write_tree(tmp_path, {"a.py": "f(1)\n"})
    found = search(tmp_path, pattern="f($A)", rewrite="g($A)")
    assert found["diff"] == "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-f(1)\n+g(1)\n"
    assert (found["matches"][0]["replacement"], found["matches"][0]["replacementByteRange"]) == ("g(1)", {"start": 0, "end": 4})
    assert (tmp_path / "a.py").read_text() == "f(1)\n"


def test_without_matches_the_diff_is_empty(tmp_path: Path) -> None:
    """The member is there whenever a rewrite was asked for."""
    write_tree(tmp_path, {"a.py": "g(1)\n"})
    assert search(tmp_path, pattern="f($A)", rewrite="g($A)")["diff"] == ""
    assert "diff" not in search(tmp_path, pattern="f($A)")


def test_a_file_whose_matches_were_cut_off_is_not_in_the_diff(tmp_path: Path) -> None:
    """Half a rewrite of a file would be a wrong one; the reply says that the diff is not whole."""
    write_tree(tmp_path, {"a.py": "f(1)\n", "b.py": "f(2)\nf(3)\n", "c.py": "f(4)\n"})
    found = search(tmp_path, pattern="f($A)", rewrite="g($A)", limit=2)
    assert list(_files(found["diff"])) == ["a.py"]
    assert (found["diffTruncated"], found["truncated"], found["reason"]) == (True, True, "limit")


def test_a_diff_over_the_byte_budget_is_cut_between_files(tmp_path: Path) -> None:
    """`maxBytes` bounds the matches and the diff, each."""
    write_tree(tmp_path, {f"{name}.py": f"f({name!r})\n" + f"# {name * 400}\n" for name in "abc"})
    found = search(tmp_path, pattern="f($A)", rewrite="g($A)", maxBytes=1200)
    assert list(_files(found["diff"])) == ["a.py", "b.py"]
    assert found["diffTruncated"]
