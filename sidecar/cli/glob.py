"""`sidecar glob PATTERN... [PATH...]`: files by name, with ripgrep's globs and ignore rules."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from sidecar.cli import entry, output
from sidecar.client import ndjson
from sidecar.errors import InvalidParams

HELP = "list files by name"
EVERYTHING = 2**32 - 1
"""A person at a terminal asked for all of them, as of rg; the tool's own default is for agents."""
MAX_TIMEOUT_MS = 600_000
SWITCHES = (
    (("--hidden", "-."), "hidden", "hidden files too"),
    (("--no-ignore",), "noIgnore", "ignored files too"),
    (("-L", "--follow"), "follow", "follow symbolic links"),
)


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PATTERN... [PATH...]",
        help="globs (!GLOB: not those), then where to look (default: here); a word behind the first is a glob if it has one of * ? [ { or begins with !",
    )
    for flags, name, text in SWITCHES:
        parser.add_argument(*flags, action="store_const", dest=f"args.{name}", const=True, default=argparse.SUPPRESS, help=text)
    parser.add_argument("-t", "--type", action="append", dest="args.types", metavar="TYPE", default=argparse.SUPPRESS, help="only files of this type")
    parser.add_argument("--limit", type=int, dest="args.limit", metavar="N", default=argparse.SUPPRESS, help="so many at most")
    parser.add_argument("--engine", choices=["auto", "native", "cli"], dest="args.engine", default=argparse.SUPPRESS, help="who lists them; cli: `rg` itself")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop then, with what was found")
    parser.add_argument("-0", "--null", action="store_true", help="a NUL behind each path in place of a line end")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result as one line of JSON")


def run(words: list[str], timeout: float | None, null: bool, as_json: bool, **options: Any) -> int:
    """Print the paths; 0 when there were any, 1 when none, 124 when time ran out."""
    args = {name.removeprefix("args."): value for name, value in options.items()}
    asked = {"limit": EVERYTHING} | args | where(words)
    params = {"tool": "glob", "args": asked, "timeoutMs": MAX_TIMEOUT_MS if timeout is None else int(timeout * 1000)}
    with ndjson.connect(hello={"root": os.getcwd()}) as client:
        result = client.request("sidecar/tools/call", params)
    if as_json:
        output.write_json(result)
    else:
        end = "\0" if null else "\n"
        output.write("".join(path + end for path in result["paths"]))
    return _verdict(result, as_json)


def where(words: Sequence[str]) -> dict[str, list[str]]:
    """Which words are patterns, and which are paths.

    Raises:
        InvalidParams: there are none.
    """
    if not words:
        raise InvalidParams("a pattern is missing", hint="sidecar glob PATTERN... [PATH...], for example sidecar glob '*.py' src")
    patterns = [word for at, word in enumerate(words) if at == 0 or _is_pattern(word)]
    paths = [word for word in words[1:] if not _is_pattern(word)]
    return {"patterns": patterns, "paths": paths or ["."]}


def _is_pattern(word: str) -> bool:
    return word.startswith("!") or any(sign in word for sign in "*?[{")


def _verdict(result: dict[str, Any], as_json: bool) -> int:
    reason = result.get("reason")
    if reason and not as_json:
        output.flush()
        entry.explain(f"not everything is listed ({reason})", "Narrow the search, or raise the limit.")
    if reason == "timeout":
        return entry.TIMED_OUT
    return entry.DONE if result["paths"] else entry.NOTHING
