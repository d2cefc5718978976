"""The run-time audit of features C1: in a daemon under test, every blocking call on a running loop's thread is written down with its stack.

It watches through `sys.addaudithook`, so nothing of the daemon is replaced. It never prevents a call.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

LOG_VARIABLE = "SIDECAR_TEST_AUDIT"

# Events of https://docs.python.org/3.11/library/audit_events.html that can wait for a disk, a process or a peer.
BLOCKING = frozenset(
    {
        "open",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.listdir",
        "os.posix_spawn",
        "os.scandir",
        "os.spawn",
        "os.system",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
        "time.sleep",
        "urllib.Request",
    }
)
# These never touch a disk: /proc is the kernel's memory, /dev/null nothing at all.
_HARMLESS = ("/proc/self/", "/dev/null")


class Audit:
    """Watches from the moment the socket is published: what comes before serves nobody yet.

    Args:
        log_fd: where violations are written.
        socket_path: renaming anything onto it is the moment of publication (design 3.2).
    """

    def __init__(self, log_fd: int, socket_path: str) -> None:
        self._log_fd = log_fd
        self._socket_path = socket_path
        self.armed = False
        self._writing = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """The hook itself; it runs at every audit event of the process, so the common case comes first."""
        if event not in BLOCKING and not event.startswith("shutil."):
            if event == "os.rename" and os.fspath(args[1]) == self._socket_path:
                self.armed = True
            return
        if self.armed and not self._writing and asyncio._get_running_loop() is not None and not _harmless(event, args):
            self._write(event, args)

    def _write(self, event: str, args: tuple[Any, ...]) -> None:
        self._writing = True
        try:
            lines = [f"BLOCKING {event} {str(args)[:300]}", *_stack(), ""]
            os.write(self._log_fd, "\n".join(lines).encode() + b"\n")
        finally:
            self._writing = False


def _harmless(event: str, args: tuple[Any, ...]) -> bool:
    if event == "time.sleep":
        return args[0] == 0
    return event == "open" and (isinstance(args[0], int) or os.fsdecode(args[0]).startswith(_HARMLESS))


def _stack() -> list[str]:
    # Not by `traceback`: it opens source files, on this very thread.
    lines, frame = [], sys._getframe(3)
    while frame is not None and len(lines) < 30:
        lines.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return lines


def install() -> Audit | None:
    """Watch this process from now on, if the environment names a file to write to."""
    path = os.environ.get(LOG_VARIABLE)
    if path is None:
        return None
    audit = Audit(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), os.environ.get("SIDECAR_SOCKET", ""))
    sys.addaudithook(audit)
    return audit
