"""`sidecar completions SHELL`: a completion script, generated from the one parser so that it cannot disagree with it."""

from __future__ import annotations

from argparse import ArgumentParser

from sidecar.cli import output

HELP = "print a completion script for your shell"
SHELLS = ("bash", "zsh", "fish")


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"one of {', '.join(SHELLS)}")


def run(shell: str) -> int:
    """Print it."""
    from sidecar.cli import complete, parser

    output.write(complete.script(shell, complete.described(parser.build())))
    return 0
