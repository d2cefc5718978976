"""`sidecar grep PATTERN [PATH...]`: the daemon's grep with ripgrep's common flags and ripgrep's look."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentParser
from typing import Any

from sidecar.cli import entry, output
from sidecar.cli.printer import Look, Printer
from sidecar.client import ndjson
from sidecar.errors import InvalidParams

HELP = "search files for a pattern"
EVERYTHING = {"limit": 2**32 - 1, "maxBytes": 256 << 20, "maxLineBytes": 1 << 20}
"""A person at a terminal asked for all of it, as of rg: the most that the tool takes; its own defaults are for agents."""
MAX_TIMEOUT_MS = 600_000
SWITCHES = (
    # flags, the tool's argument, its value, help
    (("-i", "--ignore-case"), "case", "insensitive", "search without regard to case"),
    (("-S", "--smart-case"), "case", "smart", "without regard to case unless the pattern has capitals"),
    (("-s", "--case-sensitive"), "case", "sensitive", "with regard to case (default)"),
    (("-w", "--word-regexp"), "word", True, "only whole words"),
    (("-F", "--fixed-strings"), "fixedStrings", True, "the pattern is plain text"),
    (("-U", "--multiline"), "multiline", True, "a match may span lines"),
    (("-v", "--invert-match"), "invert", True, "lines that do not match"),
    (("--hidden", "-."), "hidden", True, "hidden files too"),
    (("--no-ignore",), "noIgnore", True, "ignored files too"),
    (("-L", "--follow"), "follow", True, "follow symbolic links"),
    (("-l", "--files-with-matches"), "mode", "files", "only the names of files that match"),
    (("-c", "--count"), "mode", "count", "only the number of matching lines of each file"),
)
VALUES = (
    (("-A", "--after-context"), "after", "lines shown after each match"),
    (("-B", "--before-context"), "before", "lines shown before each match"),
    (("-C", "--context"), "context", "lines shown around each match"),
    (("-m", "--max-count"), "maxPerFile", "matching lines of each file at most"),
)

LISTS = (
    (("-g", "--glob"), "globs", "only files of this shape; with ! before it: none of them"),
    (("-t", "--type"), "types", "only files of this type"),
)


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="PATTERN [PATH...]", help="a regular expression, and where to search (default: here)")
    parser.add_argument("-e", "--regexp", action="append", dest="patterns", metavar="PATTERN", help="a pattern; more than one may be given")
    for flags, name, value, text in SWITCHES:
        parser.add_argument(*flags, action="store_const", dest=f"args.{name}", const=value, default=argparse.SUPPRESS, help=text)
    for flags, name, text in VALUES:
        parser.add_argument(*flags, type=int, dest=f"args.{name}", metavar="N", default=argparse.SUPPRESS, help=text)
    for flags, name, text in LISTS:
        parser.add_argument(*flags, action="append", dest=f"args.{name}", metavar=name[:-1].upper(), default=argparse.SUPPRESS, help=text)
    parser.add_argument("--sort", choices=["path", "none"], default="none", help="path: files in the order of their paths")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop then, with what was found")
    look = parser.add_argument_group("output")
    look.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result as one line of JSON")
    look.add_argument("--vimgrep", action="store_true", help="path:line:column:text, a line for each match")
    look.add_argument("-n", "--line-number", action="store_true", dest="numbers", default=True, help="with line numbers (default)")
    look.add_argument("-N", "--no-line-number", action="store_false", dest="numbers", help="without")
    look.add_argument("--heading", action=argparse.BooleanOptionalAction, default=None, help="the path above its matches (default: on a terminal)")
    look.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="default: on a terminal, unless NO_COLOR is set")


def run(words: list[str], patterns: list[str] | None, sort: str, timeout: float | None, as_json: bool, **options: Any) -> int:
    """Print matches as they are found; 0 when there were any, 1 when none, 124 when time ran out."""
    args = {name.removeprefix("args."): value for name, value in options.items() if name.startswith("args.")}
    context = args.pop("context", 0)
    around = {"before": context, "after": context, "order": "path" if sort == "path" else "any"}
    asked = EVERYTHING | around | args | _where(words, patterns)
    params = {"tool": "grep", "args": asked, "timeoutMs": MAX_TIMEOUT_MS if timeout is None else int(timeout * 1000)}
    printer = Printer(_look(options, context=max(asked["before"], asked["after"]) > 0))
    if not as_json:
        params["partialResultToken"] = "grep"
    with ndjson.connect(hello={"root": os.getcwd()}, on_notification=lambda _, value: _progress(printer, value)) as client:
        result = client.request("sidecar/tools/call", params)
    if as_json:
        output.write_json(result)
    else:
        printer.rest(result)
    return _verdict(result, printer, as_json)


def _where(words: list[str], patterns: list[str] | None) -> dict[str, Any]:
    if not patterns and not words:
        raise InvalidParams("a pattern is missing", hint="sidecar grep PATTERN [PATH...]")
    found = patterns or words[:1]
    paths = (words if patterns else words[1:]) or ["."]
    return {"pattern": found if len(found) > 1 else found[0], "paths": paths}


def _look(options: dict[str, Any], *, context: bool) -> Look:
    terminal = output.on_terminal()
    color = options["color"] == "always" or (options["color"] == "auto" and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    heading = terminal if options["heading"] is None else options["heading"]
    return Look(color=color, heading=heading and not options["vimgrep"], numbers=options["numbers"], vimgrep=options["vimgrep"], context=context)


def _progress(printer: Printer, params: Any) -> None:
    value = params.get("value") if isinstance(params, dict) else None
    if isinstance(value, dict) and "matches" in value:
        printer.matches(value["matches"])
        output.flush()


def _left_out(result: dict[str, Any]) -> int:
    """How many files could not be searched; said on stderr, as rg says its errors."""
    skipped = result.get("skipped", {})
    unreadable, large = skipped.get("unreadable", 0), skipped.get("tooLarge", 0)
    if unreadable or large:
        output.flush()
        entry.explain(f"{unreadable + large} files were not searched: {unreadable} unreadable, {large} with a line of over 16 MiB", "Search those with rg.")
    return int(unreadable + large)


def _verdict(result: dict[str, Any], printer: Printer, as_json: bool) -> int:
    reason = result.get("reason") if result.get("truncated") else None
    if reason and not as_json:
        output.flush()
        entry.explain(f"not everything was searched ({reason})", "Narrow the search, or raise --timeout." if reason == "timeout" else "Narrow the search.")
    if reason == "timeout":
        return entry.TIMED_OUT
    if not as_json and _left_out(result):
        return entry.ERROR
    found = printer.printed or any(result.get(name) for name in ("matches", "paths", "counts"))
    return entry.DONE if found else entry.NOTHING
