"""The native grep finds what `rg` finds: random trees x ignore files x patterns x flags, and real corpora."""

from __future__ import annotations

import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.native.oracle import ours, rg, rg_lines, search

_LINES = [
    b"foo bar",
    b"Foo",
    b"foobar foo",
    b"",
    b"x",
    b"a.b",
    "größe füß".encode(),
    "日本 foo".encode(),
    b"\xff\xfe raw foo",
    b"\tfoo\t",
    b"foo" * 40,
    b"tail \r",
    b"self.foo(bar)",
    b"\x00",
    b"k",
    "\u212a".encode(),
]
_PATTERNS = [
    "foo",
    "Foo",
    "fo+",
    "^foo",
    "bar$",
    "^$",
    "^",
    "$",
    "x*",
    r"\bfoo\b",
    r"\w+",
    r"\s",
    "a.b",
    "[fF]oo|bar",
    "ö|日",
    "k",
    r"(?i)FOO",
    r"\d",
    "(?-u:\\xff)",
    "r$",
]
MULTILINE = [r"foo\n", r"foo[\s\S]*?x", r"bar\nFoo", r"\n\n", "foo", r"(?s)o.f", r"^$", r"x\z", r"\n"]
_NAMES = ["a.py", "b.txt", ".hid", "c.rs", "d", "ü.md", "e f.txt", "Makefile"]
_FOLDERS = ["", "src", "src/deep", "lib", ".dot", "build", "build/lib"]
_RULES = ["*.py", "build/", "!a.py", "/src", "**/lib", "deep/*", "*.txt", "!*.txt", "/a.py", "src/**", "# no", ".dot", "!.hid", "d", "!build/", "\\!x"]
_GLOBS = ["*.py", "!*.txt", "src/**", "/a.py", "**/deep/*", "!build", ".*", "*.{rs,md}"]

content = st.builds(
    lambda lines, end, wrap: wrap(b"\n".join(lines) + end),
    st.lists(st.sampled_from(_LINES), max_size=12),
    st.sampled_from([b"", b"\n", b"\r\n"]),
    st.sampled_from(
        [
            lambda text: text,
            lambda text: text,
            lambda text: text,
            lambda text: text.replace(b"\n", b"\r\n"),
            lambda text: b"\xef\xbb\xbf" + text,
            lambda text: text.decode(errors="replace").encode("utf-16"),
        ]
    ),
)
files = st.dictionaries(st.tuples(st.sampled_from(_FOLDERS), st.sampled_from(_NAMES)), content, min_size=1, max_size=8)
ignores = st.dictionaries(
    st.tuples(st.sampled_from(["..", *_FOLDERS]), st.sampled_from([".gitignore", ".ignore", ".rgignore"])),
    st.lists(st.sampled_from(_RULES), min_size=1, max_size=3),
    max_size=4,
)
repositories = st.lists(st.sampled_from(["..", "", "src"]), max_size=2)
flags = st.fixed_dictionaries(
    {},
    optional={
        "case": st.sampled_from(["insensitive", "smart"]),
        "word": st.booleans(),
        "fixedStrings": st.booleans(),
        "invert": st.booleans(),
        "hidden": st.booleans(),
        "noIgnore": st.booleans(),
        "follow": st.booleans(),
        "before": st.integers(0, 3),
        "after": st.integers(0, 3),
        "maxPerFile": st.integers(1, 3),
        "globs": st.lists(st.sampled_from(_GLOBS), max_size=2),
        "types": st.lists(st.sampled_from(["py", "!txt", "rust"]), max_size=2),
        "order": st.sampled_from(["path", "any"]),
        "paths": st.sampled_from([["."], ["src", "."], ["lib"], ["a.py"], ["src", "a.py"], ["./src/../lib"]]),
    },
)
patterns = st.one_of(st.sampled_from(_PATTERNS), st.lists(st.sampled_from(_PATTERNS), min_size=2, max_size=3))


