"""One text per (server, URI): the queue that never switches a text under a request."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sidecar.langs import desk as module
from sidecar.langs.desk import Desk, Note, Ticket, Wanted
from sidecar.langs.text import make

URI = "file:///a.py"


def wanted(content: str, owner: str | None = None, uri: str = URI) -> Wanted:
    """A text."""
    return Wanted(uri, "python", make(content), owner)


class Wire:
    """What a desk wrote, and the server's view of it."""

    def __init__(self) -> None:
        self.desk = Desk(self._take)
        self.notes: list[str] = []
        self.texts: dict[str, tuple[int, str]] = {}
        self.went: list[str] = []

    def ask(self, text: Wanted, beside: Sequence[Wanted] = ()) -> Ticket:
        """A request that checks, when it goes, that the server holds its text."""

        def go(notes: Sequence[Note]) -> None:
            self._take(notes)
            assert self.texts[text.uri][1] == text.text.text()
            self.went.append(text.text.text())

        return self.desk.submit(text, go, beside)

    def _take(self, notes: Sequence[Note]) -> None:
        for method, params in notes:
            said = json.loads(params)
            uri, kind = said["textDocument"]["uri"], method.removeprefix("textDocument/")
            self.notes.append(kind)
            if kind == "didOpen":
                assert uri not in self.texts, "opened twice"
                self.texts[uri] = 1, said["textDocument"]["text"]
            elif kind == "didChange":
                assert said["textDocument"]["version"] > self.texts[uri][0], "versions rise"
                self.texts[uri] = said["textDocument"]["version"], said["contentChanges"][0]["text"]
            else:
                del self.texts[uri]


def test_the_first_request_opens_and_the_next_about_the_same_text_sends_nothing() -> None:
    """Both go at once."""
    wire = Wire()
    wire.ask(wanted("x"))
    wire.ask(wanted("x", owner="ed"))
    assert (wire.notes, wire.went) == (["didOpen"], ["x", "x"])


def test_another_text_waits_for_what_is_in_flight() -> None:
    """And goes with its change when that is done."""
    wire = Wire()
    first = wire.ask(wanted("x"))
    wire.ask(wanted("y"))
    assert wire.went == ["x"]
    wire.desk.done(first)
    assert (wire.notes, wire.went) == (["didOpen", "didChange"], ["x", "y"])


def test_who_waits_is_not_overtaken() -> None:
    """A stream of requests about the held text does not starve another."""
    wire = Wire()
    first = wire.ask(wanted("x"))
    second = wire.ask(wanted("y"))
    wire.ask(wanted("x"))
    wire.desk.done(first)
    assert wire.went == ["x", "y"]
    wire.desk.done(second)
    assert wire.went == ["x", "y", "x"]


def test_one_who_gives_up_waiting_is_skipped() -> None:
    """Its text is never sent."""
    wire = Wire()
    first, gone = wire.ask(wanted("x")), wire.ask(wanted("y"))
    wire.ask(wanted("z"))
    wire.desk.done(gone)
    wire.desk.done(first)
    assert wire.went == ["x", "z"]


def test_a_closed_buffer_is_closed_at_the_server_once_nobody_asks() -> None:
    """Only the one whose text it holds counts."""
    wire = Wire()
    first = wire.ask(wanted("x", owner="ed"))
    wire.desk.closed("other", URI)
    wire.desk.closed("ed", URI)
    assert wire.notes == ["didOpen"]
    wire.desk.done(first)
    assert wire.notes == ["didOpen", "didClose"]


def test_texts_beside_are_sent_unless_somebody_asks_about_them() -> None:
    """Best effort, in the same write."""
    wire = Wire()
    busy = wire.ask(wanted("x", uri="file:///b.py"))
    wire.ask(wanted("y"), [wanted("new", uri="file:///b.py"), wanted("c", uri="file:///c.py"), wanted("y")])
    assert {uri[-4]: text for uri, (_, text) in wire.texts.items()} == {"a": "y", "b": "x", "c": "c"}
    wire.desk.done(busy)
    wire.ask(wanted("y"), [wanted("new", uri="file:///b.py")])
    assert wire.texts["file:///b.py"][1] == "new"


def test_the_document_unused_longest_is_closed_for_a_new_one(monkeypatch: object) -> None:
    """One in use is not."""
    wire = Wire()
    busy = wire.ask(wanted("x", uri="file:///0.py"))
    for number in range(1, module.MAX_OPEN + 2):
        wire.desk.done(wire.ask(wanted("x", uri=f"file:///{number}.py")))
    assert len(wire.texts) == module.MAX_OPEN
    assert "file:///0.py" in wire.texts and "file:///1.py" not in wire.texts
    wire.desk.done(busy)


def test_a_new_server_gets_what_the_old_one_held() -> None:
    """Opened afresh, then changed with rising versions."""
    wire = Wire()
    wire.desk.reopen([wanted("x", "ed"), wanted("z", uri="file:///b.py")])
    wire.desk.done(wire.ask(wanted("y")))
    assert wire.notes == ["didOpen", "didOpen", "didChange"]
    assert [held.uri for held in wire.desk.texts()] == ["file:///b.py", URI]


class Machine(RuleBasedStateMachine):
    """Any order of asking, answering, giving up and closing."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire()
        self.open: list[Ticket] = []

    @rule(content=st.sampled_from("xyz"), owner=st.sampled_from([None, "c1", "c2"]), uri=st.sampled_from([URI, "file:///b.py"]), beside=st.booleans())
    def ask(self, content: str, owner: str | None, uri: str, beside: bool) -> None:
        """A request."""
        self.open.append(self.wire.ask(wanted(content, owner, uri), [wanted("w", "c1", "file:///b.py")] if beside else []))

    @rule(number=st.integers(0, 50))
    def done(self, number: int) -> None:
        """An answer, or somebody who gives up."""
        if self.open:
            self.wire.desk.done(self.open.pop(number % len(self.open)))

    @rule(owner=st.sampled_from(["c1", "c2"]), uri=st.sampled_from([URI, "file:///b.py"]))
    def close(self, owner: str, uri: str) -> None:
        """A buffer closes."""
        self.wire.desk.closed(owner, uri)

    @invariant()
    def what_is_in_flight_is_about_the_servers_text(self) -> None:
        """Never switched under a request."""
        for ticket in self.open:
            if ticket.going:
                assert self.wire.texts[ticket.wanted.uri][1] == ticket.wanted.text.text()

    @invariant()
    def somebody_goes_if_anybody_waits(self) -> None:
        """No request is forgotten."""
        for uri in {ticket.wanted.uri for ticket in self.open}:
            assert any(ticket.going for ticket in self.open if ticket.wanted.uri == uri)


Machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestDesk = Machine.TestCase
