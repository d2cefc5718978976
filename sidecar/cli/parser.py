"""The one parser: help, errors of usage and completions all come from it. Never prints but through argparse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from sidecar.cli import entry

DESCRIPTION = "One daemon per user that editors, command-line tools and AI agents share for fast search and language servers."
EPILOG = "Exit codes: 0 done, 1 nothing found or a check failed, 2 usage or error, 124 timed out, 130 interrupted."


class Parser(argparse.ArgumentParser):
    """Argparse without abbreviated options (`--js` must not start to mean another option in a later version)."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **keywords})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and leave with 2."""
        self.exit(entry.ERROR, f"sidecar: {message}\n  See `{self.prog} --help`.\n")


def parse(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command's name and its options; leaves the process for `--help` and errors of usage."""
    names = [words[0]] if words and words[0] in entry.COMMANDS else list(entry.COMMANDS)
    parser = build(names)
    options = vars(parser.parse_args(words))
    name, version, version_json = options.pop("command"), options.pop("version"), options.pop("version_json")
    if version:
        return "version", {"as_json": version_json}
    if name is None or version_json:
        parser.error("a command is missing" if name is None else "--json belongs behind the command")
    return name, options


def build(names: Sequence[str] = entry.COMMANDS) -> argparse.ArgumentParser:
    """The parser with these commands; only their modules are imported."""
    parser = Parser(prog="sidecar", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="print version, commit and engine versions")
    parser.add_argument("--json", action="store_true", dest="version_json", help="with --version: print JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in names:
        module = entry.command(name)
        module.arguments(commands.add_parser(name, help=module.HELP, description=module.HELP[:1].upper() + module.HELP[1:] + "."))
    return parser
