"""What a starter hears, and what the daemon leaves behind of its starter's world."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sidecar.daemon.startup import VARIABLE, StartupPipe, begin
from sidecar.errors import Failed
from tests.support.daemon import PROJECT

# A process that begins as the daemon does, then tells about itself over the pipe in place of `ready`.
BEGINNER = """
import json, os
cwd, parent = os.getcwd(), os.getpid()
from sidecar.daemon import startup
from sidecar.errors import Failed
pipe = startup.begin(os.environ)
opened = sorted(int(name) for name in os.listdir("/proc/self/fd"))
facts = {"cwd": os.getcwd(), "forked": os.getpid() != parent, "variable": startup.VARIABLE in os.environ, "fds": opened}
pipe.failed(Failed(json.dumps(facts)))
"""


@pytest.fixture
def pipe() -> tuple[int, StartupPipe]:
    """The reading end, and the daemon's side."""
    reading, writing = os.pipe()
    return reading, StartupPipe(writing)


def said(reading: int) -> bytes:
    """Everything up to the end."""
    with open(reading, "rb") as file:
        return file.read()


def test_ready_is_one_line_and_the_end(pipe: tuple[int, StartupPipe]) -> None:
    """The starter reads to the line's end; the closed pipe says that nothing follows."""
    pipe[1].ready()
    assert said(pipe[0]) == b"ready\n"
    assert not pipe[1].has_starter


def test_an_error_is_one_line_of_json(pipe: tuple[int, StartupPipe]) -> None:
    """As on the socket: code, message, kind and hint."""
    pipe[1].failed(Failed("no room", hint="Make some.", path="/x"))
    assert json.loads(said(pipe[0])) == {"error": {"code": -32803, "message": "no room", "data": {"kind": "failed", "hint": "Make some.", "path": "/x"}}}


def test_only_the_first_word_is_said(pipe: tuple[int, StartupPipe]) -> None:
    """An error after ready belongs into the log, not to a starter that has gone on."""
    pipe[1].ready()
    pipe[1].failed(Failed("late"))
    assert said(pipe[0]) == b"ready\n"


def test_a_starter_that_has_died_harms_nobody(pipe: tuple[int, StartupPipe]) -> None:
    """The next client finds the socket."""
    os.close(pipe[0])
    pipe[1].ready()


def test_without_a_starter_nothing_happens() -> None:
    """`sidecar run` in a terminal stays in its folder and in the foreground."""
    env: dict[str, str] = {}
    before = os.getcwd()
    pipe = begin(env)
    pipe.ready()
    assert (pipe.has_starter, os.getcwd()) == (False, before)


def test_with_a_starter_the_daemon_leaves_its_world() -> None:
    """It forks, goes to `/`, closes stray descriptors, and its children will not see the variable."""
    reading, writing = os.pipe()
    stray = os.dup(reading)
    with subprocess.Popen(
        [sys.executable, "-c", BEGINNER], cwd=PROJECT, env={**os.environ, VARIABLE: str(writing)}, pass_fds=(writing, stray), start_new_session=True
    ) as process:
        os.close(writing)
        os.close(stray)
        facts = json.loads(json.loads(said(reading))["error"]["message"])
        assert process.wait() == 0
    assert (facts["cwd"], facts["forked"], facts["variable"]) == ("/", True, False)
    assert [fd for fd in facts["fds"] if fd > 2 and fd != writing][1:] == [], "only the listing's own descriptor"
