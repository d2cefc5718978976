"""Checks of what is installed: Python, the native parts, settings. Pure."""

from __future__ import annotations

from datetime import datetime

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok

MIN_PYTHON = (3, 11)
REINSTALL = "Install the sidecar-daemon wheel again, or build it: make run."


def python(facts: Facts) -> Found:
    """The interpreter and the system it runs on."""
    version = ".".join(map(str, facts.python))
    if facts.python < MIN_PYTHON:
        return Found(State.FAIL, f"Python {version}", "sidecar needs 3.11 or newer", "Install it into an environment with a newer Python.")
    if facts.system != "Linux":
        return Found(State.WARN, f"Python {version} on {facts.system}", f"{facts.system} is untested", "Please report what does not work.")
    return ok(f"Python {version} on {facts.system}")


def native(facts: Facts) -> Found:
    """The Rust module, and whether it is of the same build."""
    found = facts.native
    if found.error:
        return Found(State.FAIL, "native module missing", found.error, REINSTALL)
    if found.version != facts.version:
        reason = f"the native module is {found.version}, the Python package {facts.version}"
        return Found(State.FAIL, "native module of another build", reason, REINSTALL)
    return ok(f"native module {found.version}" + (f" ({found.commit})" if found.commit else ""))


def supervisor(facts: Facts) -> Found:
    """The program that keeps every process tree of ours in hand."""
    if not facts.supervisor:
        return Found(State.FAIL, "sidecar-supervisor not found", "no command or language server can be started without it", REINSTALL)
    return ok(facts.supervisor)


def configuration(facts: Facts) -> list[Found]:
    """The user's settings file and variables, and what they set."""
    found = facts.config
    if found.problems:
        return [Found(State.FAIL, "configuration is wrong", said, "Correct it; a daemon does not start with it.") for said in found.problems]
    lines = [Found(State.WARN, "configuration is ignored in part", said, "Remove or rename it.") for said in found.notices]
    if _is_newer(facts):
        lines.append(Found(State.WARN, "the settings file is newer than the daemon", "the daemon works by what it said before", "sidecar restart"))
    count = len(found.settings)
    sum_ = f"configuration is valid, {f'{count} set' if count else 'all default'}"
    return [*lines, ok(sum_), *(ok(f"{one.key} = {one.value}  ({one.origin})") for one in found.settings)]


def _is_newer(facts: Facts) -> bool:
    started = (facts.daemon or {}).get("startedAt")
    if facts.config.changed_at is None or not isinstance(started, str):
        return False
    try:
        return facts.config.changed_at > datetime.fromisoformat(started).timestamp()
    except ValueError:
        return False
