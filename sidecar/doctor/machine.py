"""Checks of the machine and of the folders we keep on it. Pure."""

from __future__ import annotations

from sidecar.doctor.facts import Facts, Folder
from sidecar.doctor.outcome import Found, State, ok

MIN_OPEN_FILES = 1024
"""What systems give by default; some 200 clients with their programs fit in."""
MIN_WATCHES = 65_536
MIN_FREE_BYTES = 512 << 20


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
    """How many descriptors a process may have; a daemon has what its starter had."""
    soft, _ = facts.open_files
    if 0 <= soft < MIN_OPEN_FILES:
        fix = f"ulimit -n {MIN_OPEN_FILES} (or more), then sidecar restart."
        return Found(State.WARN, f"only {soft} open files", "many clients or programs at once would be refused", fix)
    return ok(f"{soft if soft >= 0 else 'unlimited'} open files")


def watches(facts: Facts) -> Found:
    """How many folders can be watched."""
    if facts.inotify_watches is None:
        return Found(State.SKIP, "no inotify here")
    if facts.inotify_watches < MIN_WATCHES:
        fix = f"sudo sysctl fs.inotify.max_user_watches={8 * MIN_WATCHES}"
        return Found(State.WARN, f"only {facts.inotify_watches} inotify watches", "language servers and indexes share them", fix)
    return ok(f"{facts.inotify_watches} inotify watches")


def disk(facts: Facts) -> Found:
    """Room for journal, logs and output."""
    if facts.free_bytes is None:
        return Found(State.SKIP, "free disk space is unknown")
    said = f"{facts.free_bytes / (1 << 30):.1f} GiB free"
    if facts.free_bytes < MIN_FREE_BYTES:
        return Found(State.WARN, said, f"where {facts.state.path} is", "Free some space; the journal and commands' output need it.")
    return ok(said)
