"""E3: `ast_grep` through the socket, in both framings, on the reader's socket and by the command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client, Message, Refused
from tests.support.daemon import Daemon
from tests.support.trees import write_tree

_TREE = {
    "a.py": "import os\nprint(os.sep)\n",
    "b/c.js": "print(1);\nprint('😀', two)\n",
    "b/d.html": "<p>print(3)</p>\n<script>print(4)</script>\n",
    "b/e.txt": "print(5)\n",
    ".ignore": "ignored.py\n",
    "ignored.py": "print(6)\n",
}
_RULE = {"id": "calls", "language": "python", "rule": {"pattern": "print($A)"}, "fix": "log($A)", "message": "no $A here", "severity": "warning"}


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """A small tree of several languages."""
    return write_tree(short_tmp, _TREE)


@pytest.fixture(params=["lines", "headers"])
async def client(request: pytest.FixtureRequest, shared_daemon: Daemon, tree: Path) -> AsyncIterator[Client]:
    """A client in each framing; its root is the tree."""
    connect = shared_daemon.connect_lsp if request.param == "headers" else shared_daemon.connect
    async with await connect() as one:
        await one.call("sidecar/hello", {"root": str(tree)})
        yield one


def _where(found: Message) -> list[tuple[str, int]]:
    return [(match["path"], match["line"]) for match in found["matches"]]


async def test_a_pattern_is_found_in_each_files_own_language(client: Client) -> None:
    """In path order, also inside HTML; what is ignored or of no language is not searched."""
    found = await client.call("sidecar/astGrep", {"pattern": "print($$$A)"})
    assert _where(found) == [("a.py", 2), ("b/c.js", 1), ("b/c.js", 2), ("b/d.html", 2)]
    assert (found["files"], found["truncated"], found["skipped"]) == (3, False, {"binary": 0, "tooLarge": 0, "unreadable": 0})
    assert (found["meta"]["engine"], found["meta"]["complete"]) == ("native", True)


async def test_a_match_has_its_place_and_its_variables(client: Client) -> None:
    """Line from 1, range from 0 in the connection's encoding (UTF-16), bytes of the file, and each variable likewise."""
    [match] = (await client.call("sidecar/astGrep", {"pattern": "print($A, $B)", "language": "js"}))["matches"]
    assert (match["path"], match["line"], match["language"], match["text"]) == ("b/c.js", 2, "JavaScript", "print('😀', two)")
    assert match["range"] == {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 16}}
    assert match["byteRange"] == {"start": 10, "end": 28}
    variable = match["metaVariables"]["single"]["B"]
    assert (variable["text"], variable["range"]["start"]["character"]) == ("two", 12)


async def test_the_shorthand_and_the_tool_call_answer_alike(client: Client) -> None:
    """`sidecar/astGrep` is `sidecar/tools/call` with its args at the top."""
    short = await client.call("sidecar/astGrep", {"rule": _RULE})
    long = await client.tool("ast_grep", {"rule": _RULE})
    assert {**short, "meta": None} == {**long, "meta": None}


async def test_a_rule_names_itself_and_shows_its_fix(client: Client, tree: Path) -> None:
    """With the message of this match, the replacement, and a diff of what would change; nothing is written."""
    found = await client.call("sidecar/astGrep", {"rule": _RULE})
    [match] = found["matches"]
    assert (match["ruleId"], match["severity"], match["message"], match["replacement"]) == ("calls", "warning", "no os.sep here", "log(os.sep)")
    assert found["diff"] == "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n import os\n-print(os.sep)\n+log(os.sep)\n"
    assert (tree / "a.py").read_text() == _TREE["a.py"]


async def test_streamed_matches_are_all_of_them_and_the_reply_has_the_rest(client: Client) -> None:
    """With a partialResultToken the matches arrive before the reply, each once; the diff stays in the reply."""
    asked = {"pattern": "print($A)", "rewrite": "log($A)"}
    whole = await client.call("sidecar/astGrep", asked)
    reply = await client.call("sidecar/astGrep", asked | {"partialResultToken": "t"})
    chunks = [note["params"] for note in client.notifications if note["method"] == "$/progress"]
    assert [match for chunk in chunks for match in chunk["value"]["matches"]] == whole["matches"]
    assert "matches" not in reply
    assert (reply["diff"], reply["files"]) == (whole["diff"], 3)


