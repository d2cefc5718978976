"""What the checks judge: plain values, gathered here and nowhere else, so that checks can be tested and the daemon can serve them.

Blocking: called by the command line, or in a thread of the daemon. It changes nothing, and starts nothing that stays.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sidecar
from sidecar import config, native
from sidecar.client import address, dial, ndjson
from sidecar.doctor import programs
from sidecar.doctor.deep import server_version
from sidecar.doctor.programs import Program
from sidecar.engine import supervisor
from sidecar.engine.adoption import Fate, Found, fate_of
from sidecar.engine.supervisor import RunFolder
from sidecar.errors import Misconfigured, NotInstalled, SidecarError
from sidecar.langs import servers

INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder or file as lstat sees it; `mode` None when it is not there."""

    path: str
    mode: int | None = None
    uid: int = -1
    is_folder: bool = False
    is_socket: bool = False


@dataclass(frozen=True, slots=True)
class Socket:
    """The socket's path, what is there, and what a connection attempt said ("" = a daemon answered)."""

    path: str
    there: Folder
    refused: str = ""
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file: whether somebody holds it, and whom it names (not proof of anything by itself)."""

    path: str
    held: bool
    owner_pid: int | None = None
    owner_socket: str = ""


@dataclass(frozen=True, slots=True)
class Native:
    """The Rust module that is installed."""

    version: str = ""
    commit: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at. `daemon` is the result of `sidecar/status`, None where none answers."""

    version: str
    python: tuple[int, ...]
    system: str
    uid: int
    socket: Socket
    locks: tuple[Lock, ...]
    state: Folder
    stale_runs: tuple[str, ...]
    native: Native
    supervisor: str
    rg: Program
    servers: tuple[Program, ...]
    open_files: tuple[int, int]
    inotify_watches: int | None
    free_bytes: int | None
    config_problems: tuple[str, ...]
    config_notices: tuple[str, ...]
    daemon: Mapping[str, Any] | None = None


def gather(env: Mapping[str, str], is_held: Callable[[str], bool], daemon: Mapping[str, Any] | None = None, *, deep: bool = False) -> Facts:
    """Look at everything.

    Args:
        env: the process environment.
        is_held: whether somebody holds the lock at a path (`daemon/locks.py`, the layer above).
        daemon: the status of the running daemon; when None, the socket is tried.
        deep: start each language server too, which takes seconds.
    """
    state = address.state_dir(env)
    found = _socket(env)
    if daemon is None and not found.refused and not found.error:
        daemon, found = _asked(env, found)
    settings, problems, notices = _settings(env)
    locks = _locks(found.path, state, is_held)
    return Facts(
        version=sidecar.__version__,
        python=tuple(sys.version_info[:3]),
        system=platform.system(),
        uid=os.getuid(),
        socket=found,
        locks=locks,
        state=folder(state),
        # While a daemon owns the state, a run folder may be just being made: only a free owner lock proves one stale.
        stale_runs=() if any(lock.held for lock in locks) else stale_runs(Path(state), is_held),
        native=_native(),
        supervisor=_supervisor(),
        rg=programs.find("rg", ["rg", "--version"], env),
        servers=_servers(settings, env, deep=deep),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        inotify_watches=_inotify(),
        free_bytes=_free(state),
        config_problems=problems,
        config_notices=notices,
        daemon=daemon,
    )


def folder(path: str) -> Folder:
    """What is at `path`."""
    try:
        found = os.lstat(path)
    except OSError:
        return Folder(path)
    return Folder(path, stat.S_IMODE(found.st_mode), found.st_uid, stat.S_ISDIR(found.st_mode), stat.S_ISSOCK(found.st_mode))


def stale_runs(state: Path, is_held: Callable[[str], bool]) -> tuple[str, ...]:
    """Ids of runs that have ended, or whose purpose has, and of whose output nobody was promised anything."""
    try:
        folders = [RunFolder(path) for path in sorted((state / "run").iterdir()) if path.is_dir()]
    except OSError:
        return ()
    found = (Found(one, one.meta(), is_held(str(one.path / "lock")), one.exit()) for one in folders)
    return tuple(one.folder.run_id for one in found if fate_of(one) is Fate.END)


def _locks(socket: str, state: str, is_held: Callable[[str], bool]) -> tuple[Lock, ...]:
    paths = [os.path.join(state, "owner.lock"), *([os.path.join(os.path.dirname(socket), "daemon.lock")] if socket else [])]
    return tuple(_lock(path, held=is_held(path)) for path in paths)


def _lock(path: str, *, held: bool) -> Lock:
    try:
        said = json.loads(Path(path).read_bytes()[:4096])
        return Lock(path, held, int(said["pid"]), str(said["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Lock(path, held)


def _socket(env: Mapping[str, str]) -> Socket:
    try:
        path = address.socket_path(env)
        address.check_folder(os.path.dirname(path))
    except SidecarError as error:
        return Socket(env.get("SIDECAR_SOCKET", ""), Folder(""), error=error.message, hint=error.hint)
    try:
        dial.dial(path, timeout_s=2.0).close()
    except (ConnectionRefusedError, FileNotFoundError) as error:
        return Socket(path, folder(path), refused=str(error.strerror))
    except OSError as error:
        found = dial.explained(path, error)
        return Socket(path, folder(path), error=found.message, hint=found.hint)
    except SidecarError as error:
        return Socket(path, folder(path), error=error.message, hint=error.hint)
    return Socket(path, folder(path))


def _asked(env: Mapping[str, str], found: Socket) -> tuple[Mapping[str, Any] | None, Socket]:
    try:
        with ndjson.connect(found.path, env=env, start=False) as client:
            return client.request("sidecar/status", timeout_s=5.0), found
    except SidecarError as error:
        return None, replace(found, error=error.message, hint=error.hint)


def _settings(env: Mapping[str, str]) -> tuple[config.Config | None, tuple[str, ...], tuple[str, ...]]:
    try:
        settings = config.load({}, env)
    except Misconfigured as error:
        rows = error.data.get("problems", [])
        said = tuple(f"{row['where']}: {row['key']}: {row['message']}. {row['hint']}" for row in rows)
        return None, said or (f"{error.message}. {error.hint}",), ()
    return settings, (), settings.notices


def _servers(settings: config.Config | None, env: Mapping[str, str], *, deep: bool) -> tuple[Program, ...]:
    """Each language server as configured; where the configuration is wrong, as if there were none."""
    overrides = settings.servers if settings else {}
    off = tuple(Program(name, enabled=False) for name, override in overrides.items() if not override.enabled)
    return tuple(_server(row, env, deep=deep) for row in servers.table(overrides)) + off


def _server(row: servers.Row, env: Mapping[str, str], *, deep: bool) -> Program:
    try:
        argv = servers.locate(row, env.get("PATH", os.defpath))
    except NotInstalled as error:
        return Program(row.name, hint=error.hint)
    if not deep:
        return Program(row.name, argv[0])
    version, silence = server_version(argv, {**env, **row.env})
    return Program(row.name, argv[0], version, silence, deep=True)


def _native() -> Native:
    if not native.available():
        return Native(error="the module sidecar._native cannot be imported")
    built = native.build_info()
    return Native(str(built.get("version", "")), str(built.get("commit") or ""))


def _supervisor() -> str:
    try:
        return supervisor.find_binary()
    except SidecarError:
        return ""


def _inotify() -> int | None:
    try:
        return int(INOTIFY.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _free(path: str) -> int | None:
    """Bytes free where the state folder is, or will be."""
    for place in (Path(path), *Path(path).parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None
