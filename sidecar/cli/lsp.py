"""`sidecar lsp --stdio`: the daemon as a language server for editors that only speak to a child's stdin and stdout."""

from __future__ import annotations

from argparse import ArgumentParser

HELP = "speak the Language Server Protocol on stdin and stdout"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--stdio", action="store_true", required=True, help="the only way there is; editors expect the option")


def run(stdio: bool) -> int:
    """Carry bytes until one side ends."""
    from sidecar.bridges import lsp_stdio

    return lsp_stdio.run()
