"""`sidecar call`: what it sends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_entry import PROJECT, sidecar


@pytest.fixture
def listener(short_tmp: Path) -> Iterator[socket.socket]:
    """A daemon of our own that says only what the test wants."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short_tmp / "d.sock"))
        server.listen(1)
        server.settimeout(30)
        yield server


def sent(listener: socket.socket, words: list[str], stdin: bytes = b"") -> list[dict[str, Any]]:
    """The messages that a call sends, each answered with an empty result."""
    env = {"SIDECAR_SOCKET": listener.getsockname(), "PYTHONPATH": str(PROJECT)}
    messages = []
    with subprocess.Popen([sys.executable, "-m", "sidecar", "call", *words], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(stdin)
        child.stdin.close()
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as lines:
            for line in lines:
                messages.append(json.loads(line))
                lines.write(json.dumps({"jsonrpc": "2.0", "id": messages[-1]["id"], "result": {}}).encode() + b"\n")
                lines.flush()
        assert child.stdout.read() == b"{}\n"
        assert child.wait(30) == 0
    return messages


def test_the_params_are_sent_as_they_are(listener: socket.socket) -> None:
    """Behind a hello that names no root for a method that needs none."""
    hello, call = sent(listener, ["x/y", '{"a": [1, null]}'])
    assert "root" not in hello["params"]
    assert (call["method"], call["params"]) == ("x/y", {"a": [1, None]})


def test_params_can_come_from_stdin(listener: socket.socket) -> None:
    """- for what is too long for a command line."""
    assert sent(listener, ["x/y", "-"], b'{"a": 1}')[1]["params"] == {"a": 1}


@pytest.mark.parametrize(("params", "root"), [("{}", "/"), ('{"root": "/tmp"}', None)])
def test_the_current_folder_is_the_root_where_one_is_needed_and_none_is_named(listener: socket.socket, params: str, root: str | None) -> None:
    """A named root is the user's own business."""
    assert sent(listener, ["sidecar/grep", params])[0]["params"].get("root") == root


def test_params_that_are_no_object_are_refused_before_anything_is_started() -> None:
    """With an example for the shell."""
    done = sidecar("call", "x/y", "3", env={"SIDECAR_SOCKET": "/nonexistent/d.sock"})
    assert done.returncode == 2
    assert "the params must be a JSON object" in done.stderr
