"""The peer as a state machine: exactly one response for each accepted request, whatever happens in between (invariant 1)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from sidecar.wire.messages import Cancel, Dropped, Id, Notification, Rejected, Reply, Request
from sidecar.wire.peer import Peer

LIMIT = 5
ids = st.integers(-3, 3) | st.sampled_from([10**30, "1", "a", "", "é"])


class Conversation(RuleBasedStateMachine):
    """A model of both ledgers beside the peer's."""

    def __init__(self) -> None:
        super().__init__()
        self.peer = Peer(limit=LIMIT)
        self.owed: set[Id] = set()
        self.asked: dict[Id, str] = {}
        self.accepted: dict[Id, int] = {}
        self.answered: dict[Id, int] = {}

    own = Bundle("own")

    def receive(self, **members: object) -> Any:
        """One message to the peer."""
        return self.peer.receive(json.dumps({"jsonrpc": "2.0"} | members).encode())

    @rule(id=ids)
    def request(self, id: Id) -> None:
        """The other side asks."""
        event = self.receive(id=id, method="m")
        if id in self.owed or len(self.owed) >= LIMIT:
            assert isinstance(event, Rejected)
            assert event.id == (None if id in self.owed else id)
        else:
            assert event == Request(id, "m", event.params)
            self.owed.add(id)
            self.accepted[id] = self.accepted.get(id, 0) + 1

    @rule(id=ids, failed=st.booleans())
    def answer(self, id: Id, failed: bool) -> None:
        """We answer, in time or not."""
        parts = self.peer.error(id, {"code": 1, "message": "x"}) if failed else self.peer.result(id, [b"1"])
        if id not in self.owed:
            assert parts is None
            return
        assert parts is not None
        message = json.loads(b"".join(parts))
        assert message["id"] == id and type(message["id"]) is type(id)
        assert ("error" in message) is failed
        self.owed.remove(id)
        self.answered[id] = self.answered.get(id, 0) + 1

    @rule(id=ids)
    def cancel(self, id: Id) -> None:
        """The other side cancels; the answer stays owed."""
        assert self.receive(method="$/cancelRequest", params={"id": id}) == (Cancel(id) if id in self.owed else Dropped("lateCancel"))

    @rule(id=ids | st.sampled_from([None, 1.5, True, []]), body=st.sampled_from([{"method": 5}, {"jsonrpc": "3", "method": "m"}, {}]))
    def nonsense(self, id: object, body: dict[str, object]) -> None:
        """A broken message never ends a request in flight."""
        event = self.receive(**({"id": id} | body))
        if isinstance(event, Rejected):
            assert event.id is None or event.id not in self.owed

    @rule()
    def notification(self) -> None:
        """Nothing is owed for it."""
        assert isinstance(self.receive(method="n"), Notification)

    @rule(target=own)
    def ask(self) -> Id:
        """We ask."""
        id, body = self.peer.request("ours", b"[]")
        assert json.loads(body)["id"] == id
        assert id not in self.asked
        self.asked[id] = "open"
        return id

    @rule(id=own, error=st.booleans())
    def reply(self, id: Id, error: bool) -> None:
        """The other side replies: the first reply counts, unless we gave up."""
        event = self.receive(id=id, **({"error": {"code": 1, "message": ""}} if error else {"result": 1}))
        if self.asked[id] == "open":
            assert isinstance(event, Reply)
            assert (event.error is not None) is error
            self.asked[id] = "closed"
        else:
            assert event == Dropped("unknownReply")

    @rule(id=own)
    def forget(self, id: Id) -> None:
        """We give up."""
        assert self.peer.forget(id) is (self.asked[id] == "open")
        self.asked[id] = "closed"

    @invariant()
    def ledgers_agree(self) -> None:
        """What the peer holds open is what the model owes; the rest has been answered exactly once."""
        assert set(self.peer.in_flight) == self.owed
        assert set(self.peer.outgoing) == {id for id, state in self.asked.items() if state == "open"}
        assert all(count == self.answered.get(id, 0) + (id in self.owed) for id, count in self.accepted.items())


Conversation.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase
