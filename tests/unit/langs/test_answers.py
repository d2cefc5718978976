"""What a language server is told when it asks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sidecar.errors import SidecarError
from sidecar.langs.answers import ANSWERS, Self, answer
from sidecar.langs.servers import ROWS, Row

ROW = Row("x", ("x",), {".x": "x"}, (), settings={"x": {"deep": {"er": 1}}})


def ask(method: str, params: Any, me: Self | None = None) -> Any:
    """The result."""
    told = answer(me or Self(ROW, "file:///p"), method, msgspec.Raw(json.dumps(params).encode()))
    assert not isinstance(told, SidecarError), told
    return json.loads(told)


def test_configuration_is_answered_item_by_item() -> None:
    """Dotted sections, whole tables, null for what we have nothing about (LSP 3.17)."""
    items = [{"section": "x.deep.er"}, {"section": "x"}, {"section": "y"}, {"section": "x.deep.er.more"}, {}, {"section": None, "scopeUri": "file:///p"}]
    whole = {"x": {"deep": {"er": 1}}}
    assert ask("workspace/configuration", {"items": items}) == [1, whole["x"], None, None, whole, whole]


def test_registrations_are_remembered_until_they_are_taken_back() -> None:
    """By method."""
    me = Self(ROW, "file:///p")
    assert ask("client/registerCapability", {"registrations": [{"id": "1", "method": "textDocument/hover", "registerOptions": {}}]}, me) is None
    assert me.registered == {"textDocument/hover"}
    assert ask("client/unregisterCapability", {"unregisterations": [{"id": "1", "method": "textDocument/hover"}]}, me) is None
    assert me.registered == set()


def test_nothing_is_changed_or_shown_for_a_server() -> None:
    """Edits and documents are refused, messages are not chosen from."""
    assert ask("workspace/applyEdit", {"edit": {}})["applied"] is False
    assert ask("window/showDocument", {"uri": "file:///x"}) == {"success": False}
    assert ask("window/showMessageRequest", {"type": 1, "message": "?", "actions": [{"title": "yes"}]}) is None


def test_the_root_is_its_only_folder() -> None:
    """With its name."""
    assert ask("workspace/workspaceFolders", None) == [{"uri": "file:///p", "name": "p"}]


@pytest.mark.parametrize("method", [*ANSWERS])
@pytest.mark.parametrize("params", [None, [], {}, 3, {"items": 3, "registrations": "x"}])
def test_wrong_parameters_get_an_answer_all_the_same(method: str, params: Any) -> None:
    """A server that waits for ever is worse than one that is told null."""
    ask(method, params)


def test_what_nobody_knows_is_refused_at_once() -> None:
    """-32601."""
    told = answer(Self(ROW, "file:///p"), "no/such", msgspec.Raw(b"null"))
    assert isinstance(told, SidecarError) and told.code == -32601


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_settings_of_each_row_are_json(row: Row) -> None:
    """They are sent as they stand."""
    assert json.loads(msgspec.json.encode([row.settings, row.initialization]))
