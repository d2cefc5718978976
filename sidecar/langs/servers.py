"""The language servers that we know: one row each, and nothing about any of them stands elsewhere.

To add one: a row here, and a row in `tests/unit/langs/test_servers.py`'s table of answers.
"""

from __future__ import annotations

import enum
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar import config
from sidecar.errors import NotInstalled


class Dialect(enum.Enum):
    """How a server tells that it is still reading the project (field note 12)."""

    PROGRESS = "progress"  # `$/progress` begin and end
    SERVER_STATUS = "serverStatus"  # rust-analyzer's `experimental/serverStatus`


@dataclass(frozen=True, slots=True)
class Row:
    """One language server.

    Attributes:
        name: in configuration, status and answers.
        command: argv.
        languages: file name suffix (with its dot) or whole file name -> LSP languageId.
        markers: a folder that holds one of these is a project's root.
        initialization: `initializationOptions` of `initialize`.
        settings: answers to `workspace/configuration`, by dotted section.
        dialect: how it tells its readiness.
        start_s: seconds that its start and `initialize` may take; minutes are common for large projects (field note 11).
        idle_stop_s: seconds without a request after which it is stopped; 0 = never.
        env: variables added to its environment.
        install: how to get it.
    """

    name: str
    command: tuple[str, ...]
    languages: Mapping[str, str]
    markers: tuple[str, ...]
    initialization: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    dialect: Dialect = Dialect.PROGRESS
    start_s: float = 120.0
    idle_stop_s: float = 1800.0
    env: Mapping[str, str] = field(default_factory=dict)
    install: str = ""

    def language_of(self, path: str) -> str | None:
        """The languageId of a file by its name, or None if it is not for this server."""
        name = os.path.basename(path)
        return self.languages.get(name) or self.languages.get(os.path.splitext(name)[1])


ROWS = (
    Row(
        name="basedpyright",
        command=("basedpyright-langserver", "--stdio"),
        languages={".py": "python", ".pyi": "python"},
        markers=("pyrightconfig.json", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", ".git"),
        # Open files only: diagnostics of a whole workspace would cost minutes of a core that nobody asked for.
        settings={"basedpyright": {"analysis": {"diagnosticMode": "openFilesOnly", "typeCheckingMode": "off"}, "disableTaggedHints": True}, "python": {}},
        install="pip install basedpyright",
    ),
)


def table(overrides: Mapping[str, config.Server], rows: Sequence[Row] = ROWS) -> tuple[Row, ...]:
    """The rows as the user has them; a disabled one is left out."""
    changed = (_overridden(row, overrides.get(row.name)) for row in rows)
    return tuple(row for row in changed if row is not None)


def _overridden(row: Row, by: config.Server | None) -> Row | None:
    if by is None:
        return row
    return replace(row, command=by.command or row.command, env=by.env, idle_stop_s=by.idle_stop_s) if by.enabled else None


def choose(rows: Sequence[Row], path: str, language_id: str | None = None) -> Row | None:
    """The server of a file: by the languageId its editor gave it, else by its name."""
    for row in rows:
        if language_id in row.languages.values() or row.language_of(path) is not None:
            return row
    return None


def configuration(row: Row, section: str | None) -> Any:
    """The settings of a dotted section (`python.analysis`); None for one that we have nothing about (LSP 3.17: null)."""
    found: Any = row.settings
    for name in section.split(".") if section else ():
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def locate(row: Row, search_path: str) -> tuple[str, ...]:
    """The command with its program as an absolute path: on the client's PATH, else beside our own Python. Blocking.

    Raises:
        NotInstalled: it is nowhere.
    """
    program = row.command[0]
    beside = os.path.dirname(sys.executable)
    found = shutil.which(program, path=search_path) or shutil.which(program, path=beside)
    if found is None:
        hint = f"Install it ({row.install}) where PATH finds it, or set servers.{row.name}.command." if row.install else f"Set servers.{row.name}.command."
        raise NotInstalled(f"the language server {program} was not found", hint=hint, server=row.name)
    return (os.path.abspath(found), *row.command[1:])
