"""Whether this process can meet the daemon: the socket, what the system lets us do with it, and the daemon's own words.

Blocking. It starts no daemon, and takes nothing from one.
"""

from __future__ import annotations

import errno
import socket as sockets
import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.client import address, dial, ndjson
from sidecar.doctor.storage import Folder, folder
from sidecar.errors import SidecarError

CONNECT_S = 2.0
ANSWER_S = 5.0
PROBES = 25
_PAUSE_S = 0.01
"""25 pings 10 ms apart: a quarter of a second, in which a loop that stalls four times a second is caught."""


@dataclass(frozen=True, slots=True)
class Socket:
    """The socket's path, what is there, and what a connection attempt said ("" = a daemon answered).

    Attributes:
        refused: nobody listens.
        error: it was not tried (the folder is not to be trusted), or failed otherwise.
        by_system: the error is the system's word, and not our own rule.
    """

    path: str
    there: Folder
    refused: str = ""
    error: str = ""
    hint: str = ""
    by_system: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Round trips of pings to the daemon, in milliseconds."""

    count: int
    p50_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Meeting:
    """What came of it.

    Attributes:
        denied: the system's word when it forbids this process to connect at all ("" = it may).
        reader: the read-only socket's path, where that one is open to this process although the full one is not.
        daemon: the result of `sidecar/status`, None where none answers.
    """

    socket: Socket
    denied: str = ""
    reader: str = ""
    daemon: Mapping[str, Any] | None = field(default=None)
    probe: Probe | None = None


def meet(env: Mapping[str, str], daemon: Mapping[str, Any] | None = None) -> Meeting:
    """Try to meet the daemon; `daemon` is its status where that is known already."""
    found = _socket(env)
    denied = _denied(found.path)
    reader = address.reader_path(found.path) if found.path else ""
    if denied:
        met = Meeting(found, denied, reader if reader and not _denied(reader) and folder(reader).is_socket else "", daemon)
        return _talk(env, met.reader, met) if met.reader else met
    met = Meeting(found, daemon=daemon)
    return met if found.refused or found.error else _talk(env, found.path, met)


def _socket(env: Mapping[str, str]) -> Socket:
    try:
        path = address.socket_path(env)
    except SidecarError as error:
        return Socket("", Folder(env.get("SIDECAR_SOCKET", "")), error=error.message, hint=error.hint)
    try:
        dial.dial(path, timeout_s=CONNECT_S).close()
    except (ConnectionRefusedError, FileNotFoundError) as error:
        return Socket(path, folder(path), refused=str(error.strerror))
    except OSError as error:
        found = dial.explained(path, error)
        return Socket(path, folder(path), error=found.message, hint=found.hint, by_system=True)
    except SidecarError as error:
        return Socket(path, folder(path), error=error.message, hint=error.hint)
    return Socket(path, folder(path))


def _denied(path: str) -> str:
    """What the system says if it forbids a bare `connect` (field-notes 7.4: EPERM by seccomp, EACCES by rights), else ""."""
    if not path:
        return ""
    try:
        with sockets.socket(sockets.AF_UNIX) as sock:
            sock.settimeout(CONNECT_S)
            sock.connect(path)
    except OSError as error:
        return str(error.strerror) if error.errno in (errno.EPERM, errno.EACCES) else ""
    return ""


def _talk(env: Mapping[str, str], path: str, met: Meeting) -> Meeting:
    try:
        with ndjson.connect(path, env=env, start=False) as client:
            daemon = met.daemon if met.daemon is not None else client.request("sidecar/status", timeout_s=ANSWER_S)
            return replace(met, daemon=daemon, probe=_probe(client))
    except SidecarError as error:
        if met.daemon is not None:
            return met  # it is the daemon that looks at itself: what it knows stands
        return replace(met, socket=replace(met.socket, error=error.message, hint=error.hint))


def _probe(client: ndjson.Client) -> Probe | None:
    """Ping the loop for a quarter of a second; None where the daemon knows no ping."""
    times_ms, pause = [], threading.Event()
    try:
        for _ in range(PROBES):
            began_at = time.monotonic()
            client.request("sidecar/ping", timeout_s=ANSWER_S)
            times_ms.append((time.monotonic() - began_at) * 1e3)
            pause.wait(_PAUSE_S)
    except SidecarError:
        return None
    return Probe(PROBES, round(statistics.median(times_ms), 2), round(max(times_ms), 2))
