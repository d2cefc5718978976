"""Live events reach exactly the connections that asked for their kind."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sidecar.daemon.events import Ack, Subscribe, Subscriptions
from sidecar.errors import InvalidParams


class Inbox:
    """A receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []

    def notify(self, method: str, params: bytes) -> None:
        """Keep it."""
        self.got.append((method, msgspec.json.decode(params)))


def two() -> tuple[Subscriptions, Inbox, Inbox]:
    """Subscriptions over two connections, c1 and c2."""
    one, other = Inbox(), Inbox()
    return Subscriptions({"c1": one, "c2": other}, "journal"), one, other


def test_a_subscriber_gets_the_kinds_it_named() -> None:
    """`kinds` are globs; others' events do not come."""
    subscriptions, one, other = two()
    subscriptions.subscribe("c1", Subscribe(kinds=["server.*"]))
    subscriptions.subscribe("c2", Subscribe(kinds=["agent.*"]))
    subscriptions.publish("server.state", {"server": "ty"})
    assert [(method, event["kind"], event["data"]) for method, event in one.got] == [("sidecar/event", "server.state", {"server": "ty"})]
    assert other.got == []


def test_nobody_gets_anything_after_leaving() -> None:
    """A connection that has ended is written to no more."""
    subscriptions, one, _ = two()
    subscriptions.subscribe("c1", Subscribe())
    subscriptions.drop("c1")
    subscriptions.publish("server.state", {})
    assert one.got == []


def test_an_unknown_journal_is_answered_with_reset() -> None:
    """Who knows another journal must start over (design 3.10)."""
    subscriptions, _, _ = two()
    assert "reset" not in subscriptions.subscribe("c1", Subscribe(journal_id="journal"))
    assert subscriptions.subscribe("c1", Subscribe(journal_id="other"))["reset"] is True


@pytest.mark.parametrize("seq", [-1, 1])
def test_an_ack_of_what_never_was_is_refused(seq: int) -> None:
    """Above the head: -32602 (design 3.10)."""
    with pytest.raises(InvalidParams, match="seq: expected 0 to 0"):
        two()[0].ack(Ack(seq=seq))
