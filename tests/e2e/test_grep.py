"""E1, E8: `grep` through the socket, in both framings: what is found, how much of it, in which order and shape."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import BridgeClient, Client, Message
from tests.support.daemon import PROJECT, Daemon
from tests.support.noise import grep_flood
from tests.support.trees import wide_tree, write_tree

_TREE = {
    "a.py": "import os\nneedle = 1\n",
    "b/c.txt": "no\nNeedle two needle\nlast needle\n",
    "b/d.md": "nothing\n",
    ".hidden": "needle\n",
    ".ignore": "ignored.txt\n",
    "ignored.txt": "needle\n",
    "z.rs": "fn needle() {\n  needles\n}\n",
}


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """A small tree with hidden and ignored files."""
    return write_tree(short_tmp, _TREE)


@pytest.fixture(params=["lines", "headers", "bridge", "noise"])
async def client(request: pytest.FixtureRequest, shared_daemon: Daemon, tree: Path) -> AsyncIterator[Client]:
    """A client in each framing, through the stdio bridge, and beside a flood of searches; its root is the tree, its positions are in UTF-8."""
    async with contextlib.AsyncExitStack() as ends:
        if request.param == "noise":
            await ends.enter_async_context(grep_flood(shared_daemon.socket, PROJECT / "sidecar", "import", window=2))
        one = await ends.enter_async_context(await _connected(request.param, shared_daemon))
        await one.call("sidecar/hello", {"root": str(tree), "positionEncoding": "utf-8"})
        yield one


async def _connected(way: str, daemon: Daemon) -> Client:
    if way == "bridge":
        return await BridgeClient.start(daemon.env)
    return await (daemon.connect_lsp() if way == "headers" else daemon.connect())


def _where(found: Message) -> list[tuple[str, int]]:
    return [(match["path"], match["line"]) for match in found["matches"]]


async def test_matches_come_with_their_place_in_path_order(client: Client) -> None:
    """Line from 1, range from 0, byte offset of the line, offsets of each occurrence in it."""
    found = await client.call("sidecar/grep", {"pattern": "needle"})
    assert _where(found) == [("a.py", 2), ("b/c.txt", 2), ("b/c.txt", 3), ("z.rs", 1), ("z.rs", 2)]
    assert (found["files"], found["truncated"]) == (3, False)
    assert "reason" not in found
    match = found["matches"][1]
    assert (match["byteOffset"], match["text"].rstrip("\n")) == (3, "Needle two needle")
    assert match["submatches"] == [{"start": 11, "end": 17}]
    assert match["range"] == {"start": {"line": 1, "character": 11}, "end": {"line": 1, "character": 17}}


async def test_the_reply_says_what_it_took_and_what_it_is_worth(client: Client) -> None:
    """`meta` carries the times and the engine (protocol.md, Tools)."""
    meta = (await client.call("sidecar/grep", {"pattern": "needle"}))["meta"]
    assert (meta["engine"], meta["tier"], meta["complete"]) == ("native", "cold", True)
    assert all(meta[name] >= 0 for name in ("queuedMs", "runMs", "encodeMs"))


async def test_the_shorthand_and_the_tool_call_answer_alike(client: Client) -> None:
    """`sidecar/grep` is `sidecar/tools/call` with its args at the top."""
    short = await client.call("sidecar/grep", {"pattern": "needle"})
    long = await client.tool("grep", {"pattern": "needle"})
    assert {**short, "meta": None} == {**long, "meta": None}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"pattern": "needle", "mode": "files"}, ["a.py", "b/c.txt", "z.rs"]),
        ({"pattern": "needle", "mode": "files", "globs": ["*.py"]}, ["a.py"]),
        ({"pattern": "needle", "mode": "files", "globs": ["!*.py"]}, ["b/c.txt", "z.rs"]),
        ({"pattern": "needle", "mode": "files", "types": ["rust"]}, ["z.rs"]),
        ({"pattern": "needle", "mode": "files", "hidden": True}, [".hidden", "a.py", "b/c.txt", "z.rs"]),
        ({"pattern": "needle", "mode": "files", "noIgnore": True}, ["a.py", "b/c.txt", "ignored.txt", "z.rs"]),
        ({"pattern": "needle", "mode": "files", "paths": ["b", "z.rs"]}, ["b/c.txt", "z.rs"]),
        ({"pattern": ["import", "nothing"], "mode": "files"}, ["a.py", "b/d.md"]),
        ({"pattern": "needle()", "fixedStrings": True, "mode": "files"}, ["z.rs"]),
        ({"pattern": "NEEDLE", "case": "insensitive", "mode": "files"}, ["a.py", "b/c.txt", "z.rs"]),
        ({"pattern": "Needle", "case": "smart", "mode": "files"}, ["b/c.txt"]),
        ({"pattern": "needles", "word": True, "mode": "files"}, ["z.rs"]),
        ({"pattern": "os\\nneedle", "multiline": True, "mode": "files"}, ["a.py"]),
        ({"pattern": "needle", "mode": "files", "limit": 2}, ["a.py", "b/c.txt"]),
    ],
    ids=str,
)
async def test_each_switch_means_what_it_means_in_rg(client: Client, args: dict[str, Any], expected: list[str]) -> None:
    """Depth is proven against rg itself in tests/native; here each switch arrives."""
    assert (await client.call("sidecar/grep", args))["paths"] == expected


async def test_counts_are_lines_per_file(client: Client) -> None:
    """Mode `count`: matching lines of each file that has one."""
    found = await client.call("sidecar/grep", {"pattern": "needle", "mode": "count"})
    assert found["counts"] == [{"path": "a.py", "count": 1}, {"path": "b/c.txt", "count": 2}, {"path": "z.rs", "count": 2}]


async def test_invert_finds_the_other_lines(client: Client) -> None:
    """A match without submatches."""
    found = await client.call("sidecar/grep", {"pattern": "needle", "invert": True, "paths": ["b/c.txt"]})
    assert _where(found) == [("b/c.txt", 1)]


async def test_context_lines_come_with_their_match(client: Client) -> None:
    """`before` and `after` as asked, never beyond the file."""
    [match] = (await client.call("sidecar/grep", {"pattern": "two", "before": 5, "after": 1}))["matches"]
    assert [line.rstrip("\n") for line in match["before"]] == ["no"]
    assert [line.rstrip("\n") for line in match["after"]] == ["last needle"]


async def test_max_per_file_bounds_each_file(client: Client) -> None:
    """One line of each file."""
    found = await client.call("sidecar/grep", {"pattern": "needle", "maxPerFile": 1})
    assert _where(found) == [("a.py", 2), ("b/c.txt", 2), ("z.rs", 1)]


async def test_the_limit_truncates_and_says_so(client: Client) -> None:
    """E6: the first matches in path order, `truncated`, the reason, and `complete: false` in meta."""
    found = await client.call("sidecar/grep", {"pattern": "needle", "limit": 3})
    assert _where(found) == [("a.py", 2), ("b/c.txt", 2), ("b/c.txt", 3)]
    assert (found["truncated"], found["reason"], found["meta"]["complete"]) == (True, "limit", False)


async def test_a_limit_that_is_just_enough_truncates_nothing(client: Client) -> None:
    """Exactly as many as there are."""
    found = await client.call("sidecar/grep", {"pattern": "needle", "limit": 5})
    assert (len(found["matches"]), found["truncated"]) == (5, False)


async def test_paths_outside_the_root_are_absolute_in_the_reply(client: Client, tmp_path: Path) -> None:
    """A person's read may name any path (design 3.19); what leaves the root is named in full."""
    write_tree(tmp_path, {"o.txt": "needle\n"})
    found = await client.call("sidecar/grep", {"pattern": "needle", "paths": [str(tmp_path / "o.txt")]})
    assert _where(found) == [(str(tmp_path / "o.txt"), 1)]


