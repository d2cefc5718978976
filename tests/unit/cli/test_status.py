"""The status for people."""

from __future__ import annotations

from sidecar.cli import status

HELLO = {"pid": 7, "socket": "/r/daemon.sock"}


def test_it_is_one_aligned_row_for_each_thing() -> None:
    """Lanes, lag and servers at a glance."""
    shown = status.text(
        {
            "version": "1.2.3",
            "uptimeS": 3723.4,
            "memory": {"rssBytes": 33 << 20},
            "openFiles": 24,
            "clients": [{}, {}],
            "lanes": [{"name": "search", "running": 1, "limit": 4, "queued": 2, "rejected": 3}],
            "loopLag": {"p50": 0.1, "p99": 2.0, "p999": 3.0, "max": 4.0, "worst": []},
            "servers": [{"name": "basedpyright", "readiness": "ready", "pid": 9, "root": "/p"}],
        },
        HELLO,
    )
    assert shown.splitlines() == [
        "daemon               pid 7, version 1.2.3, /r/daemon.sock",
        "uptime               1:02:03",
        "memory               33 MiB, 24 open files",
        "clients              2",
        "lane search          1 of 4 running, 2 queued, 3 rejected",
        "loop lag             p50 0.1 ms, p99 2.0 ms, p999 3.0 ms, max 4.0 ms",
        "server basedpyright  ready, pid 9, /p",
    ]


def test_a_daemon_that_tells_less_is_shown_with_what_it_tells() -> None:
    """Another version's status is no error."""
    assert "pid 7" in status.text({}, HELLO)