async def test_the_limit_truncates_and_says_so(client: Client) -> None:
    """E6: the first matches, the reason, and `complete: false`."""
    found = await client.call("sidecar/astGrep", {"pattern": "print($$$A)", "limit": 2})
    assert _where(found) == [("a.py", 2), ("b/c.js", 1)]
    assert (found["truncated"], found["reason"], found["meta"]["complete"]) == (True, "limit", False)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({}, "invalidParams"),
        ({"pattern": "a; b", "language": "js"}, "invalidParams"),
        ({"pattern": "a", "language": "klingon"}, "invalidParams"),
        ({"rule": "language: js\nrule: {matches: nothing}"}, "invalidParams"),
        ({"pattern": "a", "rewrite": "b", "apply": True}, "invalidParams"),
        ({"pattern": "(" * 5000 + "a" + ")" * 5000}, "tooLarge"),
        ({"pattern": "a", "paths": ["gone"]}, "notFound"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_bad_input_is_a_typed_error(client: Client, params: dict[str, Any], kind: str) -> None:
    """Depth is in tests/native; here each arrives with its hint."""
    refused = await client.refusal("sidecar/astGrep", params)
    assert refused.kind == kind
    assert refused.data["hint"]


async def test_a_rule_nested_out_of_all_measure_is_refused_and_the_daemon_lives(client: Client, shared_daemon: Daemon) -> None:
    """As text and as an object of 600 levels, which reaches Rust's bound, and of 50,000, which does not even get there."""
    for depth in (600, 50_000):
        body = '{"not":' * depth + '{"kind":"call"}' + "}" * depth
        refused = await client.refusal("sidecar/astGrep", {"rule": "language: js\nrule: " + body})
        assert refused.kind in ("tooLarge", "invalidParams")
        message = f'{{"jsonrpc":"2.0","id":{depth},"method":"sidecar/astGrep","params":{{"rule":{body}}}}}'
        client.send_raw(client.framed(message.encode()))
        orphan = await client.wait_orphan()
        assert Refused(orphan["error"]).kind in ("tooLarge", "invalidParams", "invalidRequest", "parse"), orphan
        client.orphans.clear()
    assert shared_daemon.status()["pid"] == shared_daemon.pid


async def test_a_search_at_its_deadline_is_a_success_with_what_was_found(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A 20 MB line under 300 ms: the file before it is in the reply."""
    write_tree(short_tmp, {"a.js": "f(1)\n", "b.js": "f(a, b);" * (20 << 17)})
    async with await shared_daemon.connect() as one:
        found = await one.call("sidecar/astGrep", {"root": str(short_tmp), "pattern": "f($A)", "timeoutMs": 300})
    assert (found["truncated"], found["reason"], _where(found)) == (True, "timeout", [("a.js", 1)])


async def test_a_cancel_inside_a_parse_is_answered_and_frees_its_place(shared_daemon: Daemon, short_tmp: Path) -> None:
    """-32800 for the client's own cancel, and the lane is empty again."""
    write_tree(short_tmp, {f"{name}.js": "f(a, b);" * (16 << 17) for name in "abcd"})
    async with await shared_daemon.connect() as one:
        asked = one.request("sidecar/astGrep", {"root": str(short_tmp), "pattern": "f($A)"})
        one.cancel(asked)
        async with asyncio.timeout(30):
            reply = await asked
    assert reply["error"]["code"] == -32800


async def test_a_reader_searches_its_roots_and_nothing_else(shared_daemon: Daemon, tree: Path, tmp_path: Path) -> None:
    """Design 3.3: what a full client has opened; a path outside it is refused, a link out of it is not followed."""
    write_tree(tmp_path, {"o.py": "print(7)\n"})
    (tree / "link.py").symlink_to(tmp_path / "o.py")
    async with await shared_daemon.connect() as full, await shared_daemon.connect(shared_daemon.reader) as reader:
        await full.call("sidecar/hello", {"root": str(tree)})
        found = await reader.call("sidecar/astGrep", {"root": str(tree), "pattern": "print($A)", "language": "python"})
        assert _where(found) == [("a.py", 2)]
        for path in (str(tmp_path), "link.py"):
            refused = await reader.refusal("sidecar/astGrep", {"root": str(tree), "pattern": "print($A)", "paths": [path]})
            assert refused.kind == "outsideRoot"


def _sidecar(daemon: Daemon, tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", "ast-grep", *words], cwd=tree, env=daemon.env, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_prints_matches_and_diffs(shared_daemon: Daemon, tree: Path) -> None:
    """`path:line:text`; a rewrite as a diff; exit code 0 with matches, 1 without, 2 for a mistake."""
    done = _sidecar(shared_daemon, tree, "print($$$A)", "-l", "js", "b")
    assert (done.returncode, done.stdout) == (0, "b/c.js:1:print(1)\nb/c.js:2:print('😀', two)\nb/d.html:2:print(4)\n")
    assert _sidecar(shared_daemon, tree, "print($A)", "-r", "log($A)", "a.py").stdout.startswith("--- a/a.py\n+++ b/a.py\n@@")
    (tree / "rule.yml").write_text("id: a\nlanguage: python\nrule: {pattern: import $A}\n")
    assert _sidecar(shared_daemon, tree, "--rule", "rule.yml").stdout == "a.py:1:import os\n"
    assert '"matches"' in _sidecar(shared_daemon, tree, "--json", "print($A)").stdout
    assert _sidecar(shared_daemon, tree, "nowhere($A)").returncode == 1
    assert _sidecar(shared_daemon, tree).returncode == 2
