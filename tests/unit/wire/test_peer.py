"""The conversation without I/O: what is accepted, refused, dropped, and answered exactly once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.errors import FrameTooLarge, InvalidRequest, Overloaded, ParseFailed
from sidecar.wire.frames import MAX_BODY
from sidecar.wire.messages import Cancel, Dropped, Event, Notification, Rejected, Reply, Request
from sidecar.wire.peer import Peer, refusal


def message(**members: object) -> bytes:
    """A JSON-RPC 2.0 message."""
    return json.dumps({"jsonrpc": "2.0"} | members).encode()


def read(parts: list[bytes] | None) -> Any:
    """What the other side decodes."""
    assert parts is not None
    return json.loads(b"".join(parts))


def rejected(event: Event) -> Rejected:
    """The event, which must be a refusal with a hint."""
    assert isinstance(event, Rejected)
    assert event.error.hint
    return event


def test_a_request_is_answered_once_with_its_id() -> None:
    """The second answer is None, whichever kind it is (invariant 1)."""
    peer = Peer()
    request = peer.receive(message(id="a", method="m", params={"x": 1}))
    assert isinstance(request, Request)
    assert (request.id, request.method, json.loads(bytes(request.params))) == ("a", "m", {"x": 1})
    assert read(peer.result("a", [b"[1,", b"2]"])) == {"jsonrpc": "2.0", "id": "a", "result": [1, 2]}
    assert peer.result("a", [b"3"]) is None
    assert peer.error("a", {"code": 1, "message": "late"}) is None


def test_an_error_is_an_answer() -> None:
    """And ends the request as a result does."""
    peer = Peer()
    peer.receive(message(id=7, method="m"))
    assert read(peer.error(7, {"code": -1, "message": "no"})) == {"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": "no"}}
    assert peer.result(7, [b"1"]) is None


def test_an_answered_id_may_be_used_again() -> None:
    """Only ids in flight are taken."""
    peer = Peer()
    for _ in range(2):
        assert isinstance(peer.receive(message(id=1, method="m")), Request)
        assert peer.result(1, [b"1"])


def test_the_number_1_and_the_string_1_are_two_ids() -> None:
    """Ids are echoed as they came."""
    peer = Peer()
    peer.receive(message(id=1, method="m"))
    assert isinstance(peer.receive(message(id="1", method="m")), Request)
    assert read(peer.result("1", [b"0"]))["id"] == "1"
    assert read(peer.result(1, [b"0"]))["id"] == 1


def test_a_duplicate_id_in_flight_is_refused_without_it() -> None:
    """An answer with that id would end the first request."""
    peer = Peer()
    peer.receive(message(id=1, method="first"))
    refusal_of_it = rejected(peer.receive(message(id=1, method="second")))
    assert isinstance(refusal_of_it.error, InvalidRequest)
    assert refusal_of_it.id is None
    assert peer.in_flight == {1: "first"}


@pytest.mark.parametrize("id", [True, False, None, 1.5, 1.0, [], {}])
def test_other_ids_are_refused_clearly(id: object) -> None:
    """Only integers and strings identify."""
    event = rejected(Peer().receive(message(id=id, method="m")))
    assert isinstance(event.error, InvalidRequest)
    assert "integer or a string" in event.error.message


@pytest.mark.parametrize(
    ("body", "error", "id"),
    [
        (b"null", InvalidRequest, None),
        (b"5", InvalidRequest, None),
        (b'"x"', InvalidRequest, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"m"}]', InvalidRequest, None),
        (b"{}", InvalidRequest, None),
        (b'{"jsonrpc":"2.0"}', InvalidRequest, None),
        (b'{"jsonrpc":"2.0","id":4}', InvalidRequest, 4),
        (b'{"jsonrpc":"1.0","id":4,"method":"m"}', InvalidRequest, 4),
        (b'{"id":"4","method":"m"}', InvalidRequest, "4"),
        (b'{"jsonrpc":"2.0","id":4,"method":5}', InvalidRequest, 4),
        (b'{"jsonrpc":"2.0","id":4,"method":null}', InvalidRequest, 4),
        (b'{"jsonrpc":"2.0","id":4,"method":"m"', ParseFailed, None),
        (b"{nonsense}", ParseFailed, None),
        (b"", ParseFailed, None),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"m"}', ParseFailed, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ParseFailed, None),
        (b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":null}}', InvalidRequest, None),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, error: type[Exception], id: object) -> None:
    """With the right code, and the id wherever there is one that is free."""
    event = rejected(Peer().receive(body))
    assert (type(event.error), event.id) == (error, id)


def test_batch_arrays_point_to_our_batch() -> None:
    """JSON-RPC batches are -32600."""
    assert "sidecar/batch" in rejected(Peer().receive(b"[]")).error.hint


def test_a_malformed_message_does_not_answer_a_request_in_flight() -> None:
    """Its id is in use, so the refusal has none."""
    peer = Peer()
    peer.receive(message(id=1, method="m"))
    assert rejected(peer.receive(b'{"jsonrpc":"2.0","id":1,"method":[]}')).id is None


def test_a_cancel_names_a_request_in_flight() -> None:
    """The request is still owed its answer; a late or unknown cancel is dropped."""
    peer = Peer()
    peer.receive(message(id=1, method="m"))
    assert peer.receive(message(method="$/cancelRequest", params={"id": 1})) == Cancel(1)
    assert peer.result(1, [b"1"])
    assert peer.receive(message(method="$/cancelRequest", params={"id": 1})) == Dropped("lateCancel")
    assert peer.receive(message(method="$/cancelRequest", params={"id": "x"})) == Dropped("lateCancel")


def test_a_notification_keeps_its_whole_body() -> None:
    """A document sync's text is cut out of it later."""
    body = message(method="textDocument/didOpen", params=[])
    event = Peer().receive(body)
    assert isinstance(event, Notification)
    assert (event.method, bytes(event.params), event.body) == ("textDocument/didOpen", b"[]", body)


