"""Removing what a killed daemon left, without being a daemon: `sidecar doctor --fix`.

Everything happens under both locks that a daemon holds for life, so that nothing which is removed can be in use (design 3.2).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from sidecar.client import address
from sidecar.daemon import locks
from sidecar.engine import adoption


def tidy(env: Mapping[str, str]) -> Iterator[str]:
    """Remove dead sockets and stale run folders (their processes too), and name each; nothing while a daemon lives.

    Raises:
        SidecarError: the folders are not ours.
    """
    socket, state = address.socket_path(env), address.state_dir(env)
    if not (os.path.isdir(state) or os.path.isdir(os.path.dirname(socket))):
        return
    if locks.is_held(os.path.join(state, "owner.lock")):
        return
    claim = locks.claim(socket, state, leaving_s=0.0)
    if isinstance(claim, locks.Owner):
        return
    try:
        yield from _sockets(socket)
        yield from (f"run {run_id}" for run_id in adoption.adopt(Path(state)).removed)
    finally:
        claim.release()


def _sockets(socket: str) -> Iterator[str]:
    for path in (socket, address.reader_path(socket)):
        if os.path.lexists(path) and stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
            yield path
