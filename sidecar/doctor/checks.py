"""The table of checks: each is a function from facts to what it found. A new check is one function and one row here."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.doctor import engines, installation, machine, running
from sidecar.doctor.facts import Facts
from sidecar.doctor.outcome import Check, Found

CHECKS: dict[str, Callable[[Facts], Found | list[Found]]] = {
    "python": installation.python,
    "native": installation.native,
    "supervisor": installation.supervisor,
    "config": installation.configuration,
    "sandbox": running.sandbox,
    "socket": running.socket,
    "owner": running.owner,
    "daemon": running.daemon,
    "loopLag": running.loop_lag,
    "state": machine.state_folder,
    "disk": machine.disk,
    "runs": machine.stale_runs,
    "openFiles": machine.open_files,
    "watches": machine.watches,
    "rg": engines.rg,
    "astGrep": engines.ast_grep,
    "sg": engines.sg,
    "servers": engines.servers,
}


def run(facts: Facts) -> list[Check]:
    """Every check, in the order of the table; one that finds several things gives a line for each."""
    rows = ((name, check(facts)) for name, check in CHECKS.items())
    return [Check(name, one.state, one.summary, one.reason, one.fix) for name, found in rows for one in (found if isinstance(found, list) else [found])]
