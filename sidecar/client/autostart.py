"""Starting the daemon: racing starters queue on `start.lock`, and only its holder spawns (design 3.2, features H1).

It never decides whether a daemon is needed (`ndjson` does), and never ends one.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

from sidecar.client import address, dial, ndjson
from sidecar.errors import Crashed, Failed, TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

# A cold start takes about 0.3 s; one that finds the state owned may wait 5 s for its owner to leave (design 3.2).
START_TIMEOUT_S = 10.0
# -P: nothing is imported from the working folder, which may be a stranger's repository with a `sidecar` package in it.
DAEMON_ARGV = (sys.executable, "-P", "-m", "sidecar", "run")
READY = b"ready\n"
START_LOG = "start.log"
_POLL_S = 0.02
_LOG_TAIL_BYTES = 2000
_NOT_INHERITED = ("SIDECAR_RUN", "SIDECAR_CALL", "SIDECAR_NO_AUTOSTART")  # whose descendant it is must not follow from who started it


def dial_started(path: str, env: Mapping[str, str], timeout_s: float = START_TIMEOUT_S, argv: Sequence[str] = DAEMON_ARGV) -> socket.socket:
    """Connect to the daemon at `path`, started by us or by whoever holds `start.lock`.

    Args:
        timeout_s: seconds for everything.
        argv: the command that runs a daemon.

    Raises:
        SidecarError: the reason why the daemon did not start, from its start-up pipe.
        TimedOut: nothing listened in time.
    """
    folder = os.path.dirname(path)
    if os.path.basename(path) == address.READER_NAME:
        raise Failed(f"no daemon serves {path}", hint="A client of the read-only socket cannot start one: run `sidecar start` outside of the sandbox.")
    ends_at = time.monotonic() + timeout_s
    while time.monotonic() < ends_at:
        address.make_folder(folder)
        if sock := _turn(path, env, argv, ends_at):
            return sock
        time.sleep(_POLL_S)
    raise TimedOut(f"no daemon came up at {path} within {timeout_s:g} s", hint="See `sidecar logs`, then `sidecar doctor`.")


def _turn(path: str, env: Mapping[str, str], argv: Sequence[str], ends_at: float) -> socket.socket | None:
    """A connection if somebody listens; else spawn if the lock is ours. None: look again later.

    The lock is opened anew at each turn: the folder may be removed and made again under a waiting starter.
    """
    try:
        lock = os.open(os.path.join(os.path.dirname(path), "start.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failed(f"start.lock beside {path} cannot be opened: {error.strerror}", hint="Look at what is in that folder.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _dial_if_there(path)
    else:
        if sock := _dial_if_there(path):
            return sock  # the last holder's daemon: looked at under the lock, so that no second one is spawned
        spawn(path, env, ends_at, argv)
        return _dial_if_there(path)
    finally:
        os.close(lock)


def spawn(path: str, env: Mapping[str, str], ends_at: float, argv: Sequence[str] = DAEMON_ARGV) -> None:
    """Run a daemon in a session of its own and wait until it says that `path` is served.

    Args:
        ends_at: `time.monotonic()` instant after which it is given up on.

    Raises:
        SidecarError: the daemon's own reason not to start.
        Crashed: it ended without one; the message carries the end of what it printed.
        TimedOut: it said nothing in time.
    """
    state = address.state_dir(env)
    address.make_state_dir(state)
    log_path = os.path.join(state, START_LOG)
    reading, writing = os.pipe()
    try:
        try:
            child = _spawn_process(path, state, env, argv, writing, log_path)
        finally:
            os.close(writing)
        line = _read_line(reading, ends_at)
    finally:
        os.close(reading)
    _reap(child, 0 if line is not None else os.WNOHANG)
    if line != READY:
        raise _failure(line, path, log_path)


def _spawn_process(path: str, state: str, env: Mapping[str, str], argv: Sequence[str], pipe: int, log_path: str) -> int:
    """By posix_spawn: importing `subprocess` costs 10 ms, and a fork is unsafe in a client that has threads."""
    os.set_inheritable(pipe, True)
    child_env = {name: value for name, value in env.items() if name not in _NOT_INHERITED}
    child_env |= {"SIDECAR_SOCKET": path, "SIDECAR_STATE_DIR": state, "SIDECAR_STARTUP_FD": str(pipe)}
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        # Appending: a living daemon may still write here while one that steps back for it empties the file.
        (os.POSIX_SPAWN_OPEN, 1, log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # What a shell or `nohup` ignores for us, the daemon must not ignore; it forks once more by itself (daemon/startup.py).
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD]
    try:
        return os.posix_spawn(argv[0], list(argv), child_env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=signals)
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be run: {error.strerror}", hint="Check the installation: `sidecar doctor`.") from error


def _read_line(pipe: int, ends_at: float) -> bytes | None:
    """What the daemon writes up to its line end or its end; None if that is not in time."""
    line, waiter = b"", select.poll()
    waiter.register(pipe, select.POLLIN)
    while not line.endswith(b"\n"):
        if not waiter.poll(max(0.0, ends_at - time.monotonic()) * 1e3):
            return None
        data = os.read(pipe, 65536)
        if not data:
            break
        line += data
    return line


def _reap(child: int, options: int) -> None:
    """The child that we spawned forks the daemon and leaves at once, so that no long-living client becomes a daemon's parent."""
    with suppress(ChildProcessError):  # the program we are part of ignores SIGCHLD
        os.waitpid(child, options)


def _failure(line: bytes | None, path: str, log_path: str) -> Exception:
    hint = f"See {log_path} and `sidecar logs`, then `sidecar doctor`."
    if line is None:
        return TimedOut(f"the daemon for {path} was started but did not become ready in time", hint=hint)
    try:
        return ndjson.error_from(json.loads(line)["error"])
    except (ValueError, KeyError, TypeError):
        return Crashed(f"the daemon ended while starting{_tail(log_path)}", hint=hint)


def _tail(log_path: str) -> str:
    try:
        with open(log_path, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _LOG_TAIL_BYTES))
            text = log.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return ": " + text if text else ""


def _dial_if_there(path: str) -> socket.socket | None:
    try:
        return dial.dial(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except OSError as error:
        raise dial.explained(path, error) from error
