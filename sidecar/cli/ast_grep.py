"""`sidecar ast-grep PATTERN [PATH...]`: pieces of code by their syntax, with ast-grep's patterns and rules; a rewrite is printed as a diff."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from sidecar.cli import entry, output
from sidecar.client import ndjson
from sidecar.errors import InvalidParams

HELP = "search files for code by its syntax"
EVERYTHING = {"limit": 2**32 - 1, "maxBytes": 256 << 20}
"""A person at a terminal asked for all of it; the tool's own defaults are for agents."""
MAX_TIMEOUT_MS = 600_000
VALUES = (
    (("-l", "--lang"), "language", "LANG", "the pattern's language (default: what each file's name says)"),
    (("-r", "--rewrite"), "rewrite", "FIX", "what matches would become; printed as a diff, nothing is written"),
    (("--selector",), "selector", "KIND", "the part of the pattern that is meant"),
    (("--strictness",), "strictness", "WHICH", "cst, smart (default), ast, relaxed, signature or template"),
)


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="PATTERN [PATH...]", help="code with $NAME and $$$NAME for what may differ, and where (default: here)")
    parser.add_argument("--rule", metavar="FILE", help="search for the rules in this YAML file (-: standard input) in place of a pattern")
    for flags, name, metavar, text in VALUES:
        parser.add_argument(*flags, dest=f"args.{name}", metavar=metavar, default=argparse.SUPPRESS, help=text)
    parser.add_argument("-g", "--globs", action="append", dest="args.globs", metavar="GLOB", default=argparse.SUPPRESS, help="only files of this shape")
    parser.add_argument("--limit", type=int, dest="args.limit", metavar="N", default=argparse.SUPPRESS, help="so many matches at most")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop then, with what was found")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result as one line of JSON")


def run(words: list[str], rule: str | None, timeout: float | None, as_json: bool, **options: Any) -> int:
    """Print matches as they are found, or the diff; 0 when there were any, 1 when none, 124 when time ran out."""
    args = {name.removeprefix("args."): value for name, value in options.items()}
    asked = EVERYTHING | args | where(words, rule)
    params: dict[str, Any] = {"tool": "ast_grep", "args": asked, "timeoutMs": MAX_TIMEOUT_MS if timeout is None else int(timeout * 1000)}
    printer = Printer(quiet=as_json or "rewrite" in args)
    if not printer.quiet:
        params["partialResultToken"] = "ast-grep"
    with ndjson.connect(hello={"root": os.getcwd()}, on_notification=lambda _, value: printer.progress(value)) as client:
        result = client.request("sidecar/tools/call", params)
    if as_json:
        output.write_json(result)
    elif "rewrite" in args:
        output.write(result["diff"])
    return _verdict(result, printer.printed or len(result.get("matches", [])), as_json)


def where(words: list[str], rule: str | None) -> dict[str, Any]:
    """What to search for, and where.

    Raises:
        InvalidParams: no pattern and no rule, or a rule that cannot be read.
    """
    if rule is not None:
        return {"rule": read(rule), "paths": words or ["."]}
    if not words:
        raise InvalidParams("a pattern is missing", hint="sidecar ast-grep PATTERN [PATH...], or --rule FILE [PATH...]")
    return {"pattern": words[0], "paths": words[1:] or ["."]}


def read(rule: str) -> str:
    """The text of a rule file; `-` is standard input."""
    try:
        return Path("/dev/stdin" if rule == "-" else rule).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParams(f"--rule {rule}: {error}", hint="Name a YAML file.") from error


class Printer:
    """Prints matches in the order they come, as `path:line:text`, each line of a match with its own number; `printed` counts matches."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.printed = 0

    def progress(self, params: Any) -> None:
        """Print what a `$/progress` brings."""
        value = params.get("value") if isinstance(params, dict) else None
        for match in value.get("matches", []) if isinstance(value, dict) else []:
            self.printed += 1
            self._match(match)
        output.flush()

    def _match(self, match: dict[str, Any]) -> None:
        for number, line in enumerate(match["text"].split("\n"), start=match["line"]):
            output.write(f"{match.get('path', '?')}:{number}:{line}\n")


def _verdict(result: dict[str, Any], found: int, as_json: bool) -> int:
    reason = result.get("reason") if result.get("truncated") else None
    if reason and not as_json:
        output.flush()
        entry.explain(f"not everything was searched ({reason})", "Narrow the search, or raise --timeout." if reason == "timeout" else "Narrow the search.")
    if reason == "timeout":
        return entry.TIMED_OUT
    return entry.DONE if found else entry.NOTHING
