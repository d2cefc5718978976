"""Where the daemon is met: the paths of its sockets and state, and whether their folders can be trusted.

Pure rules plus the folder checks; it never connects, and never starts anything. Source: protocol.md "Where", design 3.2.
"""

from __future__ import annotations

import os
import stat

from sidecar.errors import Failed, Forbidden, InvalidParams

TYPE_CHECKING = False  # `typing` costs 5 ms of the command line's start
if TYPE_CHECKING:
    from collections.abc import Mapping

# sun_path holds 104 bytes on macOS, 108 on Linux, the final NUL included; the temporary name beside it takes 8 more.
MAX_SOCKET_BYTES = 95
SOCKET_NAME = "daemon.sock"
READER_NAME = "reader.sock"
ELSEWHERE = "Set SIDECAR_SOCKET to a path in a folder of your own with mode 0700."


def socket_path(env: Mapping[str, str] = os.environ) -> str:
    """The absolute path of the daemon's socket.

    Raises:
        InvalidParams: it is longer than `MAX_SOCKET_BYTES`, or it is the reader's own name.
    """
    path = _named(env, "SIDECAR_SOCKET") or os.path.join(_runtime_folder(env), SOCKET_NAME)
    _check_length(path)
    if os.path.basename(path) != READER_NAME:
        _check_length(reader_path(path))
    return path


def reader_path(socket: str) -> str:
    """The read-only socket beside `socket`."""
    return os.path.join(os.path.dirname(socket), READER_NAME)


def state_dir(env: Mapping[str, str] = os.environ) -> str:
    """The folder of journal, run folders, logs and snapshots."""
    return _named(env, "SIDECAR_STATE_DIR") or os.path.join(_user_folder(env, "XDG_STATE_HOME", ".local/state"), "sidecar")


def check_folder(folder: str) -> bool:
    """Whether the runtime folder exists; one that others could have planted sockets in is refused (field-notes 7.1).

    Raises:
        Forbidden: it is a symlink, no folder, another user's, or open to others; the hint is the exact fix.
    """
    try:
        found = os.lstat(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Forbidden(f"the runtime folder {folder} cannot be examined: {error.strerror}", hint=ELSEWHERE) from error
    if stat.S_ISLNK(found.st_mode):
        raise Forbidden(f"the runtime folder {folder} is a symlink, which others could turn", hint=f"Remove the link (rm {folder}), or: {ELSEWHERE}")
    if not stat.S_ISDIR(found.st_mode):
        raise Forbidden(f"the runtime folder {folder} is not a folder", hint=f"Move that file away, or: {ELSEWHERE}")
    if found.st_uid != os.getuid():
        raise Forbidden(f"the runtime folder {folder} belongs to user {found.st_uid}, not to you ({os.getuid()})", hint=ELSEWHERE)
    if found.st_mode & 0o077:
        raise Forbidden(
            f"the runtime folder {folder} is open to others (mode {stat.S_IMODE(found.st_mode):04o}, must be 0700)",
            hint=f"Run: chmod 700 {folder} (only if it is yours alone), or: {ELSEWHERE}",
        )
    return True


def make_folder(folder: str) -> None:
    """Make the runtime folder, mode 0700, unless it is there, and check it.

    Raises:
        Forbidden: as `check_folder`.
        Failed: it cannot be made; its parent is never made, as nobody would own its mode.
    """
    if check_folder(folder):
        return
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass  # a racing starter made it; the check below looks at what it made
    except OSError as error:
        raise Failed(f"the runtime folder {folder} cannot be made: {error.strerror}", hint=ELSEWHERE) from error
    check_folder(folder)


def make_state_dir(folder: str) -> None:
    """Make the state folder and its parents, mode 0700, and refuse one that others could write to.

    Raises:
        Failed: it cannot be made.
        Forbidden: it is not ours, or open to writing by others.
    """
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        found = os.stat(folder)
    except OSError as error:
        raise Failed(f"the state folder {folder} cannot be made: {error.strerror}", hint="Set SIDECAR_STATE_DIR to a folder of your own.") from error
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Forbidden(
            f"the state folder {folder} is not yours alone (owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"Run: chmod 700 {folder} (if it is yours), or set SIDECAR_STATE_DIR to a folder of your own.",
        )


def _named(env: Mapping[str, str], name: str) -> str | None:
    """An absolute path from a variable: whoever reads it may be in another folder, the daemon for one is in `/`."""
    value = env.get(name)
    if value and not os.path.isabs(value):
        raise InvalidParams(f"{name}: expected an absolute path, got {value}", hint=f"Set {name} to a path that begins with /.")
    return os.path.normpath(value) if value else None


def _runtime_folder(env: Mapping[str, str]) -> str:
    if runtime := env.get("XDG_RUNTIME_DIR"):
        return os.path.abspath(os.path.join(runtime, "sidecar"))
    return os.path.abspath(os.path.join(env.get("TMPDIR") or "/tmp", f"sidecar-{os.getuid()}"))


def _user_folder(env: Mapping[str, str], variable: str, below_home: str) -> str:
    """An XDG base folder; the specification says that a relative one must be ignored."""
    value = env.get(variable, "")
    return value if os.path.isabs(value) else os.path.join(env.get("HOME") or os.path.expanduser("~"), below_home)


def _check_length(path: str) -> None:
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_BYTES:
        raise InvalidParams(
            f"the socket path {path} has {length} bytes, and a Unix socket's must fit into {MAX_SOCKET_BYTES}",
            hint="Set SIDECAR_SOCKET (or XDG_RUNTIME_DIR) to a shorter path.",
        )
