"""The catalog finds every tool by its file."""

from __future__ import annotations

import pkgutil

import msgspec

from sidecar import tools
from sidecar.tools import catalog


def test_each_tool_is_named_as_its_file() -> None:
    """The file name is the public name, and every module but the catalog is a tool."""
    files = {module.name for module in pkgutil.iter_modules(tools.__path__)} - {"catalog"}
    assert set(catalog.load()) == files


def test_descriptions_are_complete_and_encodable() -> None:
    """Every tool says effect, scope, lane, timeouts and both schemas."""
    for row in msgspec.json.decode(msgspec.json.encode(catalog.describe(catalog.load()))):
        assert row.keys() == {"name", "description", "effect", "scope", "lane", "timeoutMs", "inputSchema", "outputSchema"}
        assert row["description"].endswith(".")
        assert 0 < row["timeoutMs"]["default"] <= row["timeoutMs"]["max"]
