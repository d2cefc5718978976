"""Checks of the running daemon: its socket, its locks, its version, its loop. Pure."""

from __future__ import annotations

import re
from typing import Any

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok
from sidecar.doctor.storage import Lock

MAX_LAG_MS = 50.0
"""Our own code never blocks the loop for longer (features D2)."""
RESTART = "sidecar restart (it lets running work end)."


def socket(facts: Facts) -> Found:
    """Whether a daemon can be reached; that none runs is fine, it starts when it is needed."""
    found = facts.met.socket
    if facts.met.denied and not facts.met.reader and found.by_system:
        return Found(State.SKIP, "the socket is closed to this process: see sandbox")
    if found.error and not facts.met.reader:
        return Found(State.FAIL, f"socket {found.path or found.there.path} cannot be used", found.error, found.hint)
    if facts.daemon is not None:
        return ok(f"a daemon answers at {facts.met.reader or found.path}")
    if found.there.mode is None:
        return ok(f"no daemon runs; it would listen at {found.path}")
    if not found.there.is_socket:
        return Found(State.FAIL, f"{found.path} is no socket", "a daemon cannot listen there", f"Move it away: mv {found.path} {found.path}.old")
    return Found(State.WARN, f"a dead socket is at {found.path}", "a daemon was killed; the next one replaces it", "sidecar doctor --fix removes it.")


def sandbox(facts: Facts) -> Found:
    """Whether the system lets this process connect at all; a sandboxed agent may be given the read-only socket (field-notes 7.4)."""
    met = facts.met
    if not met.denied:
        return ok("this process may connect")
    if met.reader:
        reason = f"connecting to {met.socket.path} is forbidden here: {met.denied}"
        fix = f"Search and hover work in this sandbox with SIDECAR_SOCKET={met.reader}; start daemons outside of it."
        return Found(State.WARN, "in a sandbox: only the read-only socket is open", reason, fix)
    fix = "In a sandbox, allow reader.sock beside it (search and hover, nothing that writes or runs), or search with rg itself; else run as the socket's owner."
    return Found(State.FAIL, "this process may not connect to the daemon", f"{met.socket.path}: {met.denied}", fix)


def owner(facts: Facts) -> Found:
    """Who holds the locks, and that it is the daemon that answers."""
    if facts.met.denied:
        return Found(State.SKIP, "the locks say nothing from inside a sandbox")
    held = [lock for lock in facts.locks if lock.held]
    pids = {lock.owner_pid for lock in held}
    if not held:
        if facts.daemon is None:
            return ok("no daemon holds the locks")
        return Found(State.FAIL, "a daemon answers that holds no lock", "its folders were replaced, or it is no sidecar", "sidecar restart")
    who = ", ".join(f"pid {pid}" for pid in sorted(pid or 0 for pid in pids))
    if facts.daemon is None:
        return _silent_owner(facts, held[0], who)
    if pids != {facts.daemon.get("pid")}:
        held_by = "; ".join(f"{lock.path} by pid {lock.owner_pid}, which serves {lock.owner_socket}" for lock in held)
        reason = f"the daemon that answers is pid {facts.daemon.get('pid')}, and these are held: {held_by}"
        return Found(State.FAIL, "the state folder belongs to another daemon than the one that answers", reason, "Give each its own SIDECAR_STATE_DIR.")
    return ok(f"locks are held by the daemon, {who}")


def _silent_owner(facts: Facts, lock: Lock, who: str) -> Found:
    if lock.owner_socket == facts.met.socket.path:
        fix = "It starts, leaves or hangs: see sidecar logs."
        return Found(State.FAIL, "a daemon holds the locks and does not answer", f"{who} holds {lock.path}", fix)
    reason = f"{who} holds {lock.path} and serves {lock.owner_socket or 'no known socket'}"
    fix = f"Use it with SIDECAR_SOCKET={lock.owner_socket}, end it, or set SIDECAR_STATE_DIR to a folder of your own."
    return Found(State.FAIL, "another daemon owns the state folder", reason, fix)


def daemon(facts: Facts) -> Found:
    """Whether the running daemon is of the installed version: after an upgrade the old one lives on (field-notes 4.3)."""
    if facts.daemon is None:
        return Found(State.SKIP, "no daemon runs")
    build = facts.daemon.get("build")
    commit = str(build.get("commit") or "") if isinstance(build, dict) else ""
    version = str(facts.daemon.get("version") or "unknown")
    if version != facts.version:
        return _skewed(facts, version)
    if commit and facts.native.commit and commit != facts.native.commit:
        reason = f"both are {version}, but it runs native code of {commit}, installed is {facts.native.commit}"
        return Found(State.WARN, "the daemon is of another build than the installation", reason, RESTART)
    return ok(f"the daemon is of the installed version, {facts.version}")


def _skewed(facts: Facts, version: str) -> Found:
    reason = f"pid {facts.daemon.get('pid') if facts.daemon else None} runs {version}, installed is {facts.version}"
    if _numbers(version) > _numbers(facts.version):
        fix = "Another installation started it: use that one's `sidecar` (type -a sidecar), or sidecar restart."
        return Found(State.WARN, "the daemon is newer than this installation", reason, fix)
    return Found(State.WARN, "the daemon is older than the installation", reason, RESTART)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def loop_lag(facts: Facts) -> Found:
    """Whether the daemon's loop is or was blocked: what it measured itself, and what a probe of ours sees now."""
    lag, probe = (facts.daemon or {}).get("loopLag"), facts.met.probe
    if not isinstance(lag, dict):
        return Found(State.SKIP, "no loop lag is known")
    said = f"loop lag p99.9 {lag.get('p999')} ms, most {float(lag.get('max') or 0.0):g} ms"
    said += f"; {probe.count} pings now: p50 {probe.p50_ms:g} ms, most {probe.max_ms:g} ms" if probe else ""
    if float(lag.get("p999") or 0.0) > MAX_LAG_MS:
        return Found(State.WARN, said, _where(lag), "Report the stack; a busy machine also does this.")
    if probe and probe.p50_ms > MAX_LAG_MS:
        return Found(State.WARN, said, "the daemon answers late now", "See sidecar status --watch for what it does; a busy machine also does this.")
    return ok(said)


def _where(lag: dict[str, Any]) -> str:
    stacks = [str(one.get("stack", "")).strip() for one in lag.get("worst") or []]
    return f"the loop was blocked; worst: {stacks[0].splitlines()[-1].strip()}" if stacks and stacks[0] else "the loop was blocked"
