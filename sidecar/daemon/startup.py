"""The daemon's side of being started: leave the starter's world, and say `ready` or the reason why not (field-notes 4.4, 4.6).

It knows nothing of sockets and locks. Call `begin` before threads, loops and heavy imports: it forks.
"""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from contextlib import suppress

from sidecar.errors import SidecarError

VARIABLE = "SIDECAR_STARTUP_FD"


class StartupPipe:
    """Says exactly one thing to the starter, if there is one: ready, or an error."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    @property
    def has_starter(self) -> bool:
        """Whether somebody waits at the other end: an autostarted daemon, not one in the foreground."""
        return self._fd is not None

    def ready(self) -> None:
        """The socket is published."""
        self._say(b"ready\n")

    def failed(self, error: SidecarError) -> None:
        """The daemon will not start, because of `error`; the starter raises it with its hint."""
        self._say(json.dumps({"error": error.as_object()}, default=str).encode() + b"\n")

    def _say(self, line: bytes) -> None:
        if self._fd is None:
            return
        with suppress(BrokenPipeError):  # the starter has been killed; whoever comes next finds the socket
            os.write(self._fd, line)
        os.close(self._fd)
        self._fd = None


def begin(env: MutableMapping[str, str]) -> StartupPipe:
    """Take the start-up pipe out of `env`; if there is one, leave the starter's working folder, descriptors and parenthood.

    Args:
        env: usually `os.environ`; the variable is removed, so that no child of ours inherits it.
    """
    value = env.pop(VARIABLE, "")
    if not value.isdecimal():
        return StartupPipe(None)
    fd = int(value)
    if os.fork():
        os._exit(0)  # the daemon's parent is init, not an editor's bridge that would keep it as a zombie
    os.chdir("/")
    os.set_inheritable(fd, False)
    _close_strays(keep=fd)
    return StartupPipe(fd)


def _close_strays(keep: int) -> None:
    """Close what a starter's own parent left open: a shell's pipe that stays open keeps its reader waiting for ever (field-notes 4.6)."""
    for name in os.listdir("/dev/fd"):
        fd = int(name)
        if fd > 2 and fd != keep:
            with suppress(OSError):  # the descriptor of the listing itself, closed by now
                os.close(fd)
