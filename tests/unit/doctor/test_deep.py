"""Whether a language server really starts."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest

from sidecar.doctor import deep

ENV = {"PATH": os.environ["PATH"]}


def server(folder: Path, answer: str) -> list[str]:
    """A program that reads one LSP message, then runs `answer`."""
    path = folder / "server.py"
    path.write_text(
        textwrap.dedent("""\
        import sys, json
        def read():
            length = 0
            while (line := sys.stdin.buffer.readline().strip()):
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            return json.loads(sys.stdin.buffer.read(length))
        def write(value):
            body = json.dumps(value).encode()
            sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
            sys.stdout.buffer.flush()
        asked = read()
        """)
        + textwrap.dedent(answer)
    )
    return [sys.executable, str(path)]


def test_a_server_that_answers_has_its_version(tmp_path: Path) -> None:
    """Messages of its own before the answer do not count."""
    answer = """
    write({"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 3, "message": "hi"}})
    write({"jsonrpc": "2.0", "id": asked["id"], "result": {"capabilities": {}, "serverInfo": {"name": "x", "version": "1.2"}}})
    """
    assert deep.server_version(server(tmp_path, answer), ENV) == ("1.2", "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("sys.exit(1)", "it ended during `initialize`"),
        ("read()", "it did not answer `initialize` in time"),
        ("print('Usage: server [options]\\n', flush=True); read()", "its output is no LSP"),
        ('write({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no licence"}}); read()', "it refused `initialize`: no licence"),
    ],
)
def test_a_server_that_does_not_answer_says_why(tmp_path: Path, answer: str, why: str) -> None:
    """Dead, silent, no language server at all, or unwilling."""
    version, said = deep.server_version(server(tmp_path, answer), ENV, answer_s=1.0)
    assert version == ""
    assert said.startswith(why), json.dumps(said)


def test_a_server_that_floods_stderr_still_answers(tmp_path: Path) -> None:
    """Its pipe is drained; what it said last is the reason if it dies."""
    flood = "sys.stderr.write('x' * 1_000_000 + '\\n'); sys.stderr.write('fatal error: no licence\\nbye\\n'); sys.stderr.flush()\n"
    answer = 'write({"jsonrpc": "2.0", "id": asked["id"], "result": {"serverInfo": {"name": "x", "version": "3"}}})\n'
    assert deep.server_version(server(tmp_path, flood + answer), ENV) == ("3", "")
    assert deep.server_version(server(tmp_path, flood), ENV) == ("", "it ended during `initialize`; it said: fatal error: no licence")


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    """The system's own words."""
    assert deep.server_version([str(tmp_path / "missing")], ENV) == ("", "No such file or directory")
