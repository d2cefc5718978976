"""What the checks judge: plain values, gathered here and nowhere else, so that checks can be tested and the daemon can serve them.

Blocking: called by the command line, or in a thread of the daemon. It changes nothing, and starts nothing that stays.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sidecar
from sidecar import native
from sidecar.client import address
from sidecar.doctor import meeting, settings, storage, toolbox
from sidecar.doctor.meeting import Meeting
from sidecar.doctor.settings import Configuration
from sidecar.doctor.storage import Disk, Folder, Lock
from sidecar.doctor.toolbox import Toolbox
from sidecar.engine import supervisor
from sidecar.errors import SidecarError

INOTIFY = Path("/proc/sys/fs/inotify")


@dataclass(frozen=True, slots=True)
class Native:
    """The Rust module that is installed."""

    version: str = ""
    commit: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at.

    Attributes:
        open_files: this process's own soft and hard limit; the daemon's are in `met.daemon`.
        inotify: bounds by name (`max_user_watches`, `max_user_instances`); empty where there is no inotify.
    """

    version: str
    python: tuple[int, ...]
    system: str
    uid: int
    met: Meeting
    locks: tuple[Lock, ...]
    state: Folder
    stale_runs: tuple[str, ...]
    native: Native
    supervisor: str
    tools: Toolbox
    open_files: tuple[int, int]
    inotify: Mapping[str, int]
    disk: Disk
    config: Configuration

    @property
    def daemon(self) -> Mapping[str, Any] | None:
        """The status of the running daemon, None where none answers."""
        return self.met.daemon


def gather(env: Mapping[str, str], is_held: Callable[[str], bool], daemon: Mapping[str, Any] | None = None, *, deep: bool = False) -> Facts:
    """Look at everything.

    Args:
        env: the process environment.
        is_held: whether somebody holds the lock at a path (`daemon/locks.py`, the layer above).
        daemon: the status of the running daemon; when None, the socket is tried.
        deep: start each language server too, which takes seconds.
    """
    state = address.state_dir(env)
    met = meeting.meet(env, daemon)
    configuration = settings.read(env)
    locks = storage.locks(met.socket.path, state, is_held)
    return Facts(
        version=sidecar.__version__,
        python=tuple(sys.version_info[:3]),
        system=platform.system(),
        uid=os.getuid(),
        met=met,
        locks=locks,
        state=storage.folder(state),
        # While a daemon owns the state, a run folder may be just being made: only a free owner lock proves one stale.
        stale_runs=() if any(lock.held for lock in locks) else storage.stale_runs(Path(state), is_held),
        native=_native(),
        supervisor=_supervisor(),
        tools=toolbox.look(configuration.loaded, env, deep=deep),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
        inotify=_inotify(),
        disk=storage.disk(state),
        config=configuration,
    )


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


def _inotify() -> dict[str, int]:
    found = {}
    for name in ("max_user_watches", "max_user_instances"):
        try:
            found[name] = int((INOTIFY / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return found
