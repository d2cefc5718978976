"""pygls as the sidecar uses it, without a socket."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from sidecar.daemon import lsp_protocol
from sidecar.daemon.connection import Connection
from sidecar.errors import InvalidParams


class Answers:
    """Stands where a connection stands: takes answers as bytes."""

    def __init__(self) -> None:
        self.results: dict[int | str, Any] = {}
        self.sent: list[Any] = []

    def reply(self, id: int | str, parts: list[bytes]) -> bool:
        """A result."""
        self.results[id] = json.loads(b"".join(parts))
        return True

    def fail_as(self, id: int | str, error: bytes) -> bool:
        """An error."""
        self.results[id] = json.loads(bytes(error))
        return True

    def send(self, parts: list[bytes]) -> None:
        """Anything else."""
        self.sent.append(json.loads(b"".join(parts)))


def opened() -> tuple[lsp_protocol.PyglsSession, Answers]:
    """A session that has been initialised, and what it answered."""
    answers = Answers()
    session = lsp_protocol.session(cast(Connection, answers))
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"processId": 1, "rootUri": "file:///r", "capabilities": {}}}
    session.initialize(session.structure(message), True, {"session": "s"})
    return session, answers


def test_initialize_is_answered_with_hello_inside() -> None:
    """The answer goes out by its id and carries what the host says about itself."""
    _, answers = opened()
    assert answers.results[1]["capabilities"]["experimental"] == {"sidecar": {"session": "s"}}
    assert answers.sent == []


def test_exit_does_not_end_the_process() -> None:
    """pygls raises SystemExit here (field-notes 2.2)."""
    session, answers = opened()
    session.handle({"jsonrpc": "2.0", "method": "exit"})
    assert answers.sent == []


def test_shutdown_is_answered_with_null() -> None:
    """JSON-RPC wants the member `result`, though it is null."""
    session, answers = opened()
    session.handle({"jsonrpc": "2.0", "id": 2, "method": "shutdown"})
    assert answers.results[2] is None


def test_wrong_params_are_named() -> None:
    """A message that lsprotocol cannot read is an InvalidParams of ours."""
    session, _ = opened()
    with pytest.raises(InvalidParams, match="initialize"):
        session.structure({"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": {"capabilities": 5}})


def test_a_session_shares_the_warm_converter() -> None:
    """A converter of its own would cost each connection 7.6 ms (field-notes 2.2)."""
    one, _ = opened()
    two, _ = opened()
    assert one._protocol._converter is two._protocol._converter


def test_folders_follow_their_notifications() -> None:
    """What pygls knows of the workspace is what the editor said last."""
    session, _ = opened()
    event = {"added": [{"uri": "file:///a", "name": "a"}], "removed": []}
    session.handle({"jsonrpc": "2.0", "method": "workspace/didChangeWorkspaceFolders", "params": {"event": event}})
    assert session.folders() == ["file:///a"]
