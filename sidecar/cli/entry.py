"""The command `sidecar`: which file a command is in, and what an error becomes. Parsing and printing are the commands' own.

`call`, `status` and `stop` are parsed by hand where that is simple, as argparse would be a good part of their whole run
(budget: 2.5 times `python -c 'import socket'`); anything unusual goes to the one parser, which knows them too.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from sidecar.errors import SidecarError, TimedOut

TYPE_CHECKING = False  # `typing` costs 5 ms of a command's start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

COMMANDS = (
    "run",
    "start",
    "stop",
    "restart",
    "status",
    "doctor",
    "call",
    "grep",
    "glob",
    "ast-grep",
    "hover",
    "tools",
    "lsp",
    "logs",
    "config",
    "trust",
    "completions",
)
"""Each is a module of this package with `HELP`, `arguments(parser)` and `run(**options) -> exit code`."""
QUICK = ("call", "status", "stop")
"""Those that also have `quick(words) -> options or None`, without argparse."""

DONE, NOTHING, ERROR, TIMED_OUT, INTERRUPTED = 0, 1, 2, 124, 130
"""The exit codes of every command (protocol.md "Command line")."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        words: what follows `sidecar` on the command line; default: this process's.

    Returns:
        The exit code.
    """
    try:
        code = _dispatch(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
        return code
    except SidecarError as error:
        explain(error.message, error.hint)
        return TIMED_OUT if isinstance(error, TimedOut) else ERROR
    except KeyboardInterrupt:
        return _abandoned(INTERRUPTED)
    except BrokenPipeError:
        return _abandoned(DONE)  # `sidecar grep x | head` is no error
    except Exception as error:  # noqa: BLE001  the one boundary: a user never sees a traceback
        return _defect(error)


def explain(message: str, hint: str) -> None:
    """Say on stderr what went wrong and what to do next."""
    try:
        sys.stderr.write(f"sidecar: {message}\n" + (f"  {hint}\n" if hint else ""))
    except OSError:
        return  # nobody can be told


def _dispatch(words: list[str]) -> int:
    if sys.platform == "win32":
        explain("Windows itself is not supported", "Install and run sidecar inside WSL.")
        return ERROR
    if words and words[0] in QUICK:
        module = command(words[0])
        options = module.quick(words[1:])
        if options is not None:
            return int(module.run(**options))
    parser = import_module("sidecar.cli.parser")
    name, options = parser.parse(words)
    return int(command(name).run(**options))


def command(name: str) -> Any:
    """The module of a command."""
    return import_module(f"sidecar.cli.{name.replace('-', '_')}")


def _abandoned(code: int) -> int:
    """What stdout still holds goes nowhere: nobody may read it, and Python's own last flush would complain, or wait for ever."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _defect(error: Exception) -> int:
    if os.environ.get("SIDECAR_DEBUG"):
        raise error
    explain(f"internal error: {type(error).__name__}: {error}", "Set SIDECAR_DEBUG=1 to see where, and please report it.")
    return ERROR
