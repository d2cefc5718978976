"""F1, F3, F4, F6 through the socket with the real basedpyright."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clients import LspClient, Message
from tests.support.daemon import PROJECT, Daemon
from tests.support.trees import write_tree
from tests.support.waiting import PATIENCE_S

WIDE = '"🎉日本"; number = [1]; number\n'
AT = {"utf-8": WIDE.encode().index(b"number"), "utf-16": WIDE.index("number") + 1, "utf-32": WIDE.index("number")}


async def until_ready(client: LspClient, uri: str, line: int, character: int) -> Message | None:
    """`textDocument/hover` as an editor does it: asked again while the server is starting."""
    for _ in range(int(PATIENCE_S)):
        reply = await client.reply("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})
        if "error" not in reply:
            result: Message | None = reply["result"]
            return result
        assert (reply["error"]["code"], reply["error"]["data"]["kind"]) == (-32803, "starting"), reply
        assert reply["error"]["data"]["retryAfterMs"] > 0
        # The tool is what waits for a start.
        await client.tool("hover", {"path": uri.removeprefix("file://"), "line": line, "character": character})
    raise AssertionError("the server never got ready")


def open_in(client: LspClient, path: Path, text: str) -> None:
    """`didOpen`."""
    client.notify("textDocument/didOpen", {"textDocument": {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}})


async def test_the_tool_answers_about_this_very_code(shared_daemon: Daemon) -> None:
    """Signature and documentation of the error tree's base, with readiness and the server's own time."""
    lines = (PROJECT / "sidecar" / "errors.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if text.startswith("class SidecarError"))
    async with await shared_daemon.connect() as client:
        result = await client.tool("hover", {"path": "sidecar/errors.py", "line": line, "character": 8}, root=str(PROJECT))
    assert "class SidecarError" in result["contents"]["value"]
    assert "Base of every error" in result["contents"]["value"]
    assert (result["server"], result["readiness"]) == ("basedpyright", "ready")
    assert result["range"] == {"start": {"line": line, "character": 6}, "end": {"line": line, "character": 18}}
    assert 0 < result["meta"]["serverMs"] <= result["meta"]["runMs"]
    assert "version" not in result


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_emoji_and_cjk_before_the_name(shared_daemon: Daemon, short_tmp: Path, encoding: str) -> None:
    """basedpyright counts in UTF-16; each client in its own unit, to and fro."""
    write_tree(short_tmp, {"wide.py": WIDE})
    at = AT[encoding]
    async with await shared_daemon.connect() as client:
        await client.call("sidecar/hello", {"root": str(short_tmp), "positionEncoding": encoding})
        result = await client.tool("hover", {"path": "wide.py", "line": 0, "character": at})
    assert "(variable) number: list[int]" in result["contents"]["value"]
    assert result["range"] == {"start": {"line": 0, "character": at}, "end": {"line": 0, "character": at + 6}}


async def test_two_editors_hold_different_unsaved_text_of_one_file(shared_daemon: Daemon, short_tmp: Path) -> None:
    """Fifty alternations of incremental changes: each sees its own, a third client the disk."""
    write_tree(short_tmp, {"pyproject.toml": "", "m.py": "value = None\n"})
    path = short_tmp / "m.py"
    async with await shared_daemon.connect_lsp() as one, await shared_daemon.connect_lsp() as two, await shared_daemon.connect() as disk:
        for client, text in ((one, "value = [1]\n"), (two, "\nvalue = ['x']\n")):
            await client.initialize(short_tmp)
            open_in(client, path, text)
        for number in range(50):
            first, second = await until_ready(one, path.as_uri(), 0, 0), await until_ready(two, path.as_uri(), 1, 0)
            assert first is not None and second is not None
            assert "value: list[int]" in first["contents"]["value"], number
            assert "value: list[str]" in second["contents"]["value"], number
            change = {"range": {"start": {"line": 0, "character": 9}, "end": {"line": 0, "character": 9}}, "text": f"{number + 1}, "}
            one.notify("textDocument/didChange", {"textDocument": {"uri": path.as_uri(), "version": number + 2}, "contentChanges": [change]})
        found = await disk.tool("hover", {"path": "m.py", "line": 0, "character": 0}, root=str(short_tmp))
        assert "value: None" in found["contents"]["value"]
        mine = await one.tool("hover", {"path": "m.py", "line": 0, "character": 0})
        assert mine["version"] == 51, "an open document's version is told"


async def test_a_definition_in_an_unsaved_neighbour_is_found(shared_daemon: Daemon, short_tmp: Path) -> None:
    """What is hovered may come from another buffer of the same editor."""
    write_tree(short_tmp, {"pyproject.toml": "", "a.py": "from b import later\nlater\n", "b.py": ""})
    async with await shared_daemon.connect_lsp() as client:
        await client.initialize(short_tmp)
        open_in(client, short_tmp / "b.py", "later: float = 1.5\n")
        open_in(client, short_tmp / "a.py", "from b import later\nlater\n")
        result = await until_ready(client, (short_tmp / "a.py").as_uri(), 1, 1)
    assert result is not None and "later: float" in result["contents"]["value"]


async def test_nothing_at_a_place_is_null_and_ready(shared_daemon: Daemon) -> None:
    """Told apart from a server that is still starting."""
    async with await shared_daemon.connect() as client:
        result = await client.tool("hover", {"path": "sidecar/errors.py", "line": 0, "character": 0}, root=str(PROJECT))
    assert (result["contents"], result["readiness"]) == (None, "ready")
