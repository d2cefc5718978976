"""Well-formed JSON that is no acceptable request: one error each, which names what was wrong; the connection lives on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.bystander import bystander
from tests.support.daemon import Daemon

_WRONG: dict[str, list[Any]] = {
    "string": [7, [], {}, True],
    "boolean": ["yes", 1, []],
    "integer": ["3", 1.5, [], -(2**70)],
    "array": [5, "x", {}],
}


async def test_a_duplicate_id_in_flight_is_refused_and_the_first_request_still_answered(daemon: Daemon) -> None:
    """-32600 with `id: null`: an answer with that id would end the first request."""
    async with bystander(daemon), await daemon.connect() as client:
        first = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "g"}, "partialResultToken": 1}, id="same")
        await client.wait_notification("$/progress")
        client.send({"jsonrpc": "2.0", "id": "same", "method": "sidecar/ping", "params": {}})
        refusal = await client.wait_orphan()
        assert (refusal["id"], refusal["error"]["code"]) == (None, -32600)
        assert not first.done()
        await client.tool("release", {"name": "g"})
        assert "result" in await first
        assert "result" in await client.request("sidecar/ping", id="same"), "an answered id is free again"


async def test_ids_1_and_the_string_1_are_different_requests(shared_daemon: Daemon) -> None:
    """Ids are echoed as they came, int or string."""
    async with await shared_daemon.connect() as client:
        both = client.request("sidecar/status", id=1), client.request("sidecar/status", id="1")
        assert {repr((await reply)["id"]) for reply in both} == {"1", "'1'"}


@pytest.mark.parametrize("batch", [[], [{"jsonrpc": "2.0", "id": 1, "method": "sidecar/ping"}], [1, 2]], ids=str)
async def test_a_json_rpc_batch_is_refused_with_the_method_to_use(shared_daemon: Daemon, batch: list[Any]) -> None:
    """-32600 that names `sidecar/batch`; nothing of the array runs."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        client.send_raw(json.dumps(batch).encode() + b"\n")
        message = await client.wait_orphan()
        assert (message["id"], message["error"]["code"]) == (None, -32600)
        assert "sidecar/batch" in message["error"]["message"] + message["error"]["data"]["hint"]
        assert await client.call("sidecar/ping") == {}


@pytest.mark.parametrize("method", ["sidecar/nothing", "", "grep", "textDocument/frobnicate", "sidecar/__class__", "rpc.discover"])
async def test_an_unknown_method_is_named_in_its_error(shared_daemon: Daemon, method: str) -> None:
    """-32601, and what to look up."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal(method)
        assert (refused.code, refused.kind) == (-32601, "unknownMethod")
        assert refused.data["hint"]


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "method": "sidecar/ping"},
        {"jsonrpc": "1.0", "id": 1, "method": "sidecar/ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "sidecar/ping"},
        {"jsonrpc": "2.0", "id": None, "method": "sidecar/ping"},
        {"jsonrpc": "2.0", "id": True, "method": "sidecar/ping"},
        {"jsonrpc": "2.0", "id": [1], "method": "sidecar/ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0"},
        {},
    ],
    ids=str,
)
async def test_a_malformed_envelope_is_an_invalid_request(shared_daemon: Daemon, message: dict[str, Any]) -> None:
    """-32600 each, never silence, and the connection goes on."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        client.send(message)
        answer = await client.wait_orphan()
        assert answer["error"]["code"] == -32600, answer
        assert await client.call("sidecar/ping") == {}


@pytest.mark.parametrize("params", [5, "text", [1, 2], True], ids=repr)
async def test_params_that_are_no_object_are_invalid(shared_daemon: Daemon, params: Any) -> None:
    """-32602 for every method with named parameters."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        for method in ("sidecar/grep", "sidecar/tools/call", "sidecar/hello", "sidecar/interrupt"):
            refused = await client.refusal(method, params)
            assert (refused.code, refused.kind) == (-32602, "invalidParams"), method


async def test_a_wrong_type_in_any_field_of_any_tool_is_refused_by_its_name(shared_daemon: Daemon, tmp_path: Path) -> None:
    """Each field of each tool's schema, each wrong type: -32602 whose message names the field."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        for tool in (await client.call("sidecar/tools/list"))["tools"]:
            for field, values in _wrong_values(tool["inputSchema"]):
                for value in values:
                    params = {"tool": tool["name"], "args": _required(tool["inputSchema"]) | {field: value}, "root": str(tmp_path)}
                    refused = await client.refusal("sidecar/tools/call", params)
                    assert refused.code == -32602, (tool["name"], field, value, refused)
                    assert field in refused.message, (tool["name"], field, value, refused)


