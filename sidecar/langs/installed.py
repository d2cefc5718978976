"""Which language servers this machine has, and where. Blocking: called in the hub's disk threads, never on the loop."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys

import msgspec

from sidecar.errors import NotInstalled
from sidecar.langs.servers import Row


class _Package(msgspec.Struct, frozen=True):
    version: str = ""


_package = msgspec.json.Decoder(_Package)
MAX_PACKAGE = 1 << 20
"""Bytes of a package.json that are read."""


def locate(row: Row, search_path: str) -> tuple[str, ...]:
    """The command with its program as an absolute path: on the client's PATH, else beside our own Python.

    Raises:
        NotInstalled: it is nowhere, or too old.
    """
    program = row.command[0]
    beside = os.path.dirname(sys.executable)
    found = shutil.which(program, path=search_path) or shutil.which(program, path=beside)
    if found is None:
        raise NotInstalled(f"the language server {program} was not found", hint=_advice(row), server=row.name)
    major = npm_major(found) if row.npm_major else None
    if major is not None and major < row.npm_major:
        raise NotInstalled(f"{found} has version {major}, and {row.npm_major} is the first that is a language server", hint=_advice(row), server=row.name)
    return (os.path.abspath(found), *row.command[1:])


def is_installed(row: Row, search_path: str) -> bool:
    """Whether it could be started."""
    try:
        locate(row, search_path)
    except NotInstalled:
        return False
    return True


def npm_major(program: str) -> int | None:
    """The major version of the npm package whose `bin` folder a program is in (npm links to it); None if it is in none."""
    package = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(program))), "package.json")
    with contextlib.suppress(OSError, msgspec.DecodeError, ValueError), open(package, "rb") as file:
        return int(_package.decode(file.read(MAX_PACKAGE)).version.partition(".")[0])
    return None


def _advice(row: Row) -> str:
    named = f"set servers.{row.name}.command."
    return f"Install it ({row.install}) where PATH finds it, or {named}" if row.install else named.capitalize()
