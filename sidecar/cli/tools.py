"""`sidecar tools`: what the daemon's tools are."""

from __future__ import annotations

from argparse import ArgumentParser

from sidecar.cli import output
from sidecar.client import ndjson

HELP = "list the daemon's tools"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result, with every tool's JSON Schema")


def run(as_json: bool = False) -> int:
    """Print one tool a line."""
    with ndjson.connect() as client:
        result = client.request("sidecar/tools/list")
    if as_json:
        output.write_json(result)
    else:
        output.write(output.aligned([(tool["name"], tool["effect"], tool["lane"], tool["description"]) for tool in result["tools"]]))
    return 0
