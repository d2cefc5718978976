"""The real language servers that the tests speak with: where `make test` puts each, and a small project for it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sidecar.langs.servers import ROWS
from tests.support.trees import write_tree

PROJECT = Path(__file__).resolve().parents[2]
NPM = Path(__file__).with_name("npm") / "node_modules"
PLACES = (PROJECT / ".venv" / "bin", PROJECT / ".cache" / "bin", NPM / ".bin")
COMMANDS = {"tsc": [str(NPM / "typescript-7" / "bin" / "tsc"), "--lsp", "--stdio"]}
"""Where a program's name alone would find another one."""
IS_LONG = os.environ.get("SIDECAR_TEST_LONG") == "1"


@dataclass(frozen=True)
class Sample:
    """A project in which something called `twice` is hovered.

    Attributes:
        server: name of the row.
        files: the project; `path` is the one that is hovered.
        language: its languageId.
        at: line and character of a use of `twice`.
        says: what a hover must contain beside the name.
    """

    server: str
    files: dict[str, str]
    path: str
    language: str
    at: tuple[int, int]
    says: str

    def write(self, folder: Path, word: str) -> Path:
        """The project, with a word of the same length in place of `twice`."""
        return write_tree(folder, {name: text.replace("twice", word) for name, text in self.files.items()})

    def text(self, word: str) -> str:
        """The hovered file, likewise."""
        return self.files[self.path].replace("twice", word)

    def args(self) -> dict[str, object]:
        """The tool's."""
        return {"path": self.path, "line": self.at[0], "character": self.at[1]}


_PYTHON = {"pyproject.toml": "", "a.py": 'def twice(n: int) -> int:\n    """Doubles."""\n    return 2 * n\n\n\nprint(twice(2))\n'}
_TYPESCRIPT = {"tsconfig.json": "{}", "a.ts": "/** Doubles. */\nexport function twice(n: number): number { return 2 * n }\nexport const four = twice(2)\n"}
_C = {"compile_flags.txt": "-std=c11\n", "a.c": "/** Doubles. */\nint twice(int n) { return 2 * n; }\nint four(void) { return twice(2); }\n"}
_GO = {
    "go.mod": "module example.org/p\n",
    "a.go": "package p\n\n// twice: Doubles.\nfunc twice(n int) int { return 2 * n }\n\nvar four = twice(2)\n",
}
_BASH = {".git/HEAD": "", "a.sh": '#!/bin/bash\n\n# Doubles.\ntwice() { echo "$1$1"; }\n\ntwice x\n'}
_RUST = {
    "Cargo.toml": '[package]\nname = "p"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": "/// Doubles.\npub fn twice(n: i32) -> i32 { 2 * n }\npub fn four() -> i32 { twice(2) }\n",
}
SAMPLES = (
    Sample("basedpyright", _PYTHON, "a.py", "python", (5, 7), "Doubles."),
    Sample("ty", _PYTHON, "a.py", "python", (5, 7), "Doubles."),
    Sample("clangd", _C, "a.c", "c", (2, 25), "Doubles."),
    Sample("gopls", _GO, "a.go", "go", (5, 12), "Doubles."),
    Sample("typescript-language-server", _TYPESCRIPT, "a.ts", "typescript", (2, 21), "Doubles."),
    Sample("tsc", _TYPESCRIPT, "a.ts", "typescript", (2, 21), "Doubles."),
    Sample("bash-language-server", _BASH, "a.sh", "shellscript", (5, 1), "Doubles."),
    # 405 s to build: `make test-long` alone has it.
    *((Sample("rust-analyzer", _RUST, "src/lib.rs", "rust", (2, 25), "Doubles."),) if IS_LONG else ()),
)


def search_path() -> str:
    """PATH with all of them on it."""
    return os.pathsep.join([*map(str, PLACES), os.environ["PATH"]])


def environment() -> dict[str, str]:
    """What a daemon with a home of its own needs to find them, and their tool chains."""
    home = Path.home()
    rust = {"RUSTUP_HOME": str(home / ".rustup"), "CARGO_HOME": str(home / ".cargo")}
    return {"PATH": search_path()} | {name: os.environ.get(name, default) for name, default in rust.items()}


def config(server: str) -> str:
    """A `config.toml` in which one server is preferred, and found."""
    assert server in {row.name for row in ROWS}
    command = f"command = {json.dumps(COMMANDS[server])}\n" if server in COMMANDS else ""
    return f"[servers.{server}]\nprefer = true\n{command}"
