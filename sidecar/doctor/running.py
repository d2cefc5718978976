"""Checks of the running daemon: its socket, its locks, its version, its loop. Pure."""

from __future__ import annotations

from typing import Any

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok

MAX_LAG_MS = 50.0
"""Our own code never blocks the loop for longer (features D2)."""


def socket(facts: Facts) -> Found:
    """Whether a daemon can be reached; that none runs is fine, it starts when it is needed."""
    found = facts.socket
    if found.error:
        return Found(State.FAIL, f"socket {found.path} cannot be used", found.error, found.hint)
    if facts.daemon is not None:
        return ok(f"a daemon answers at {found.path}")
    if found.there.mode is None:
        return ok(f"no daemon runs; it would listen at {found.path}")
    if not found.there.is_socket:
        return Found(State.FAIL, f"{found.path} is no socket", "a daemon cannot listen there", f"Move it away: mv {found.path} {found.path}.old")
    return Found(State.WARN, f"a dead socket is at {found.path}", "a daemon was killed; the next one replaces it", "sidecar doctor --fix removes it.")


def owner(facts: Facts) -> Found:
    """Who holds the locks, and that it is the daemon that answers."""
    held = [lock for lock in facts.locks if lock.held]
    pids = {lock.owner_pid for lock in held}
    if not held:
        if facts.daemon is None:
            return ok("no daemon holds the locks")
        return Found(State.FAIL, "a daemon answers that holds no lock", "its folders were replaced, or it is no sidecar", "sidecar restart")
    who = ", ".join(f"pid {pid}" for pid in sorted(pid or 0 for pid in pids))
    if facts.daemon is None:
        elsewhere = held[0].owner_socket
        reason = f"{who} holds {held[0].path} and serves {elsewhere or 'no known socket'}"
        here = elsewhere == facts.socket.path
        fix = "It starts, leaves or hangs: see sidecar logs." if here else f"Use it with SIDECAR_SOCKET={elsewhere}, or end it."
        return Found(State.FAIL, "the locks are held, and nobody answers here", reason, fix)
    if pids != {facts.daemon.get("pid")}:
        return Found(State.FAIL, "another process than the daemon that answers holds the locks", who, "sidecar restart")
    return ok(f"locks are held by the daemon, {who}")


def daemon(facts: Facts) -> Found:
    """Whether the running daemon is of the installed version."""
    if facts.daemon is None:
        return Found(State.SKIP, "no daemon runs")
    build = facts.daemon.get("build")
    commit = str(build.get("commit") or "") if isinstance(build, dict) else ""
    running = (facts.daemon.get("version"), commit or facts.native.commit)
    if running != (facts.version, facts.native.commit):
        reason = f"it is {running[0]} {running[1]}, installed is {facts.version} {facts.native.commit}".rstrip()
        return Found(State.WARN, "the daemon is of another version", reason, "sidecar restart")
    return ok(f"the daemon is of the installed version, {facts.version}")


def loop_lag(facts: Facts) -> Found:
    """Whether the daemon's loop was ever blocked for long."""
    lag = (facts.daemon or {}).get("loopLag")
    if not isinstance(lag, dict):
        return Found(State.SKIP, "no loop lag is known")
    worst = float(lag.get("max") or 0.0)
    said = f"loop lag p99.9 {lag.get('p999')} ms, most {worst:g} ms"
    if float(lag.get("p999") or 0.0) > MAX_LAG_MS:
        return Found(State.WARN, said, _where(lag), "Report the stack; a busy machine also does this.")
    return ok(said)


def _where(lag: dict[str, Any]) -> str:
    stacks = [str(one.get("stack", "")).strip() for one in lag.get("worst") or []]
    return f"the loop was blocked; worst: {stacks[0].splitlines()[-1].strip()}" if stacks and stacks[0] else "the loop was blocked"
