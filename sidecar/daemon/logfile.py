"""The daemon's log file: written by a thread of its own, so that no log line ever waits for a disk on the loop.

Mode 0600, rotated, and what looks like a secret is replaced before it is written (field-notes 7.7). Never more than
`(BACKUPS + 1) * MAX_BYTES` on disk.
"""

from __future__ import annotations

import copy
import logging
import logging.handlers
import os
import queue
import re
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import Literal

MAX_BYTES = 5 << 20
BACKUPS = 3
MAX_QUEUED = 10_000
"""Records that may wait for the disk; more are dropped and counted, as a full disk must not fill our memory."""
MAX_MESSAGE = 16_384
"""Characters of one record, its traceback included; a frame or a reply that got into a message is not logged whole."""
FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"

_SECRET_NAMES = "token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization|cookie"
# No unbounded run of word characters before a fixed text: on a long word that takes quadratic time, with the GIL held.
_SECRETS = re.compile(
    rf"""(?ix)
    (?P<flag> --[\w-]{{0,64}}?(?:{_SECRET_NAMES})[\w-]{{0,64}} \s+ ) [^\s"',;-][^\s"',;]*
  | (?P<name> (?:{_SECRET_NAMES})[\w-]{{0,64}} ["']? \s* [=:] \s* ["']? (?:bearer\s+|basic\s+)? ) [^\s"',;&}}\])]+
  | \b(?: sk-[\w-]{{16,}} | gh[pousr]_\w{{20,}} | github_pat_\w{{20,}} | xox[abprs]-[\w-]{{10,}} | AKIA[0-9A-Z]{{16}} )
  | \b eyJ[\w-]{{10,}} \. [\w-]{{10,}} \. [\w-]{{5,}}
  | (?P<scheme> \b[a-z][\w+.-]{{0,30}}://[^\s/:@]{{1,256}}: ) [^\s/@]+ (?=@)
    """
)


def path(state_dir: str | Path) -> Path:
    """Where the log is; older parts are beside it with `.1` to `.3` behind the name."""
    return Path(state_dir) / "logs" / "daemon.log"


def redacted(text: str) -> str:
    """`text` with the values of what looks like secrets replaced by `***`; names stay, so that the line can be understood."""
    return _SECRETS.sub(lambda found: (found["flag"] or found["name"] or found["scheme"] or "") + "***", text)


class Listener:
    """The thread that writes the log file. Made by `configure`, ended by `stop`."""

    def __init__(self, file: logging.Handler, level: int) -> None:
        self._file = file
        self._queue: queue.Queue[logging.LogRecord] = queue.Queue(MAX_QUEUED)
        self._handler = _Queueing(self._queue)
        self._thread = logging.handlers.QueueListener(self._queue, file)
        self._level = level

    @property
    def dropped(self) -> int:
        """Records that found the queue full."""
        return self._handler.dropped

    def start(self) -> None:
        """Send the root logger's records here."""
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(self._level)
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, end the thread and close the file; safe to call twice."""
        root = logging.getLogger()
        if self._handler not in root.handlers:
            return
        root.removeHandler(self._handler)
        self._thread.stop()
        self._file.close()


class _Queueing(logging.handlers.QueueHandler):
    """Formats at once, as arguments may change later; never waits."""

    def __init__(self, into: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(into)
        self.dropped = 0
        self.setFormatter(logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S"))

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record with nothing but its finished text; source lines of a traceback are read by the writing thread."""
        plain = copy.copy(record)
        plain.exc_info = plain.exc_text = None
        trace = traceback.TracebackException(*record.exc_info, lookup_lines=False) if record.exc_info and record.exc_info[0] else None
        text = self.format(plain)[:MAX_MESSAGE]
        return logging.makeLogRecord({"name": record.name, "levelno": record.levelno, "levelname": record.levelname, "msg": text, "trace": trace})

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue it, or drop it."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Redacting(logging.Formatter):
    """Replaces secrets, in the writing thread."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished text without secrets."""
        trace: traceback.TracebackException | None = getattr(record, "trace", None)
        text = record.getMessage() if trace is None else (record.getMessage() + "\n" + "".join(trace.format())).rstrip()
        return redacted(text[:MAX_MESSAGE])


class _PrivateRotating(logging.handlers.RotatingFileHandler):
    """Every part is 0600 from its first byte on; a log that cannot be written (a full disk) is silent, not a traceback on stderr."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(descriptor, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record."""


Level = Literal["debug", "info", "warning", "error"]


def configure(state_dir: str | Path, level: Level) -> Listener:
    """Send all log records of this process to the log file, from a thread.

    Args:
        state_dir: the state folder; `logs/` is made in it.
        level: the least severe level that is written.
    """
    name = path(state_dir)
    name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _PrivateRotating(name, maxBytes=MAX_BYTES, backupCount=BACKUPS, delay=True)
    file.setFormatter(_Redacting())
    listener = Listener(file, logging.getLevelNamesMapping()[level.upper()])
    listener.start()
    return listener
