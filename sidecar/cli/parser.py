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
    if words and words[0] in entry.COMMANDS:
        return words[0], _options(command(words[0]), list(words[1:]))
    parser = build()
    options = vars(parser.parse_args(words))
    if options["version"]:
        return "version", {"as_json": options["version_json"]}
    parser.error("--json belongs behind the command" if options["version_json"] else "a command is missing")


def _options(parser: Parser, words: list[str]) -> dict[str, Any]:
    """Options and words in any order (`grep PATTERN -i PATH`), which argparse calls intermixed; there it cannot read `--` (bpo-14191)."""
    rest = next((action.dest for action in parser._actions if action.nargs == "*"), None)
    if "--" not in words or rest is None:
        return vars(parser.parse_intermixed_args(_joined(parser, words)))
    end = words.index("--")
    options = vars(parser.parse_intermixed_args(_joined(parser, words[:end])))
    return options | {rest: [*options[rest], *words[end + 1 :]]}


def command(name: str) -> Parser:
    """The parser of one command; only its module is imported."""
    parser = Parser(prog=f"sidecar {name}")
    _declare(parser, name)
    return parser


def build() -> Parser:
    """The parser of everything, for help and completions."""
    parser = Parser(prog="sidecar", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="print version, commit and engine versions")
    parser.add_argument("--json", action="store_true", dest="version_json", help="with --version: print JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in entry.COMMANDS:
        _declare(commands.add_parser(name, help=entry.command(name).HELP), name)
    return parser


def takes_value(action: argparse.Action) -> bool:
    """Whether a value follows this option."""
    return action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction)


def _declare(parser: Parser, name: str) -> None:
    module = entry.command(name)
    parser.description = f"{module.HELP[:1].upper()}{module.HELP[1:]}."
    module.arguments(parser)


def _joined(parser: Parser, words: Sequence[str]) -> list[str]:
    """`-e -x` as `-e-x`: argparse would take a value that begins with a dash for another option."""
    valued = {flag for action in parser._actions if takes_value(action) for flag in action.option_strings}
    joined: list[str] = []
    rest = iter(words)
    for word in rest:
        value = next(rest, None) if word in valued else None
        if value is not None and value.startswith("-"):
            joined.append(f"{word}={value}" if word.startswith("--") else word + value)
        else:
            joined += [word] if value is None else [word, value]
    return joined
