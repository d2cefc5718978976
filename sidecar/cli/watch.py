"""`sidecar status --watch`: asks once a second until the user ends it, and outlives the daemon. It never starts a second one.

The terminal is left as it was found, however the page ends: by Ctrl-C, q, TERM or an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from sidecar.cli import output
from sidecar.client import ndjson
from sidecar.errors import SidecarError

PERIOD_S = 1.0
ANSWER_S = 5.0
"""A daemon's status costs it milliseconds; one that is silent for so long is told to be."""


@dataclass(frozen=True, slots=True)
class View:
    """What was seen last: `trouble` says why it is not of now ("" = it is)."""

    status: dict[str, Any]
    hello: dict[str, Any]
    trouble: str = ""


class Feed:
    """The daemon's status, again and again. The first look may start a daemon as any client command does; no later one does."""

    def __init__(self) -> None:
        self._client: ndjson.Client | None = None
        self._last = View({}, {})

    def look(self) -> View:
        """The status of now, or the last one and why there is no newer.

        Raises:
            SidecarError: there was no daemon to begin with.
        """
        try:
            self._client = self._client or ndjson.connect(start=not self._last.hello)
            status = self._client.request("sidecar/status", timeout_s=ANSWER_S)
        except SidecarError as error:
            self.close()
            if not self._last.hello:
                raise
            return View(self._last.status, self._last.hello, f"{error.message}; trying again")
        self._last = View(status, self._client.hello)
        return self._last

    def close(self) -> None:
        """End the connection; the next look makes a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None


def watch(text: Callable[[dict[str, Any], dict[str, Any]], str], *, as_json: bool) -> int:
    """Show it until interrupted, which is the user's own end of it: 0.

    Args:
        text: the status for people, as one plain page.
        as_json: print each status as one line of JSON.
    """
    feed = Feed()
    try:
        if as_json or not _is_screen():
            _print(feed, text, as_json=as_json)
        _show(feed)
    except KeyboardInterrupt:
        return 0
    finally:
        feed.close()
    return 0


def _is_screen() -> bool:
    return output.on_terminal() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def _print(feed: Feed, text: Callable[[dict[str, Any], dict[str, Any]], str], *, as_json: bool) -> NoReturn:
    """For a pipe: a plain page (or a line of JSON) a second, pages parted by an empty line."""
    while True:
        view = feed.look()
        if view.trouble:
            sys.stderr.write(f"sidecar: {view.trouble}\n")
        elif as_json:
            output.write(json.dumps(view.status, ensure_ascii=False, separators=(",", ":")) + "\n")
        else:
            output.write(text(view.status, view.hello) + "\n")
        output.flush()
        time.sleep(PERIOD_S)


def _show(feed: Feed) -> None:
    """For a person: one page that is written over in place, on the terminal's other screen."""
    from rich.console import Console
    from rich.live import Live

    from sidecar.cli.page import page

    view = feed.look()  # whoever cannot even begin is told so on the screen that stays
    console = Console(file=sys.stdout)
    with _quiet_keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(page(view.status, view.hello, height=console.height, trouble=view.trouble), refresh=True)
            if _quits(PERIOD_S):
                return
            view = feed.look()


@contextlib.contextmanager
def _quiet_keys() -> Iterator[None]:
    """Keys are neither echoed onto the page nor kept back until a line's end; TERM ends the page properly."""
    signal.signal(signal.SIGTERM, _leave)
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    try:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def _quits(wait_s: float) -> bool:
    """Whether q was pressed within so many seconds; other keys do nothing."""
    if not sys.stdin.isatty():
        time.sleep(wait_s)
        return False
    ends_at = time.monotonic() + wait_s
    while (left_s := ends_at - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left_s)[0]:
            keys = os.read(sys.stdin.fileno(), 64)
            if b"q" in keys or not keys:
                return True
    return False