def test_no_params_are_no_member() -> None:
    """LSP's `void`: TypeScript 7's server refuses `null` there."""
    peer = Peer()
    assert json.loads(peer.request("shutdown", b"")[1]) == {"jsonrpc": "2.0", "id": 1, "method": "shutdown"}
    assert json.loads(peer.notify("exit", b"")) == {"jsonrpc": "2.0", "method": "exit"}


def test_our_requests_get_their_replies() -> None:
    """Matched by id, once; results, errors and null results."""
    peer = Peer()
    ids = []
    for _ in range(3):
        id, body = peer.request("m/n", b'{"a":1}')
        assert json.loads(body) == {"jsonrpc": "2.0", "id": id, "method": "m/n", "params": {"a": 1}}
        ids.append(id)
    one, two, three = (
        peer.receive(message(id=ids[0], result=[1])),
        peer.receive(message(id=ids[1], error={"code": 1, "message": ""})),
        peer.receive(message(id=ids[2], result=None, error=None)),
    )
    assert isinstance(one, Reply) and isinstance(two, Reply) and isinstance(three, Reply)
    assert (one.method, bytes(one.result), one.error) == ("m/n", b"[1]", None)
    assert two.error is not None and json.loads(bytes(two.error))["code"] == 1
    assert (bytes(three.result), three.error) == (b"null", None)


def test_late_foreign_and_idless_replies_are_dropped() -> None:
    """A language server that answers twice, late or to null costs nothing."""
    peer = Peer()
    id, _ = peer.request("m", b"null")
    assert isinstance(peer.receive(message(id=id, result=1)), Reply)
    assert peer.receive(message(id=id, result=1)) == Dropped("unknownReply")
    assert peer.receive(message(id="foreign", result=1)) == Dropped("unknownReply")
    assert peer.receive(message(id=None, error={"code": -32700, "message": ""})) == Dropped("nullIdReply")
    forgotten, _ = peer.request("m", b"null")
    assert peer.forget(forgotten)
    assert not peer.forget(forgotten)
    assert peer.receive(message(id=forgotten, result=1)) == Dropped("unknownReply")


def test_the_ledgers_are_bounded() -> None:
    """A client with too much in flight is told to wait, and its request is not accepted."""
    peer = Peer(limit=2)
    for id in (1, 2):
        peer.receive(message(id=id, method="m"))
    event = rejected(peer.receive(message(id=3, method="m")))
    assert isinstance(event.error, Overloaded)
    assert event.id == 3
    peer.result(1, [b"0"])
    assert isinstance(peer.receive(message(id=3, method="m")), Request)


def test_only_a_document_sync_may_pass_the_limit() -> None:
    """A frame that only looked like one is refused before anything is decoded."""
    text = "textDocument/didOpen" + "x" * MAX_BODY
    assert isinstance(rejected(Peer().receive(message(id=1, method="m", params=text))).error, FrameTooLarge)
    assert isinstance(Peer().receive(message(method="textDocument/didOpen", params=text)), Notification)


def test_notify_is_a_message_without_an_id() -> None:
    """Method names of any characters."""
    assert json.loads(Peer().notify('a/"b', b"[1]")) == {"jsonrpc": "2.0", "method": 'a/"b', "params": [1]}


def test_a_refusal_has_a_null_id() -> None:
    """Unless it is given one."""
    assert read(refusal({"code": 1, "message": ""}))["id"] is None
    assert read(refusal({"code": 1, "message": ""}, "x"))["id"] == "x"