async def test_a_root_in_the_params_wins_over_the_connection(client: Client, tmp_path: Path) -> None:
    """Also as a file URI with escapes."""
    write_tree(tmp_path / "mit Leer zeichen", {"o.txt": "needle\n"})
    found = await client.call("sidecar/grep", {"pattern": "needle", "root": (tmp_path / "mit Leer zeichen").as_uri()})
    assert _where(found) == [("o.txt", 1)]


async def test_streamed_matches_are_all_of_them_and_the_reply_has_the_rest(client: Client) -> None:
    """With a partialResultToken the matches arrive as `$/progress` before the reply, each once."""
    whole = await client.call("sidecar/grep", {"pattern": "needle"})
    reply = await client.call("sidecar/grep", {"pattern": "needle", "partialResultToken": "t1"})
    chunks = [note["params"] for note in client.notifications if note["method"] == "$/progress"]
    assert {chunk["token"] for chunk in chunks} == {"t1"}
    assert [match for chunk in chunks for match in chunk["value"]["matches"]] == whole["matches"]
    assert not reply.get("matches")
    assert (reply["files"], reply["truncated"]) == (3, False)


async def test_streams_of_two_requests_keep_to_their_tokens(client: Client) -> None:
    """Tokens may be ints or strings; chunks of one never carry the other's."""
    asked = [client.request("sidecar/grep", {"pattern": pattern, "partialResultToken": token}) for pattern, token in (("needle", 1), ("nothing", "1"))]
    await asyncio.gather(*asked)
    found = {repr(token): 0 for token in (1, "1")}
    for note in client.notifications:
        found[repr(note["params"]["token"])] += len(note["params"]["value"]["matches"])
    assert found == {"1": 5, "'1'": 1}


