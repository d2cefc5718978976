"""Buffers of clients: open, change, close, leave, and their bounds."""

from __future__ import annotations

import pytest

from sidecar.engine.spec import PositionEncoding
from sidecar.errors import InvalidParams, Overloaded
from sidecar.langs import documents as module
from sidecar.langs.documents import Change, Documents

URI = "file:///p/a.py"
UTF16 = PositionEncoding.UTF16


def opened(content: str = "one\ntwo\n") -> Documents:
    """One client with one document."""
    made = Documents()
    made.open("c1", URI, "python", 1, content)
    return made


def text_of(documents: Documents, client: str = "c1", uri: str = URI) -> str:
    """The text of an open document."""
    document = documents.get(client, uri)
    assert document is not None
    return document.text.text()


def test_each_client_has_its_own_text_of_one_file() -> None:
    """And a third has none."""
    made = opened("mine")
    made.open("c2", URI, "python", 7, "theirs")
    assert [text_of(made, "c1"), text_of(made, "c2")] == ["mine", "theirs"]
    assert made.get("c3", URI) is None


def test_changes_apply_one_after_the_other() -> None:
    """Incremental and whole, each on what the one before has made (LSP 3.17, didChange)."""
    made = opened()
    made.change("c1", URI, 2, [Change("whole"), Change("W", (0, 0, 0, 1)), Change("!", (9, 9, 9, 9))], UTF16)
    assert text_of(made) == "Whole!"
    document = made.get("c1", URI)
    assert document is not None and document.version == 2


def test_a_snapshot_is_not_changed_by_later_changes() -> None:
    """A document that was handed out is a value."""
    made = opened()
    before = made.get("c1", URI)
    made.change("c1", URI, 2, [Change("new")], UTF16)
    assert before is not None and (before.text.text(), before.version) == ("one\ntwo\n", 1)


def test_characters_count_in_the_clients_encoding() -> None:
    """The same numbers mean other places."""
    for encoding, expected in ((PositionEncoding.UTF8, "!🎉"), (UTF16, "🎉!"), (PositionEncoding.UTF32, "🎉!")):
        made = opened("🎉")
        made.change("c1", URI, 2, [Change("!", (0, 2, 0, 2))], encoding)
        assert text_of(made) == expected


def test_spellings_of_one_uri_are_one_document() -> None:
    """Opened with one, changed with another, found by the canonical."""
    made = Documents()
    made.open("c1", "file:///p/a%3Ab c.py", "python", 1, "x")
    made.change("c1", "file:///p/a:b%20c.py", 2, [Change("y")], UTF16)
    assert text_of(made, uri="file:///p/a:b%20c.py") == "y"


def test_what_is_not_open_is_ignored() -> None:
    """Changes and closes of it, by clients that are known or not."""
    made = opened()
    made.change("c1", "file:///p/b.py", 2, [Change("x")], UTF16)
    made.change("c9", URI, 2, [Change("x")], UTF16)
    made.close("c9", URI)
    made.close("c1", "file:///p/b.py")
    assert text_of(made) == "one\ntwo\n"


def test_closing_and_leaving_drop_documents_and_say_so() -> None:
    """Each once."""
    made = opened()
    made.open("c1", "file:///p/b.py", "python", 1, "x")
    heard: list[tuple[str, str]] = []
    made.on_closed(lambda client, uri: heard.append((client, uri)))
    made.close("c1", URI)
    made.drop_client("c1")
    made.drop_client("c1")
    assert heard == [("c1", URI), ("c1", "file:///p/b.py")]
    assert made.status() == {"open": 0, "bytes": 0, "clients": {}}


def test_documents_are_counted_per_client() -> None:
    """For status."""
    made = opened("12345")
    made.open("c2", URI, "python", 1, "123")
    assert made.status() == {"open": 2, "bytes": 8, "clients": {"c1": 1, "c2": 1}}


def test_too_many_documents_or_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was open stays; a change over the bound closes, as the text would be wrong from then on."""
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 2)
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    made = opened("1234")
    made.open("c1", "file:///p/b.py", "python", 1, "123")
    with pytest.raises(Overloaded):
        made.open("c1", "file:///p/c.py", "python", 1, "")
    made.open("c1", URI, "python", 2, "12345")
    with pytest.raises(Overloaded):
        made.change("c1", URI, 3, [Change("12345678")], UTF16)
    assert made.get("c1", URI) is None
    made.open("c2", URI, "python", 1, "1234567890")


def test_a_negative_position_is_refused() -> None:
    """LSP counts from 0."""
    with pytest.raises(InvalidParams, match="range"):
        opened().change("c1", URI, 2, [Change("x", (0, -1, 0, 0))], UTF16)
