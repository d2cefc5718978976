"""E2: `glob` through the socket, in both framings, on the reader's socket and by the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Refused
from tests.support.daemon import Daemon
from tests.support.engines import with_search_programs
from tests.support.trees import write_tree

_TREE = {
    "a.py": "",
    "b/c.txt": "",
    "b/d.py": "",
    "b-e/f.py": "",
    ".hidden.py": "",
    ".ignore": "ignored.py\n",
    "ignored.py": "",
    "z.rs": "",
}


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[Daemon]:
    """A daemon for all tests of this module, with `rg` on its PATH."""
    daemon = Daemon(env=with_search_programs())
    try:
        yield daemon.start()
    finally:
        daemon.finish()


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """A small tree with hidden and ignored files."""
    return write_tree(short_tmp, _TREE)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        # As in rg, a pattern that names files overrules what would hide them; one that excludes does not.
        ({"patterns": "*.py"}, [".hidden.py", "a.py", "b-e/f.py", "b/d.py", "ignored.py"]),
        ({"patterns": ["*.py", "!b/**"]}, [".hidden.py", "a.py", "b-e/f.py", "ignored.py"]),
        ({"patterns": "*.py", "paths": ["b", "a.py"]}, ["a.py", "b/d.py"]),
        ({"patterns": "!*.rs"}, ["a.py", "b-e/f.py", "b/c.txt", "b/d.py"]),
        ({"patterns": "!*.rs", "hidden": True}, [".hidden.py", ".ignore", "a.py", "b-e/f.py", "b/c.txt", "b/d.py"]),
        ({"patterns": "!*.rs", "noIgnore": True}, ["a.py", "b-e/f.py", "b/c.txt", "b/d.py", "ignored.py"]),
        ({"patterns": "!a*", "types": ["rust"]}, ["z.rs"]),
        ({"patterns": "nothing"}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ["native", "cli"])
async def test_each_switch_means_what_it_means_in_rg(shared_daemon: Daemon, tree: Path, args: dict[str, Any], expected: list[str], engine: str) -> None:
    """By either engine, which the reply names."""
    async with await shared_daemon.connect() as one:
        found = await one.call("sidecar/glob", {"root": str(tree), "engine": engine, **args})
    assert (found["paths"], found["truncated"]) == (expected, False)
    assert (found["meta"]["engine"], found["meta"]["complete"]) == (engine, True)


async def test_the_shorthand_and_the_tool_call_answer_alike_in_both_framings(shared_daemon: Daemon, tree: Path) -> None:
    """`sidecar/glob` is `sidecar/tools/call` with its args at the top."""
    async with await shared_daemon.connect() as lines, await shared_daemon.connect_lsp() as headers:
        short = await lines.call("sidecar/glob", {"root": str(tree), "patterns": "*.py"})
        long = await headers.call("sidecar/tools/call", {"root": str(tree), "tool": "glob", "args": {"patterns": ["*.py"]}})
    assert {**short, "meta": None} == {**long, "meta": None}


async def test_a_page_says_where_the_next_one_starts(shared_daemon: Daemon, tree: Path) -> None:
    """E6: truncated, the reason, `complete: false`, and a cursor that gives the rest."""
    async with await shared_daemon.connect() as one:
        first = await one.call("sidecar/glob", {"root": str(tree), "patterns": "b*/**", "limit": 2})
        rest = await one.call("sidecar/glob", {"root": str(tree), "patterns": "b*/**", "limit": 2, "cursor": first["cursor"]})
    assert (first["truncated"], first["reason"], first["meta"]["complete"]) == (True, "limit", False)
    assert first["paths"] + rest["paths"] == ["b-e/f.py", "b/c.txt", "b/d.py"]
    assert not rest["truncated"]


async def test_a_reader_lists_its_roots_and_nothing_else(shared_daemon: Daemon, tree: Path, tmp_path: Path) -> None:
    """Design 3.3: what a full client has opened; a path outside it is refused, and so is a process."""
    async with await shared_daemon.connect() as full, await shared_daemon.connect(shared_daemon.reader) as reader:
        await full.call("sidecar/hello", {"root": str(tree)})
        found = await reader.call("sidecar/glob", {"root": str(tree), "patterns": "b/*"})
        assert found["paths"] == ["b/c.txt", "b/d.py"]
        for params, kind in (({"paths": [str(tmp_path)]}, "outsideRoot"), ({"engine": "cli"}, "forbidden")):
            with pytest.raises(Refused) as refused:
                await reader.call("sidecar/glob", {"root": str(tree), "patterns": "*", **params})
            assert refused.value.kind == kind


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ({"patterns": "{a,b}" * 3000}, "tooLarge"),
        ({"patterns": "{a"}, "invalidParams"),
        ({"patterns": []}, "invalidParams"),
        ({"patterns": "*", "paths": ["gone"]}, "notFound"),
        ({"patterns": "*", "types": ["klingon"]}, "invalidParams"),
        ({"patterns": "*", "cursor": "x"}, "invalidParams"),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", ["native", "cli"])
async def test_bad_input_is_a_typed_error_in_either_engine(shared_daemon: Daemon, tree: Path, args: dict[str, Any], kind: str, engine: str) -> None:
    """Thousands of braces, an open one, no pattern, a path that is gone, a type nobody knows, a cursor of something else."""
    async with await shared_daemon.connect() as one:
        with pytest.raises(Refused) as refused:
            await one.call("sidecar/glob", {"root": str(tree), "engine": engine, **args})
    assert refused.value.kind == kind
    assert refused.value.data["hint"]


def _sidecar(daemon: Daemon, tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sidecar", "glob", *words], cwd=tree, env=daemon.env, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_prints_paths_and_tells_patterns_from_paths(shared_daemon: Daemon, tree: Path) -> None:
    """A word behind the first is a pattern if it looks like one; exit code 0 with files, 1 without, 2 for a mistake."""
    done = _sidecar(shared_daemon, tree, "*.py", "!a*", "b")
    assert (done.returncode, done.stdout) == (0, "b/d.py\n")
    assert _sidecar(shared_daemon, tree, "-0", "*.rs").stdout == "z.rs\0"
    assert _sidecar(shared_daemon, tree, "nothing").returncode == 1
    assert _sidecar(shared_daemon, tree).returncode == 2
