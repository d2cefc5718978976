"""The native glob names the files that `rg --files -g` names: random trees x ignore files x patterns x flags, real corpora, pages, bounds."""

from __future__ import annotations

import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sidecar.errors import InvalidParams, TooLarge
from tests.native.glob_oracle import glob, rg_files
from tests.native.test_grep_identity import files, ignores, plant, repositories

_PATTERNS = ["*.py", "!*.txt", "src/**", "/a.py", "**/deep/*", "!build", ".*", "*.{rs,md}", "**", "*", "[a-d]*", "!/src", "{src,lib}/*", "lib/**/*.py", "ü*"]
patterns = st.one_of(st.sampled_from(_PATTERNS), st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=3))
flags = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.booleans(),
        "noIgnore": st.booleans(),
        "follow": st.booleans(),
        "types": st.lists(st.sampled_from(["py", "!txt", "rust"]), max_size=2),
        "paths": st.sampled_from([["."], ["src", "lib"], ["lib"], ["a.py"], ["lib", "a.py"], ["./src/../lib"]]),
    },
)
_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_PACKAGES = Path(sysconfig.get_paths()["purelib"])


@settings(max_examples=100, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(planted=files, rules=ignores, gits=repositories, asked=patterns, args=flags)
def test_random_trees_and_flags_give_what_rg_gives(
    planted: dict[Any, bytes], rules: dict[Any, list[str]], gits: list[str], asked: str | list[str], args: dict[str, Any]
) -> None:
    """The same files, in byte order of their paths."""
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        root = plant(top, planted, rules, gits)
        assert glob(root, asked, **args)["paths"] == rg_files(root, asked, **args)
    finally:
        shutil.rmtree(top)


@pytest.mark.parametrize("corpus", [_STDLIB, _PACKAGES], ids=["stdlib", "site-packages"])
@pytest.mark.parametrize("asked", ["*.py", ["*.py", "!test*"], "**/*.{pyi,so}", "nothing.here"])
def test_a_real_corpus_gives_what_rg_gives(corpus: Path, asked: str | list[str]) -> None:
    """Thousands of files nobody made for the test."""
    assert glob(corpus, asked)["paths"] == rg_files(corpus, asked)


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_are_the_whole_in_pieces(limit: int) -> None:
    """E6: each page starts where the one before ended; the last one is not truncated."""
    folder = _STDLIB / "json" if limit == 1 else _STDLIB / "asyncio" if limit == 7 else _STDLIB / "test"
    pages, cursor = [], None
    while True:
        page = glob(folder, "*.py", limit=limit, cursor=cursor)
        pages.append(page["paths"])
        cursor = page.get("cursor")
        if not page["truncated"]:
            break
        assert (len(page["paths"]), page["reason"]) == (limit, "limit")
    assert cursor is None
    assert [path for page in pages for path in page] == glob(folder, "*.py")["paths"]


def test_pages_go_through_several_paths_too(tmp_path: Path) -> None:
    """A cursor knows in which of the request's paths the page ended, folder or file."""
    for name in ("a/x/1.py", "a/x-y/2.py", "a/x.py", "b/3.py", "c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, cursor = [], None
    for _ in range(5):
        page = glob(tmp_path, "*", paths=["c.py", "b", "a"], limit=1, cursor=cursor)
        found += page["paths"]
        cursor = page.get("cursor")
    assert found == ["a/x-y/2.py", "a/x.py", "a/x/1.py", "b/3.py", "c.py"]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "AQUAAAAAAAAAAAAAAA", "ä", "../../etc/passwd"])
def test_a_cursor_of_something_else_is_refused(tmp_path: Path, cursor: str) -> None:
    """-32602 that names it, never an empty page."""
    with pytest.raises(InvalidParams, match="cursor"):
        glob(tmp_path, "*", cursor=cursor)


@pytest.mark.parametrize("bad", ["{a,b}" * 3000, "{" * 5000, "{a," * 4000 + "b" + "}" * 4000, ["x"] * 5000, "x" * 100_000])
def test_a_glob_with_thousands_of_braces_is_refused_at_once(tmp_path: Path, bad: Any) -> None:
    """Compiling cannot be cancelled, so what is large is refused before it."""
    with pytest.raises(TooLarge, match="globs"):
        glob(tmp_path, bad)


@pytest.mark.parametrize("bad", ["{a", "[z-a]", "a{b"])
def test_a_glob_that_does_not_parse_is_refused_by_name(tmp_path: Path, bad: str) -> None:
    """-32602, not an empty result."""
    with pytest.raises(InvalidParams, match="globs"):
        glob(tmp_path, bad)


def test_the_deadline_keeps_what_was_found() -> None:
    """`truncated, reason: timeout` is a success (design 3.4)."""
    answer = glob(_STDLIB, "*", noIgnore=True, timeout_s=0.0)
    assert (answer["truncated"], answer["reason"]) == (True, "timeout")
