"""The page of `sidecar status --watch`."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from sidecar.cli import page

HELLO = {"pid": 7, "socket": "/r/daemon.sock", "server": {"version": "1.2.3"}}
STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "uptimeS": 3723.4,
    "memory": {"rssBytes": 33 << 20},
    "openFiles": 24,
    "openFilesLimit": {"soft": 8192, "hard": 20_000},
    "threads": 9,
    "cpuS": 1.25,
    "inFlight": 3,
    "sessions": 2,
    "clients": [{"id": "c1", "name": "nvim", "pid": 5, "root": "/p", "readOnly": False, "queuedBytes": 4096}],
    "lanes": [{"name": "search", "running": 4, "limit": 4, "queued": 2, "rejected": 3}],
    "loopLag": {"p50": 0.1, "p99": 2.0, "p999": 3.0, "max": 4.0, "worst": []},
    "servers": [{"name": "ty", "version": "0.1", "readiness": "ready", "running": True, "pid": 9, "root": "/p", "inFlight": 1}],
    "processes": {"count": 1, "pids": [9]},
}


def shown(status: dict[str, Any], *, height: int = 40, width: int = 100, trouble: str = "") -> str:
    """The page as text."""
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(page.page(status, HELLO, height=height, trouble=trouble))
    return capture.get()


@pytest.mark.parametrize(
    "part",
    [
        "pid 7",
        "version 1.2.3",
        "up 1:02:03",
        "33 MiB",
        "24 of 8192 files",
        "████████████ 4/4",
        "p99 2.0 ms",
        "nvim",
        "4 KiB",
        "ty 0.1",
        "ready",
        "processes 1  9",
    ],
)
def test_it_has_everything_at_one_glance(part: str) -> None:
    """Daemon, lanes, lag, clients, servers, processes."""
    assert part in shown(STATUS)


def test_a_daemon_that_tells_less_is_shown_with_what_it_tells() -> None:
    """Another version's status is no error."""
    assert "pid 7" in shown({"version": "0.0.1"})
    assert "no daemon" in shown({}, trouble="no daemon")


def test_a_page_never_is_longer_than_the_screen() -> None:
    """Lists are cut, and say how much is missing."""
    many = STATUS | {"clients": STATUS["clients"] * 300, "servers": STATUS["servers"] * 40}
    for height in (24, 40, 60):
        text = shown(many, height=height)
        assert len(text.splitlines()) <= height
        assert "more" in text and "clients 300" in text


def test_why_a_server_does_not_run_stands_in_its_row() -> None:
    """In place of its root."""
    assert "ended with 1" in shown(STATUS | {"servers": [{"name": "ty", "running": False, "readiness": "crashed", "lastError": "ended with 1"}]})


def test_control_characters_never_reach_the_terminal() -> None:
    """A client names itself."""
    assert page.clean("a\x1b[2Jb\n") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}"
