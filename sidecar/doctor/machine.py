"""Checks of the machine and of the folders we keep on it. Pure."""

from __future__ import annotations

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok
from sidecar.doctor.storage import Folder

MIN_OPEN_FILES = 1024
"""What systems give by default; some 200 clients with their programs fit in."""
MIN_WATCHES = 65_536
MIN_INSTANCES = 64
"""Systems give 128; editors and file managers take some."""
MIN_FREE_BYTES = 512 << 20
FULL_BYTES = 1 << 20
"""Less than one command's output."""


def state_folder(facts: Facts) -> Found:
    """Journal, logs and runs: ours alone."""
    found = facts.state
    if found.mode is None:
        return ok(f"state folder {found.path} is made at the first start")
    if not found.is_folder:
        return Found(State.FAIL, f"state folder {found.path} is no folder", "nothing can be kept", "Remove it, or set SIDECAR_STATE_DIR.")
    return _private(facts, found, f"state folder {found.path}")


def _private(facts: Facts, found: Folder, what: str) -> Found:
    if found.uid != facts.uid:
        return Found(State.FAIL, f"{what} belongs to another user", f"owner {found.uid}, you are {facts.uid}", "Set SIDECAR_STATE_DIR to a folder of your own.")
    if (found.mode or 0) & 0o077:
        open_to = "can be written" if (found.mode or 0) & 0o022 else "can be read"
        state = State.FAIL if (found.mode or 0) & 0o022 else State.WARN
        return Found(state, f"{what} {open_to} by others", f"mode {found.mode:04o}", f"chmod 700 {found.path}")
    return ok(what)


def stale_runs(facts: Facts) -> Found:
    """Run folders that a killed daemon left."""
    if not facts.stale_runs:
        return ok("no stale run folders")
    count = len(facts.stale_runs)
    summary = f"{count} stale run folder{'s' * (count > 1)}"
    return Found(State.WARN, summary, "a daemon was killed; the next one removes them", "sidecar doctor --fix removes them.")


def open_files(facts: Facts) -> Found:
    """How many descriptors the daemon may have; it raises its own soft limit to the hard one (`daemon/descriptors.py`)."""
    soft, hard = facts.open_files
    here = f"here {_number(soft)} of {_number(hard)}"
    said = (facts.daemon or {}).get("openFilesLimit")
    fix = f"Raise the hard limit (ulimit -Hn, limits.conf or LimitNOFILE) to {MIN_OPEN_FILES} or more, then sidecar restart."
    if isinstance(said, dict):
        limit, used = said.get("soft"), int((facts.daemon or {}).get("openFiles") or 0)
        summary = f"the daemon has {used} of {_number(limit)} open files; {here}"
        if limit is not None and used > 0.8 * limit:
            return Found(State.WARN, summary, "soon new clients and programs will be refused", "Close clients you do not need; then: " + fix)
        return _enough(limit, summary, fix)
    return _enough(None if hard < 0 else hard, f"open files: {here}", fix)


def _enough(limit: int | None, summary: str, fix: str) -> Found:
    if limit is not None and limit < MIN_OPEN_FILES:
        return Found(State.WARN, summary, "many clients or programs at once would be refused", fix)
    return ok(summary)


def _number(limit: int | None) -> str:
    return "unlimited" if limit is None or limit < 0 else str(limit)


def watches(facts: Facts) -> Found:
    """How many folders can be watched, and by how many watchers."""
    watches, instances = facts.inotify.get("max_user_watches"), facts.inotify.get("max_user_instances")
    if watches is None or instances is None:
        return Found(State.SKIP, "no inotify here")
    summary = f"{watches} inotify watches, {instances} instances"
    if watches < MIN_WATCHES:
        return Found(State.WARN, summary, "language servers and indexes share them", f"sudo sysctl fs.inotify.max_user_watches={8 * MIN_WATCHES}")
    if instances < MIN_INSTANCES:
        return Found(State.WARN, summary, "each language server takes one or more", f"sudo sysctl fs.inotify.max_user_instances={4 * MIN_INSTANCES}")
    return ok(summary)


def disk(facts: Facts) -> Found:
    """Room for journal, logs and output."""
    found, where = facts.disk, f"where {facts.state.path} is"
    if found.refused:
        fix = f"Free some space {where} (also: quota, ulimit -f), or set SIDECAR_STATE_DIR to another disk."
        return Found(State.FAIL, f"nothing can be written {where}", found.refused, fix)
    if found.free_bytes is None:
        return Found(State.SKIP, "free disk space is unknown")
    said = f"{_size(found.free_bytes)} free {where}"
    if found.free_bytes < FULL_BYTES:
        return Found(
            State.FAIL, f"the disk is full: {said}", "the journal and commands' output need more", "Free some space, or set SIDECAR_STATE_DIR to another disk."
        )
    if found.free_bytes < MIN_FREE_BYTES:
        return Found(State.WARN, said, "the journal and commands' output need it", "Free some space, or set SIDECAR_STATE_DIR to another disk.")
    return ok(said)


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MiB"
