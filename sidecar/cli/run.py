"""`sidecar run`: the daemon in the foreground."""

from __future__ import annotations

import os
from argparse import ArgumentParser

HELP = "run the daemon in the foreground"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help="one setting, for example daemon.log_level=debug")


def run(settings: list[str]) -> int:
    """Be the daemon until it is stopped."""
    from sidecar.daemon import startup

    pipe = startup.begin(os.environ)
    # Behind `begin`, which forks: nothing that starts threads may be imported before it.
    from sidecar.cli.config import flags
    from sidecar.daemon import app

    return app.run(pipe, flags(settings))
