"""`sidecar doctor`: is everything as it should be, and if not, what to do. Starts no daemon."""

from __future__ import annotations

import os
from argparse import ArgumentParser

import msgspec

from sidecar.cli import entry, output
from sidecar.daemon import locks
from sidecar.doctor import checks, facts, report
from sidecar.errors import SidecarError

HELP = "check the installation and the running daemon"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print {checks: [{id, state, summary, reason?, fix?}], fixed?: [removed]}")
    parser.add_argument("--fix", action="store_true", help="first remove what is provably stale: dead sockets and runs of a killed daemon")
    parser.add_argument("--deep", action="store_true", help="start each language server too")
    parser.epilog = "Exit codes: 0 nothing fails, 1 something fails, 2 could not check."


def run(as_json: bool = False, fix: bool = False, deep: bool = False) -> int:
    """Print every check; 1 if one fails."""
    fixed, refused = _fix() if fix else ([], "")
    found = checks.run(facts.gather(os.environ, locks.is_held, deep=deep))
    if as_json:
        output.write_json({"checks": msgspec.to_builtins(found)} | ({"fixed": fixed} if fix else {}))
    else:
        output.write("".join(f"removed {one}\n" for one in fixed) + ("nothing stale to remove\n" if fix and not fixed and not refused else ""))
        output.write(report.text(found, color=output.on_terminal() and not os.environ.get("NO_COLOR")))
    if refused:
        output.flush()
        entry.explain(f"nothing more was removed: {refused}", "Mend what fails above first.")
    return entry.NOTHING if report.failed(found) else entry.DONE


def _fix() -> tuple[list[str], str]:
    """What was removed, and why no more could be; the checks that follow explain it better."""
    from sidecar.daemon import tidy

    removed: list[str] = []
    try:
        removed.extend(tidy.tidy(os.environ))
    except SidecarError as error:
        return removed, error.message
    return removed, ""
