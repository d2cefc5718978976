"""How much memory process trees use (proc_pid_stat(5)). Blocking: called in a thread, never on the loop."""

from __future__ import annotations

import os
from collections.abc import Collection

from sidecar.engine import proc

PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _RSS = 1, 21
"""Places of ppid and rss among the fields behind the program's name."""


def rss_of_trees(pids: Collection[int]) -> dict[int, int]:
    """Resident bytes of each process and all its descendants; 0 for one that is gone.

    What several processes share counts for each of them. Under a supervisor of ours, which adopts orphans, its whole tree counts.
    """
    parents: dict[int, int] = {}
    own: dict[int, int] = {}
    for pid in proc.all_pids():
        fields = proc.stat_fields(pid)
        if fields is not None:
            parents[pid], own[pid] = int(fields[_PARENT]), int(fields[_RSS]) * PAGE
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    return {pid: _sum(_top(pid, parents), children, own) for pid in pids}


def _top(pid: int, parents: dict[int, int]) -> int:
    parent = parents.get(pid, 0)
    return parent if parent and proc.name_of(parent) == proc.SUPERVISOR[:15] else pid


def _sum(top: int, children: dict[int, list[int]], own: dict[int, int]) -> int:
    total, waiting = 0, [top]
    while waiting:
        pid = waiting.pop()
        total += own.get(pid, 0)
        waiting += children.get(pid, ())
    return total
