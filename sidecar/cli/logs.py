"""`sidecar logs`: the end of the daemon's log file, and with -f what is added. Starts no daemon."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import BinaryIO

from sidecar.cli import entry, output
from sidecar.client import address
from sidecar.daemon import logfile

HELP = "print the daemon's log"
POLL_S = 0.25
"""How often a followed file is looked at: no watch descriptors, and a person does not see the difference."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is added, until interrupted")
    parser.add_argument("-n", "--lines", type=int, default=200, metavar="N", help="how many of the last lines (default: %(default)s)")
    parser.add_argument("--path", action="store_true", help="print only where the log is")


def run(follow: bool = False, lines: int = 200, path: bool = False) -> int:
    """Print the log; 1 when there is none."""
    name = str(logfile.path(address.state_dir()))
    if path:
        output.write(f"{name}\n")
        return entry.DONE
    if not follow and not os.path.exists(name):
        entry.explain(f"there is no log at {name}", "A daemon writes it once it runs: sidecar start.")
        return entry.NOTHING
    for data in _followed(name, lines) if follow else [_last_lines(name, lines)]:
        output.write_bytes(data)
        output.flush()
    return entry.DONE


def _last_lines(name: str, lines: int) -> bytes:
    try:
        with open(name, "rb") as file:
            return b"".join(file.readlines()[-lines:] if lines > 0 else [])
    except FileNotFoundError:
        return b""


def _followed(name: str, lines: int) -> Iterator[bytes]:
    """The last lines, then what is added; goes over to the new file when the log is rotated."""
    file = _open(name)
    if file is not None:
        yield b"".join(file.readlines()[-lines:] if lines > 0 else file.readlines()[:0])
    while True:
        if file is not None and (data := file.read()):
            yield data
            continue
        if file is None or _rotated(file, name):
            newer = _open(name)
            if newer is not None:
                if file is not None:
                    file.close()
                file = newer
                continue
        time.sleep(POLL_S)


def _open(name: str) -> BinaryIO | None:
    try:
        return open(name, "rb")
    except FileNotFoundError:
        return None


def _rotated(file: BinaryIO, name: str) -> bool:
    try:
        return os.stat(name).st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
