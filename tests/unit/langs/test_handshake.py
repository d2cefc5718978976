"""`initialize` with a language server."""

from __future__ import annotations

import json
import os

import msgspec
import pytest

from sidecar.engine.spec import PositionEncoding
from sidecar.langs.handshake import Server, params, understood
from sidecar.langs.servers import ROWS, Dialect, Row

ROW = Row("x", ("x",), {}, (), initialization={"a": 1})


def test_it_names_the_root_and_every_encoding() -> None:
    """As a URI, a path and a folder."""
    said = json.loads(params(ROW, "/p/a b"))
    assert (said["rootUri"], said["rootPath"], said["workspaceFolders"]) == ("file:///p/a%20b", "/p/a b", [{"uri": "file:///p/a%20b", "name": "a%20b"}])
    assert said["capabilities"]["general"]["positionEncodings"] == ["utf-8", "utf-16", "utf-32"]
    assert said["initializationOptions"] == {"a": 1}
    assert said["processId"] == os.getpid()


def test_rust_analyzers_status_is_asked_for_where_it_is_understood() -> None:
    """Only in its dialect."""
    row = Row("r", ("r",), {}, (), dialect=Dialect.SERVER_STATUS)
    assert json.loads(params(row, "/p"))["capabilities"]["experimental"] == {"serverStatusNotification": True}
    assert "experimental" not in json.loads(params(ROWS[0], "/p"))["capabilities"]


def test_a_root_that_is_no_utf_8_is_still_json() -> None:
    """Its URI keeps the bytes."""
    said = json.loads(params(ROW, "/p\udcff"))
    assert said["rootUri"] == "file:///p%FF"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"capabilities": {"hoverProvider": True, "positionEncoding": "utf-8"}}, Server(PositionEncoding.UTF8, True, "")),
        ({"capabilities": {"hoverProvider": {}}, "serverInfo": {"name": "x", "version": "1.2"}}, Server(PositionEncoding.UTF16, True, "1.2")),
        # gopls tells its whole build information.
        ({"capabilities": {"hoverProvider": True}, "serverInfo": {"version": '{"Main":{"Version":"v0.21.1"},"Deps":[]}'}}, Server(version="v0.21.1")),
        ({"capabilities": {"hoverProvider": True}, "serverInfo": {"version": "v" * 1000}}, Server(version="v" * 100)),
        ({"capabilities": {"hoverProvider": {"workDoneProgress": True}}}, Server(PositionEncoding.UTF16, True, "")),
        ({"capabilities": {"hoverProvider": False}}, Server(PositionEncoding.UTF16, False, "")),
        ({"capabilities": {}}, Server(PositionEncoding.UTF16, False, "")),
        (None, Server()),
        ({"capabilities": {"positionEncoding": "utf-7"}}, Server()),
    ],
)
def test_what_it_says_is_understood(result: object, expected: Server) -> None:
    """Without an encoding utf-16 holds; nonsense leaves the defaults."""
    assert understood(msgspec.Raw(json.dumps(result).encode())) == expected
