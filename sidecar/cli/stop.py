"""`sidecar stop`: end the running daemon, and wait until it has gone. Starts none."""

from __future__ import annotations

from sidecar.cli import output
from sidecar.client import ndjson
from sidecar.errors import ConnectionEnded, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

HELP = "stop the daemon"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--drain", action="store_const", const="drain", dest="mode", default="drain", help="let running requests end first (default)")
    how.add_argument("--now", action="store_const", const="now", dest="mode", help="end them")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result")


def quick(words: list[str]) -> dict[str, str] | None:
    """The options, where there are none but how."""
    modes = {(): "drain", ("--drain",): "drain", ("--now",): "now"}
    mode = modes.get(tuple(words))
    return None if mode is None else {"mode": mode}


def run(mode: str = "drain", as_json: bool = False) -> int:
    """Stop it; that none runs is no error."""
    result = end(mode)
    if as_json:
        output.write_json(result)
    else:
        output.write("no daemon runs\n" if result is None else "stopped\n")
    return 0


def end(mode: str) -> Any:
    """Stop the daemon and wait until it has gone; answers the reply's result, or None when none runs."""
    try:
        client = ndjson.connect(start=False)
    except NotFound:
        return None
    with client:
        result = client.request("sidecar/stop", {"mode": mode})
        _wait_until_gone(client)
    return result


def _wait_until_gone(client: ndjson.Client) -> None:
    """Its end of the connection closes when it leaves; nothing else needs to be watched."""
    try:
        while True:
            client.listen()
    except ConnectionEnded:
        return
