"""`sidecar call METHOD [JSON]`: any method of the protocol, its result as it came."""

from __future__ import annotations

import json
import os
import sys

from sidecar.cli import output
from sidecar.client import ndjson
from sidecar.errors import InvalidParams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

HELP = "send one request to the daemon and print its result as JSON"
ROOTED = ("sidecar/grep", "sidecar/glob", "sidecar/astGrep", "sidecar/tools/call", "sidecar/batch", "sidecar/agents/spawn", "textDocument/")
"""Methods that may need a root: for these it is the current folder. Not for others: a root that a client names is opened to readers."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("method", metavar="METHOD", help="for example sidecar/status")
    parser.add_argument("params", metavar="JSON", nargs="?", default=None, help="its params; - reads them from stdin (default: {})")
    parser.add_argument("--json", action="store_true", dest="as_json", help="accepted everywhere; the output is JSON anyway")


def quick(words: list[str]) -> dict[str, str | None] | None:
    """The options, where there is nothing but METHOD and JSON."""
    if not 1 <= len(words) <= 2 or any(word.startswith("-") and word != "-" for word in words):
        return None
    return {"method": words[0], "params": words[1] if len(words) == 2 else None}


def run(method: str, params: str | None = None, as_json: bool = True) -> int:
    """Print the result, behind what came for a `partialResultToken` before it."""
    sent = _params(params)
    rooted = method.startswith(ROOTED) and "root" not in sent
    listener = _print_notification if "partialResultToken" in sent else None
    with ndjson.connect(hello={"root": os.getcwd()} if rooted else None, on_notification=listener) as client:
        output.write_json(client.request(method, sent))
    return 0


def _params(text: str | None) -> dict[str, Any]:
    try:
        params = json.loads((sys.stdin.read() if text == "-" else text) or "{}")
    except ValueError as error:
        raise InvalidParams(f"the params are not JSON: {error}", hint="""Quote them for the shell: '{"pattern": "main"}'.""") from error
    if not isinstance(params, dict):
        raise InvalidParams("the params must be a JSON object", hint="""For example '{"pattern": "main"}'.""")
    return params


def _print_notification(method: str, params: object) -> None:
    output.write_json({"method": method, "params": params})
    output.flush()