async def test_the_byte_budget_bounds_the_reply(shared_daemon: Daemon, short_tmp: Path) -> None:
    """E8: matches stop before the reply is over `maxBytes`, and say so."""
    wide_tree(short_tmp, 50)
    async with await shared_daemon.connect() as one:
        found = await one.call("sidecar/grep", {"root": str(short_tmp), "pattern": "needle", "maxBytes": 20_000})
        assert (found["truncated"], found["reason"]) == (True, "bytes")
        assert 0 < len(found["matches"]) < 1000
        longest = max(len(str(message)) for message in one.arrived)
        assert longest < 40_000


@pytest.mark.parametrize("order", ["path", "any"])
async def test_both_orders_find_the_same_matches(shared_daemon: Daemon, short_tmp: Path, order: str) -> None:
    """`any` may come in any order; `path` comes in path order, lines of a file in line order."""
    wide_tree(short_tmp, 120, 5)
    async with await shared_daemon.connect() as one:
        found = await one.call("sidecar/grep", {"root": str(short_tmp), "pattern": "needle", "order": order, "limit": 5000, "maxBytes": 1 << 24})
    places = _where(found)
    assert set(places) == {(f"d{number % 17}/f{number}.txt", line) for number in range(120) for line in range(1, 6)}
    assert len(places) == 600
    if order == "path":
        assert places == sorted(places, key=lambda place: (place[0].split("/"), place[1]))


@pytest.mark.parametrize(("encoding", "start"), [("utf-8", 12), ("utf-16", 6), ("utf-32", 5)])
async def test_ranges_count_in_the_connections_encoding(shared_daemon: Daemon, short_tmp: Path, encoding: str, start: int) -> None:
    """F4: an emoji is 4, 2 or 1; a CJK sign 3, 1 or 1. Submatches always count bytes."""
    write_tree(short_tmp, {"e.txt": "😀漢ä  needle\n".replace("ä  ", "ää ")})
    async with await shared_daemon.connect() as one:
        await one.call("sidecar/hello", {"root": str(short_tmp), "positionEncoding": encoding})
        [match] = (await one.call("sidecar/grep", {"pattern": "needle"}))["matches"]
    assert match["submatches"] == [{"start": 12, "end": 18}]
    assert match["range"]["start"] == {"line": 0, "character": start}
    assert match["range"]["end"] == {"line": 0, "character": start + 6}


async def test_lsp_clients_negotiate_the_encoding_by_initialize(shared_daemon: Daemon, short_tmp: Path) -> None:
    """LSP 3.17 `general.positionEncodings` chooses; the reply says which."""
    write_tree(short_tmp, {"e.txt": "😀needle\n"})
    async with await shared_daemon.connect_lsp() as one:
        result = await one.initialize(short_tmp, ["utf-32", "utf-16"])
        assert result["capabilities"]["positionEncoding"] == "utf-32"
        [match] = (await one.call("sidecar/grep", {"pattern": "needle"}))["matches"]
    assert match["range"]["start"]["character"] == 1


async def test_an_engine_that_is_not_there_is_a_typed_error(shared_daemon: Daemon, short_tmp: Path) -> None:
    """E4: no silent change of meaning; either `cli` answers as `cli` or it is refused."""
    async with await shared_daemon.connect() as one:
        reply = await one.reply("sidecar/grep", {"root": str(short_tmp), "pattern": "x", "engine": "cli"})
        assert reply.get("error", {}).get("code") in (-32602, -32803) or reply["result"]["meta"]["engine"] == "cli"
