"""How many files the daemon may have open: its own soft limit, raised once before it serves. It never touches the hard limit.

Children inherit the raised soft limit: to lower it again between fork and exec would cost the vfork path (design 3.7), and those that
we start do not care.
"""

from __future__ import annotations

import resource

MOST = 8192
"""512 clients (`limits.clients`) take two descriptors each, every process tree five; more would only help a leak to go unnoticed."""


def raise_soft_limit(most: int = MOST) -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one, at most to `most`; a higher one is kept. The limits as they are then.

    The usual soft limit of 1024 dates from `select`, which nothing here uses; 512 clients would not fit into it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def limits() -> dict[str, int | None]:
    """The `openFilesLimit` member of `sidecar/status`; None where there is no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"soft": _number(soft), "hard": _number(hard)}


def _number(limit: int) -> int | None:
    return None if limit == resource.RLIM_INFINITY else limit