def plant(top: Path, planted: dict[Any, bytes], rules: dict[Any, list[str]], gits: list[str]) -> Path:
    """Files, ignore rules, repositories and links in a new folder below `top`."""
    root = top / "root"
    for folder in ("src", "lib"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "a.py").write_bytes(b"foo here\n")
    for (folder, name), text in planted.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_bytes(text)
    for (folder, name), lines in rules.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_text("\n".join(lines) + "\n")
    for folder in gits:
        info = root / folder / ".git" / "info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "exclude").write_text("*.rs\n")
    (root / "src" / "up").symlink_to("..")
    (root / "lib" / "link.py").symlink_to("../a.py")
    return root


def _agree(root: Path, pattern: str | list[str], args: dict[str, Any]) -> None:
    assert ours(root, pattern, **args).canonical() == rg(root, pattern, **args).canonical()
    plain = {name: value for name, value in args.items() if name not in ("before", "after")}
    assert sorted(path.encode() for path in search(root, pattern, mode="files", **plain)["paths"]) == rg_lines(root, pattern, "-l", **plain)
    counts = search(root, pattern, mode="count", **plain)["counts"]
    assert sorted(f"{one['path']}:{one['count']}".encode() for one in counts) == rg_lines(root, pattern, "-c", **plain)


@settings(max_examples=110, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(planted=files, rules=ignores, gits=repositories, pattern=patterns, args=flags)
def test_random_trees_and_flags_give_what_rg_gives(
    planted: dict[Any, bytes], rules: dict[Any, list[str]], gits: list[str], pattern: str | list[str], args: dict[str, Any]
) -> None:
    """Line by line, every file, line, offset, text, submatch and context line is rg's; `files` and `count` too."""
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        _agree(plant(top, planted, rules, gits), pattern, args)
    finally:
        shutil.rmtree(top)


@settings(max_examples=50, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(planted=files, pattern=st.one_of(st.sampled_from(MULTILINE), st.lists(st.sampled_from(MULTILINE), min_size=2, max_size=2)), args=flags)
def test_random_trees_in_multiline_mode_give_what_rg_gives(planted: dict[Any, bytes], pattern: str | list[str], args: dict[str, Any]) -> None:
    """The same across line ends. Without `before`: rg prints context for an empty match behind the last line, and then no match."""
    args.pop("before", None)
    top = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        _agree(plant(top, planted, {}, []), pattern, args | {"multiline": True})
    finally:
        shutil.rmtree(top)


_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_PACKAGES = Path(sysconfig.get_paths()["purelib"])


@pytest.mark.parametrize("corpus", [_STDLIB, _PACKAGES], ids=["stdlib", "site-packages"])
@pytest.mark.parametrize(
    ("pattern", "args"),
    [
        ("zqxjk_no_such_word", {}),
        ("return", {"order": "any"}),
        ("import_module", {"case": "insensitive"}),
        (r"\bself\.\w+\(", {"types": ["py"]}),
        ("TODO|FIXME", {"before": 2, "after": 2}),
        (r"def \w+\(\n", {"multiline": True, "types": ["py"]}),
    ],
    ids=["miss", "common", "insensitive", "regex", "context", "multiline"],
)
def test_a_real_corpus_gives_what_rg_gives(corpus: Path, pattern: str, args: dict[str, Any]) -> None:
    """Thousands of files nobody made for the test, match for match."""
    assert ours(corpus, pattern, **args).canonical() == rg(corpus, pattern, **args).canonical()


def test_path_order_is_byte_order_and_the_same_every_time() -> None:
    """Order `path` is the byte order of paths, then of offsets, and two runs give the same bytes."""
    runs = [search(_STDLIB, "lambda", order="path")["matches"] for _ in range(2)]
    keys = [(match["path"].encode(), match["byteOffset"]) for match in runs[0]]
    assert keys == sorted(keys)
    assert runs[0] == runs[1]
