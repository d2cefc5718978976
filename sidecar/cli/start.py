"""`sidecar start`: see that a daemon runs, and say where."""

from __future__ import annotations

from argparse import ArgumentParser

from sidecar.cli import output
from sidecar.client import ndjson

HELP = "start the daemon unless it runs, and print its socket's path"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the daemon's hello: socket, pid, version, limits")


def run(as_json: bool = False) -> int:
    """Print the socket's path, or the whole hello."""
    with ndjson.connect() as client:
        if as_json:
            output.write_json(client.hello)
        else:
            output.write(f"{client.hello['socket']}\n")
    return 0
