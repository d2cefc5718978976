"""`sidecar status --watch`: a live page on a real terminal with a real daemon, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.daemon import PROJECT, Daemon, DaemonFactory
from tests.support.screen import Screen
from tests.support.waiting import PATIENCE_S

WATCH = (sys.executable, "-m", "sidecar", "status", "--watch")
OTHER_SCREEN, OWN_SCREEN, SHOWN_CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"
CLEARED = b"\x1b[2J"

ENDS: dict[str, tuple[Callable[[Screen], None], int]] = {
    "Ctrl-C": (lambda screen: screen.press(b"\x03"), 0),
    "q": (lambda screen: screen.press(b"q"), 0),
    "TERM": (lambda screen: screen.signal(signal.SIGTERM), 143),
}


@pytest.mark.parametrize("how", list(ENDS))
def test_the_page_is_live_and_leaves_the_terminal_as_it_was(daemon: Daemon, how: str) -> None:
    """Lanes, lag, clients, servers, memory and processes; written over in place, on the other screen; echo is back afterwards."""
    end, code = ENDS[how]
    with Screen(WATCH, cwd=PROJECT, env=daemon.env) as screen:
        first = screen.wait_for(b"processes")
        for part in (OTHER_SCREEN, b"pid %d" % daemon.pid, b"MiB", b"interactive", b"search", b"loop lag", b"clients 1", b"servers 0"):
            assert part in screen.said, part
        screen.wait_for(b"processes", after=first)
        assert CLEARED not in screen.said[first:], "clearing before writing is what flickers"
        screen.press(b"xyz")
        assert screen.mode() != screen.before
        end(screen)
        assert screen.ended() == code
        assert screen.said.rindex(OWN_SCREEN) > screen.said.rindex(OTHER_SCREEN)
        assert screen.said.rstrip().endswith((OWN_SCREEN, SHOWN_CURSOR))
        assert SHOWN_CURSOR in screen.said
        assert screen.mode() == screen.before
        assert b"xyz" not in screen.said and b"Traceback" not in screen.said


def test_the_page_survives_a_restart_of_the_daemon(make_daemon: DaemonFactory) -> None:
    """It says that nobody answers, and then shows the new one; it never starts one itself."""
    daemon = make_daemon(env={"SIDECAR_NO_AUTOSTART": "0"}).start()
    with Screen(WATCH, cwd=PROJECT, env=daemon.env) as screen:
        screen.wait_for(b"pid %d" % daemon.pid)
        daemon.stop()
        gone = screen.wait_for(b"trying again")
        screen.wait_for(b"no daemon listens", after=gone)
        daemon.start()
        screen.wait_for(b"pid %d" % daemon.pid)
        screen.press(b"q")
        assert screen.ended() == 0


def test_a_name_that_a_client_gave_itself_does_nothing_to_the_terminal(daemon: Daemon) -> None:
    """Control characters are shown as what they are not."""
    with daemon._session() as ask:
        ask("sidecar/hello", {"client": {"name": "evil\x1b]0;title\x07", "version": "1"}})
        with Screen(WATCH, cwd=PROJECT, env=daemon.env) as screen:
            screen.wait_for("evil\N{REPLACEMENT CHARACTER}]0;".encode())
            assert b"\x1b]0;" not in screen.said
            screen.press(b"q")
            assert screen.ended() == 0


@pytest.mark.parametrize("as_json", [False, True])
def test_a_pipe_gets_a_plain_page_a_second(daemon: Daemon, as_json: bool) -> None:
    """Without a terminal's codes; SIGINT ends it with 0."""
    words = [*WATCH, *(["--json"] if as_json else [])]
    with subprocess.Popen(words, cwd=PROJECT, env=daemon.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        pages = [_page(child.stdout.readline, as_json=as_json) for _ in range(2)]
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE_S) == 0
        assert child.stderr.read() == b""
    assert all(b"\x1b" not in page for page in pages)
    if as_json:
        assert [json.loads(page)["pid"] for page in pages] == [daemon.pid] * 2
    else:
        assert all(b"pid %d" % daemon.pid in page and b"lane search" in page for page in pages)


def _page(line: Callable[[], bytes], *, as_json: bool) -> bytes:
    return line() if as_json else b"".join(iter(line, b"\n"))


def test_nobody_to_watch_is_an_error_on_the_screen_that_stays(make_daemon: DaemonFactory) -> None:
    """Exit 2 with message and hint, as any command; the other screen is never entered."""
    daemon = make_daemon()
    with Screen(WATCH, cwd=PROJECT, env=daemon.env) as screen:
        assert screen.ended() == 2
        assert b"no daemon listens at" in screen.said and OTHER_SCREEN not in screen.said
        assert screen.mode() == screen.before
