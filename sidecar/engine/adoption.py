"""What a new daemon does with the runs that an earlier one left: attached ones end, detached ones are adopted (design 3.8).

Blocking; called once, in a thread or before the loop runs, by the daemon that owns the state folder. Nothing is guessed
by pid: a run whose lock is held is alive, one whose lock is free has ended.
"""

from __future__ import annotations

import contextlib
import enum
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar.engine import proc
from sidecar.engine.running import BURY_ROUNDS
from sidecar.engine.supervisor import Exit, Identity, Meta, RunFolder

LEAVE_S = 2.0
"""How long supervisors whose daemon died may take over killing their trees; they are told to give no grace."""

LOOK_S = 0.002
"""Between two looks at their locks."""


class Fate(enum.StrEnum):
    """What becomes of a run that was found."""

    END = "end"
    ALIVE = "alive"
    ENDED = "ended"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Found:
    """A run folder as it was found: its intent, whether its lock is held, and the record of its end."""

    folder: RunFolder
    meta: Meta | None
    held: bool
    exit: Exit | None


@dataclass(frozen=True, slots=True)
class Adopted:
    """The detached runs, by what became of them; and the ids of the attached ones that were ended and removed."""

    alive: tuple[Found, ...]
    ended: tuple[Found, ...]
    lost: tuple[Found, ...]
    removed: tuple[str, ...]


def fate_of(found: Found) -> Fate:
    """The decision. An uncommitted intent was never answered to anybody: its run ends."""
    if found.meta is None or not found.meta.detached:
        return Fate.END
    if found.held:
        return Fate.ALIVE
    return Fate.LOST if found.exit is None else Fate.ENDED


def adopt(state_dir: Path) -> Adopted:
    """End what has lost its purpose, and say what lives on.

    Args:
        state_dir: the daemon's state folder, owned by the caller (`owner.lock`).

    Raises:
        OSError: the run folder cannot be read.
    """
    runs = [_look(folder) for folder in _folders(state_dir)]
    by_fate = {fate: tuple(found for found in runs if fate_of(found) is fate) for fate in Fate}
    _end([found.folder for found in by_fate[Fate.END]])
    # A dead supervisor's tree may still be there, whatever its exit record says.
    _kill_marked({found.folder.run_id for fate in (Fate.END, Fate.ENDED, Fate.LOST) for found in by_fate[fate]})
    for found in by_fate[Fate.END]:
        found.folder.remove()
    return Adopted(by_fate[Fate.ALIVE], by_fate[Fate.ENDED], by_fate[Fate.LOST], tuple(found.folder.run_id for found in by_fate[Fate.END]))


def _folders(state_dir: Path) -> list[RunFolder]:
    with contextlib.suppress(FileNotFoundError):
        return [RunFolder(path) for path in sorted((state_dir / "run").iterdir()) if path.is_dir()]
    return []


def _look(folder: RunFolder) -> Found:
    # The lock first: a record renamed into place before the lock was let go is then seen.
    held = folder.is_alive()
    return Found(folder, folder.meta(), held, folder.exit())


def _end(folders: Sequence[RunFolder]) -> None:
    """Let living supervisors end their trees (only they find what has cleared its environment), at most `LEAVE_S` in all."""
    until = time.monotonic() + LEAVE_S
    alive = [folder for folder in folders if folder.is_alive()]
    for folder in alive:
        _hurry(folder.identity())
    while alive and time.monotonic() < until:
        # The lock, not the process: one that the daemon had just forked when it was killed has not said who it is yet.
        time.sleep(LOOK_S)
        alive = [folder for folder in alive if folder.is_alive()]


def _hurry(identity: Identity | None) -> None:
    """Tell a supervisor to give no grace, if its start time proves that the pid is still that one (features C5)."""
    if identity is None:
        return
    try:
        pidfd = os.pidfd_open(identity.pid)
    except OSError:
        return
    if proc.start_ticks(identity.pid) == identity.start_ticks:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(pidfd, signal.SIGQUIT)
    os.close(pidfd)


def _kill_marked(run_ids: set[str]) -> None:
    for _ in range(BURY_ROUNDS):
        if not run_ids or not proc.kill_runs(run_ids):
            return
