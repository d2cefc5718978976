"""A command on a real terminal: what it writes there, the keys it gets, and what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import PATIENCE_S, eventually_sync


class Screen:
    """A pseudo-terminal with one command on it, in a session of its own whose terminal it is.

    Attributes:
        said: every byte that came to the terminal.
    """

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], lines: int = 40, columns: int = 120) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = self.mode()
        self.said = b""
        takes_terminal = ["setsid", "--ctty", "--wait"]  # so that Ctrl-C typed here is SIGINT there
        self._child = subprocess.Popen(
            [*takes_terminal, *argv], cwd=cwd, env={**env, "TERM": "xterm-256color"}, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs
        )

    def mode(self) -> list[object]:
        """The terminal's settings: echo, line mode and the like."""
        return termios.tcgetattr(self._theirs)

    def read(self) -> bytes:
        """Everything until now."""
        while select.select([self._ours], [], [], 0)[0]:
            self.said += os.read(self._ours, 65536)
        return self.said

    def wait_for(self, text: bytes, after: int = 0) -> int:
        """Wait until this stands in what was said after so many bytes; how many bytes had come then."""
        eventually_sync(lambda: text in self.read()[after:], what=f"{text!r} on the screen; there is {self.said[after:]!r}")
        return len(self.said)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._ours, keys)

    def signal(self, number: signal.Signals) -> None:
        """To the command itself: setsid only forks where it leads a group, and here it does not."""
        self._child.send_signal(number)

    def ended(self) -> int:
        """Wait for the command's end: its exit code."""
        code = self._child.wait(PATIENCE_S)
        self.read()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._ours)  # hangs up on whatever still runs there
        os.close(self._theirs)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(5)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
