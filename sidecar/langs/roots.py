"""Which project a file belongs to, and what its text on disk is. Blocking: called in the hub's disk threads, never on the loop."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.errors import Forbidden, InvalidParams, NotFound, OutsideRoot, TooLarge

MAX_FILE = 15 << 20
"""Bytes of a file that is sent to a language server: with JSON's escapes it must fit a document sync (design 3.3)."""
NUL_PEEK = 8192
"""Bytes in which a NUL makes a file binary; ripgrep and git look about as far."""

YOUNG_NS = 50_000_000
"""Age of a change below which a stamp proves nothing: two writes within one tick of the kernel's clock (up to 10 ms) carry the same times."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What says that a file is still the same: device, inode, size, change of content and of metadata in nanoseconds (-1: too young to tell)."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def root_of(path: str, bound: str | None, markers: Sequence[str]) -> str:
    """The nearest folder above a file that holds a marker.

    Args:
        path: absolute path of the file.
        bound: the client's root: nothing above it is looked at if the file is below it, and it is the answer if no marker is found.
        markers: names of files or folders.
    """
    folder = os.path.dirname(path)
    inside = bound is not None and _below(path, bound)
    at = folder
    while at != "/":
        if any(os.path.lexists(os.path.join(at, name)) for name in markers):
            return at
        if inside and at == bound:
            return at
        at = os.path.dirname(at)
    return bound if bound is not None and inside else folder


def confined(path: str, roots: Sequence[str]) -> str:
    """The real path of a file that must stay inside one of `roots` (design 3.3).

    Raises:
        OutsideRoot: it leaves them, by its name or by a symlink.
    """
    real = os.path.realpath(path)
    if not any(_below(real, os.path.realpath(root)) for root in roots):
        raise OutsideRoot(f"{path} is in no root that the full socket has opened", hint="Open its project in an editor, or ask on the full socket.")
    return real


def read(path: str, known: Stamp | None = None) -> tuple[Stamp, str | None]:
    """A file's stamp and text; no text if it is still the one of `known`.

    Raises:
        NotFound, Forbidden: it is not there, or not readable.
        InvalidParams: a folder, a device, a FIFO, or binary.
        TooLarge: over `MAX_FILE` bytes.
    """
    try:
        # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{path} does not exist", hint="Check the path; relative ones count from the root.") from error
    except OSError as error:
        raise Forbidden(f"{path} cannot be read: {error.strerror}", hint="Check its permissions.") from error
    try:
        status = os.fstat(fd)
        _check(path, status)
        is_young = time.time_ns() - status.st_ctime_ns < YOUNG_NS
        stamp = Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, -1 if is_young else status.st_ctime_ns)
        if stamp == known and not is_young:
            return stamp, None
        with open(fd, "rb", closefd=False) as file:
            data = file.read(MAX_FILE + 1)
    finally:
        os.close(fd)
    return stamp, _decoded(path, data)


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidParams(f"path: expected a file, {path} is something else", hint="Name a regular file.")
    if status.st_size > MAX_FILE:
        raise TooLarge(f"{path} has {status.st_size} bytes; at most {MAX_FILE} are sent to a language server", hint="Ask about a smaller file.")


def _decoded(path: str, data: bytes) -> str:
    if len(data) > MAX_FILE:
        raise TooLarge(f"{path} grew over {MAX_FILE} bytes while it was read", hint="Ask about a smaller file.")
    if b"\0" in data[:NUL_PEEK]:
        raise InvalidParams(f"path: {path} is binary", hint="Name a text file.")
    # A byte order mark is no text; what is no UTF-8 is shown to the server as U+FFFD, as editors show it.
    return data.decode("utf-8-sig", "replace")


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
