"""`sidecar hover FILE:LINE:COL`: what a language server says about a place, counted as compilers print it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from sidecar.cli import entry, output
from sidecar.client import ndjson
from sidecar.errors import InvalidParams

HELP = "show what a language server says about a place in a file"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("place", metavar="FILE:LINE:COL", help="line and column from 1; the column counts characters")
    parser.add_argument("--root", help="the project's folder (default: the current one if the file is below it, else the file's own)")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="how long a starting language server is waited for")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result")


def run(place: str, root: str | None = None, timeout: float | None = None, as_json: bool = False) -> int:
    """Print the contents; 1 where there are none."""
    path, line, character = position(place)
    params: dict[str, Any] = {"path": path, "line": line, "character": character}
    limits = {} if timeout is None else {"timeoutMs": int(timeout * 1000)}
    # In utf-32 a `character` is a code point, which is what a column is to a person and to Python.
    hello = {"root": os.path.abspath(root) if root else root_of(path), "positionEncoding": "utf-32", "env": dict(os.environ)}
    with ndjson.connect(hello=hello) as client:
        result = client.request("sidecar/tools/call", {"tool": "hover", "args": params, **limits})
    return _print(result, as_json)


def position(place: str) -> tuple[str, int, int]:
    """Absolute path, 0-based line and 0-based character of `FILE:LINE:COL`.

    Raises:
        InvalidParams: it is not of that shape, or counts from 0.
    """
    name, _, rest = place.rpartition(":")
    name, _, line = name.rpartition(":")
    if not (name and line.isdecimal() and rest.isdecimal() and int(line) and int(rest)):
        raise InvalidParams(f"{place}: expected FILE:LINE:COL, counted from 1", hint="For example: sidecar hover src/main.py:12:5")
    return os.path.abspath(name), int(line) - 1, int(rest) - 1


def root_of(path: str) -> str:
    """The current folder if the file is below it, else the file's own."""
    here = os.getcwd()
    return here if os.path.commonpath([here, path]) == here else os.path.dirname(path)


def _print(result: dict[str, Any], as_json: bool) -> int:
    contents = result.get("contents")
    if as_json:
        output.write_json(result)
    elif contents:
        output.write(contents["value"].rstrip("\n") + "\n")
    else:
        entry.explain(f"nothing is known about that place ({result.get('server') or 'no server'}: {result.get('readiness')})", "")
    return entry.DONE if contents else entry.NOTHING
