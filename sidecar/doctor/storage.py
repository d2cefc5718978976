"""What is on the disk: the folders, their locks, the runs that a killed daemon left, and whether anything more can be written.

Blocking. It leaves nothing behind: what it writes has no name.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sidecar.engine.adoption import Fate, Found, fate_of
from sidecar.engine.supervisor import RunFolder

PROBE_BYTES = 1 << 16
"""More than a line of the journal, less than anybody misses."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder or file as lstat sees it; `mode` None when it is not there."""

    path: str
    mode: int | None = None
    uid: int = -1
    is_folder: bool = False
    is_socket: bool = False


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file: whether somebody holds it, and whom it names (not proof of anything by itself)."""

    path: str
    held: bool
    owner_pid: int | None = None
    owner_socket: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes free where the state folder is or will be (None: unknown), and why nothing can be written there ("" = it can)."""

    free_bytes: int | None = None
    refused: str = ""


def folder(path: str) -> Folder:
    """What is at `path`."""
    try:
        found = os.lstat(path)
    except OSError:
        return Folder(path)
    return Folder(path, stat.S_IMODE(found.st_mode), found.st_uid, stat.S_ISDIR(found.st_mode), stat.S_ISSOCK(found.st_mode))


def locks(socket: str, state: str, is_held: Callable[[str], bool]) -> tuple[Lock, ...]:
    """Both locks of a daemon; `is_held` is the layer above's (`daemon/locks.py`)."""
    paths = [os.path.join(state, "owner.lock"), *([os.path.join(os.path.dirname(socket), "daemon.lock")] if socket else [])]
    return tuple(_lock(path, held=is_held(path)) for path in paths)


def _lock(path: str, *, held: bool) -> Lock:
    try:
        said = json.loads(Path(path).read_bytes()[:4096])
        return Lock(path, held, int(said["pid"]), str(said["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Lock(path, held)


def stale_runs(state: Path, is_held: Callable[[str], bool]) -> tuple[str, ...]:
    """Ids of runs that have ended, or whose purpose has, and of whose output nobody was promised anything."""
    try:
        folders = [RunFolder(path) for path in sorted((state / "run").iterdir()) if path.is_dir()]
    except OSError:
        return ()
    found = (Found(one, one.meta(), is_held(str(one.path / "lock")), one.exit()) for one in folders)
    return tuple(one.folder.run_id for one in found if fate_of(one) is Fate.END)


def disk(path: str) -> Disk:
    """Room where the state folder is, tried by writing a nameless file: quotas and `ulimit -f` are not in the free bytes."""
    for place in (Path(path), *Path(path).parents):
        try:
            free = shutil.disk_usage(place).free
        except OSError:
            continue
        return Disk(free, _refused(path) if os.path.isdir(path) else "")
    return Disk()


def _refused(path: str) -> str:
    try:
        with tempfile.TemporaryFile(dir=path, buffering=0) as file:
            left = PROBE_BYTES
            while left:  # a full disk takes a part first, and refuses the rest
                left -= file.write(bytes(left))
    except OSError as error:
        return str(error.strerror) if error.errno in _FULL else ""  # a folder that is not ours is another check's finding
    return ""