def _definition(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _wrong_values(schema: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    fields = _definition(schema).get("properties", {})
    return [(name, _WRONG[field["type"]]) for name, field in fields.items() if field.get("type") in _WRONG]


def _required(schema: dict[str, Any]) -> dict[str, Any]:
    """Acceptable values for what a tool requires, so that only the field under test is wrong."""
    definition = _definition(schema)
    kinds = {name: definition["properties"][name].get("type", "string") for name in definition.get("required", ())}
    return {name: {"string": "x", "integer": 1, "array": ["x"], "boolean": False}.get(kind, "x") for name, kind in kinds.items()}


@pytest.mark.parametrize("timeout", [0, -1, "soon", [], {}], ids=repr)
async def test_a_timeout_that_is_no_positive_number_is_refused(shared_daemon: Daemon, timeout: Any) -> None:
    """`timeoutMs` is a number above 0 on every method that takes one."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "noop", "args": {}, "timeoutMs": timeout})
        assert refused.code == -32602
        assert "timeoutMs" in refused.message


async def test_a_number_beyond_all_bounds_is_refused_and_the_connection_lives(shared_daemon: Daemon) -> None:
    """`1e400` is JSON that no machine number holds."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        client.send_raw(b'{"jsonrpc":"2.0","id":77,"method":"sidecar/tools/call","params":{"tool":"noop","args":{},"timeoutMs":1e400}}\n')
        assert (await client.wait_orphan())["error"]["code"] in (-32602, -32600, -32700)
        assert await client.call("sidecar/ping") == {}


async def test_params_that_contain_a_jsonrpc_member_are_only_params(shared_daemon: Daemon) -> None:
    """A log of messages inside params confuses nothing (field-notes 2.2: pygls never answers this)."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        inner = {"jsonrpc": "2.0", "id": 99, "method": "exit", "result": {"jsonrpc": "2.0", "method": "x"}}
        assert await client.call("sidecar/ping", {"jsonrpc": "2.0", "method": "exit", "nested": [inner]}) == {}
    async with await shared_daemon.connect_lsp() as lsp:
        await lsp.initialize(note=inner)
        assert await lsp.call("sidecar/ping", {"log": inner}) == {}


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "*", r"\p{Nope}", "(?P<1>x)"])
async def test_a_regex_that_does_not_compile_is_refused_with_its_position(shared_daemon: Daemon, tmp_path: Path, pattern: str) -> None:
    """-32602 that names the field and the place in the pattern."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/grep", {"root": str(tmp_path), "pattern": pattern})
        assert refused.code == -32602
        assert "pattern" in refused.message
        position = refused.data["position"]
        assert 0 <= position["start"] <= position["end"] <= len(pattern.encode())


@pytest.mark.parametrize("pattern", ["(" * 5000 + "a" + ")" * 5000, "[" * 5000, r"\w{1000}{1000}", "x" * (2 << 20)], ids=["nested", "brackets", "huge", "long"])
async def test_a_pattern_over_a_bound_is_refused_and_the_daemon_lives(shared_daemon: Daemon, tmp_path: Path, pattern: str) -> None:
    """A stack overflow is no panic: nesting is refused before anything is compiled (design 3.6)."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/grep", {"root": str(tmp_path), "pattern": pattern})
        assert (refused.code, refused.kind in ("tooLarge", "invalidParams")) == (-32602, True)


async def test_no_root_at_all_is_refused_by_name(shared_daemon: Daemon) -> None:
    """No root in the params and none on the connection: -32602 (protocol.md, Wire)."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/grep", {"pattern": "x"})
        assert refused.code == -32602
        assert "root" in refused.message


@pytest.mark.parametrize("root", ["relative/path", "", "http://example.org/x", "file://elsewhere/x", "/with\0nul", "~"], ids=repr)
async def test_a_root_that_is_no_absolute_path_is_refused(shared_daemon: Daemon, root: str) -> None:
    """Only absolute paths and file URIs of this host are roots."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        for method in ("sidecar/grep", "sidecar/hello"):
            refused = await client.refusal(method, {"root": root, "pattern": "x"})
            assert refused.code == -32602, method
            assert "root" in refused.message


async def test_an_unknown_tool_is_refused_with_the_names_there_are(shared_daemon: Daemon) -> None:
    """-32602; the hint lists the tools."""
    async with await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "frobnicate", "args": {}})
        assert refused.code == -32602
        assert "grep" in refused.data["hint"]


async def test_unknown_members_are_ignored_on_the_wire(shared_daemon: Daemon) -> None:
    """Newer clients may send more than this daemon knows."""
    async with await shared_daemon.connect() as client:
        assert await client.call("sidecar/ping", {"fromTheFuture": {"x": [1]}}) == {}


async def test_notifications_never_get_an_answer(shared_daemon: Daemon) -> None:
    """Not even unknown or malformed ones."""
    async with await shared_daemon.connect() as client:
        client.notify("sidecar/nothing", {"x": 1})
        client.notify("$/whatever")
        client.notify("textDocument/didOpen", {"textDocument": 5})
        client.notify("$/cancelRequest", {"id": "never asked"})
        assert await client.call("sidecar/ping") == {}
        assert not client.orphans
