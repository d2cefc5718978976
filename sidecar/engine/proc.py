"""What /proc says about processes, and signals that cannot hit the wrong one (features C5).

Blocking reads: for spawn threads and for the daemon's start, never for the loop.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import select
import signal
from collections.abc import Iterator

SUPERVISOR = "sidecar-supervisor"
"""File name of the supervisor's binary, and so (cut) the name of its processes."""

_PR_SET_CHILD_SUBREAPER = 36

END_MS = 100
"""Milliseconds that one round of KILL waits for one process; an uninterruptible sleep is left to the next round."""


def become_subreaper() -> bool:
    """Make this process the parent of every orphan below it, so that a dead supervisor's tree stays in reach (design 3.8).

    False where the kernel has no such thing. Orphans are reaped by pid, never by -1 (that would steal exit codes).
    """
    with contextlib.suppress(OSError, AttributeError):
        return int(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0
    return False


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot: pids and start times mean nothing in another."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def stat_fields(pid: int) -> list[str] | None:
    """Fields 3 and on of proc_pid_stat(5): [0] state, [1] parent, [3] session, [19] start ticks; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return None


def start_ticks(pid: int) -> int | None:
    """Clock ticks after boot at which a process started: with its pid, its identity for this boot."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def environment_of(pid: int) -> dict[bytes, bytes]:
    """The environment a process was started with; empty if it is gone, a zombie or another user's."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = (entry.partition(b"=") for entry in file.read().split(b"\0"))
            return {name: value for name, _, value in pairs}
    except OSError:
        return {}


def all_pids() -> Iterator[int]:
    """Every process there is, except this one."""
    me = os.getpid()
    return (pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if pid != me)


def processes_of(run_ids: set[str]) -> Iterator[tuple[int, int]]:
    """(pid, pidfd) of each living process whose environment names one of the runs; the caller closes the pidfd.

    The pidfd is opened before the environment is read: if the number was reused in between, the pidfd names the dead.
    """
    names = {os.fsencode(run_id) for run_id in run_ids}
    for pid in all_pids():
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        if environment_of(pid).get(b"SIDECAR_RUN") in names:
            yield pid, pidfd
        else:
            os.close(pidfd)


def kill_runs(run_ids: set[str]) -> int:
    """One round: KILL every process whose environment names one of the runs, wait until they are dead, reap our own.

    Returns how many there were; the caller makes rounds until there are none, as they may have forked.
    """
    found = [pidfd for _, pidfd in processes_of(run_ids)]
    for pidfd in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    for pidfd in found:
        _await_end(pidfd)
    for pidfd in found:
        # Only now: the last of them to die has made the others our children.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        os.close(pidfd)
    return len(found)


def _await_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(END_MS)


def children() -> list[int]:
    """Children of this process, zombies too (proc_pid_task_children(5))."""
    found: list[int] = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
            found += map(int, file.read().split())
    return found


def kill_orphans(session: int) -> int:
    """Kill and reap what a dead supervisor left to us, its subreaper; how many there were.

    Its direct child's session is killed: nothing else of ours is in it, as what we start has our session or one of
    its own, and the number of an unreaped child of ours cannot be reused. Zombies that had left that session are
    reaped: they are strangers' if they are neither of our session (a bare subprocess) nor a supervisor (`Popen`'s).
    """
    ours, count = os.getsid(0), 0
    for pid in children():
        fields = stat_fields(pid)
        if fields is None:
            continue
        if session and int(fields[3]) == session:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        elif fields[0] != "Z" or int(fields[3]) == ours or name_of(pid) == SUPERVISOR[:15]:
            continue
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
        count += 1
    return count


def name_of(pid: int) -> str:
    """The first 15 bytes of a process's program name (proc_pid_comm(5)), kept by a zombie; empty if it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\n")
    return ""
