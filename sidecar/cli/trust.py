"""`sidecar trust ROOT`: let a folder's `.sidecar.toml` choose commands. Needs no daemon; not for agents."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

from sidecar.cli import output
from sidecar.client import address
from sidecar.config import trust
from sidecar.engine import proc
from sidecar.errors import Forbidden, InvalidParams

HELP = "trust a folder's .sidecar.toml, or show what is trusted"
MAX_ANCESTORS = 1000
"""Deeper than any process tree; a race with a dying ancestor cannot make us walk for ever."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("root", metavar="ROOT", nargs="?", help="the folder")
    parser.add_argument("--remove", action="store_true", help="trust it no longer")
    parser.add_argument("--list", action="store_true", dest="list_all", help="print every trusted folder")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")


def run(root: str | None, remove: bool = False, list_all: bool = False, as_json: bool = False) -> int:
    """Change or show the trusted folders.

    Raises:
        Forbidden: we run under one of our own supervisors, that is: an agent or a command asks, not the user (design 3.11).
    """
    state = Path(address.state_dir())
    if list_all or root is None:
        if not list_all:
            raise InvalidParams("a folder is missing", hint="sidecar trust ROOT, or sidecar trust --list.")
        return _show(list(trust.trusted_roots(state)), as_json)
    if supervised():
        raise Forbidden("only the user may trust a folder, not a command or agent that sidecar runs", hint="Run it in a terminal of your own.")
    return _show([(trust.distrust if remove else trust.trust)(state, root)], as_json)


def supervised() -> bool:
    """Whether one of our supervisors is above us. It stops mistakes, not malice (design 3.11)."""
    return bool(os.environ.get("SIDECAR_RUN")) or _below_supervisor(os.getppid())


def _below_supervisor(pid: int) -> bool:
    for _ in range(MAX_ANCESTORS):
        fields = proc.stat_fields(pid)
        if pid <= 1 or fields is None:
            return False
        if proc.name_of(pid) == proc.SUPERVISOR[:15]:
            return True
        pid = int(fields[1])
    return False


def _show(roots: list[str], as_json: bool) -> int:
    if as_json:
        output.write_json({"roots": roots})
    else:
        output.write("".join(f"{root}\n" for root in roots))
    return 0
