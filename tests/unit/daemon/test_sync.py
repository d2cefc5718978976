"""Large document syncs lose their texts before Python decodes them."""

from __future__ import annotations

import json

import msgspec

from sidecar.daemon import sync
from sidecar.wire.messages import Notification


def opened(text: object) -> Notification:
    """A `didOpen` of one document."""
    params = {"textDocument": {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": text}}
    body = json.dumps({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params}).encode()
    return Notification("textDocument/didOpen", msgspec.Raw(json.dumps(params).encode()), body)


def test_a_text_becomes_its_number_and_stays_what_it_was() -> None:
    """What is left is small, and the text is whole."""
    text = 'é "quoted" \\ and 😀\n' * 50_000
    cut = sync.cut(opened(text))
    assert len(cut.params) < 200
    assert msgspec.json.decode(cut.params)["textDocument"]["text"] == 0
    assert [value.text() for value in cut.texts if not isinstance(value, str)] == [text]
