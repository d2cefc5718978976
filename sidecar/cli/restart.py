"""`sidecar restart`: stop the daemon if one runs, start another, and say where."""

from __future__ import annotations

from argparse import ArgumentParser

from sidecar.cli import start, stop

HELP = "stop the daemon if it runs, and start it"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    stop.arguments(parser)


def run(mode: str = "drain", as_json: bool = False) -> int:
    """Print as `start` does."""
    stop.end(mode)
    return start.run(as_json)
