"""Checks of what is installed: Python, the native parts, settings, ripgrep, language servers. Pure."""

from __future__ import annotations

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok
from sidecar.doctor.programs import Program

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


def configuration(facts: Facts) -> list[Found] | Found:
    """The user's settings file and variables."""
    if facts.config_problems:
        return [Found(State.FAIL, "configuration is wrong", said, "Correct it; `sidecar config show` prints every setting.") for said in facts.config_problems]
    if facts.config_notices:
        return [Found(State.WARN, "configuration is ignored in part", said, "Remove or rename it.") for said in facts.config_notices]
    return ok("configuration is valid")


def rg(facts: Facts) -> Found:
    """ripgrep itself: only for `engine: "cli"`; the native grep does not need it."""
    if not facts.rg.path:
        return Found(State.WARN, "rg not found", "native grep works without it; `engine: cli` does not", "Install ripgrep.")
    if facts.rg.error:
        return Found(State.WARN, f"rg at {facts.rg.path} does not work", facts.rg.error, "Install ripgrep again.")
    return ok(f"rg {facts.rg.version} at {facts.rg.path}")


def servers(facts: Facts) -> list[Found] | Found:
    """Each language server of the table."""
    return [_server(one) for one in facts.servers] or Found(State.SKIP, "no language servers are configured")


def _server(one: Program) -> Found:
    if not one.enabled:
        return Found(State.SKIP, f"{one.name} is switched off")
    if not one.path:
        return Found(State.WARN, f"{one.name} not found", "hover has no answer for its languages", one.hint or f"Install {one.name}.")
    if one.error:
        return Found(State.FAIL, f"{one.name} at {one.path} does not work", one.error, f"Install {one.name} again.")
    return ok(" ".join(part for part in (one.name, one.version, "answers" if one.deep else "", f"at {one.path}") if part))
