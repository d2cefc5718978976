"""`sidecar doctor`: is everything as it should be, and if not, what to do. Starts no daemon."""

from __future__ import annotations

import os
from argparse import ArgumentParser

import msgspec

from sidecar.cli import entry, output
from sidecar.daemon import locks
from sidecar.doctor import checks, facts, report

HELP = "check the installation and the running daemon"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print {checks: [{id, state, summary, reason?, fix?}]}")
    parser.add_argument("--fix", action="store_true", help="first remove what is provably stale")
    parser.add_argument("--deep", action="store_true", help="start each language server too")


def run(as_json: bool = False, fix: bool = False, deep: bool = False) -> int:
    """Print every check; 1 if one fails."""
    if fix:
        _fix(quiet=as_json)
    found = checks.run(facts.gather(os.environ, locks.is_held, deep=deep))
    if as_json:
        output.write_json({"checks": msgspec.to_builtins(found)})
    else:
        output.write(report.text(found, color=output.on_terminal() and not os.environ.get("NO_COLOR")))
    return entry.NOTHING if report.failed(found) else entry.DONE


def _fix(*, quiet: bool) -> None:
    from sidecar.daemon import tidy

    for line in tidy.tidy(os.environ):
        if not quiet:
            output.write(f"removed {line}\n")
