"""The oracle for structure: one search, asked of the ast-grep CLI and of the native module, in one canonical form (search-engine.md section 9)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar import native

AST_GREP = str(Path(sys.executable).parent / "ast-grep")
NO_LIMITS = {"limit": 2**32 - 1, "maxBytes": 2**32 - 1, "encoding": "utf-32"}
"""utf-32: the CLI counts columns in characters."""


@dataclass(frozen=True, order=True)
class Piece:
    """A piece of code: bytes, then line and column of both ends (0-based, in characters)."""

    start: int
    end: int
    start_at: tuple[int, int]
    end_at: tuple[int, int]
    text: str


@dataclass(frozen=True, order=True)
class Found:
    """One match; variables as sorted (name, pieces), so that the whole can be compared."""

    path: str
    piece: Piece
    language: str
    rule: str
    single: tuple[tuple[str, Piece], ...]
    multi: tuple[tuple[str, tuple[Piece, ...]], ...]
    transformed: tuple[tuple[str, str], ...]
    replacement: str
    replaced: tuple[int, int]


def search(root: Path, *, emit: Callable[[bytes], None] | None = None, timeout_s: float = 120, **args: Any) -> dict[str, Any]:
    """Ask the native module; without limits unless given."""
    request = NO_LIMITS | {"root": str(root), "stream": emit is not None} | args
    answer = native.run("ast_grep", json.dumps(request).encode(), native.cancel(time.monotonic() + timeout_s), emit)
    decoded: dict[str, Any] = json.loads(answer)
    return decoded


def ours(root: Path, **args: Any) -> list[Found]:
    """The native module's result, in its order."""
    return [_found(match["path"], match, _our_piece) for match in search(root, **args)["matches"]]


def cli(root: Path, **args: Any) -> list[Found]:
    """The CLI's result, sorted: its files and rules come in any order."""
    done = subprocess.run([AST_GREP, *argv(args)], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    matches = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted(_found(match["file"], match, _cli_piece) for match in matches)


def argv(args: Mapping[str, Any]) -> list[str]:
    """The CLI's words for a request."""
    rule = args.get("rule")
    words = ["scan", f"--inline-rules={rule if isinstance(rule, str) else json.dumps(rule)}"] if rule else ["run", f"--pattern={args['pattern']}"]
    words += [f"--{name}={args[key]}" for key, name in _VALUES.items() if args.get(key) is not None]
    words += [f"--globs={glob}" for glob in args.get("globs", [])]
    return [*words, "--json=stream", "--", *args.get("paths", ["."])]


_VALUES = {"language": "lang", "strictness": "strictness", "selector": "selector", "rewrite": "rewrite"}


def _found(path: str, match: Mapping[str, Any], piece: Callable[[Mapping[str, Any]], Piece]) -> Found:
    variables = match.get("metaVariables") or {"single": {}, "multi": {}, "transformed": {}}
    span = match.get("replacementOffsets") or match.get("replacementByteRange") or {"start": 0, "end": 0}
    return Found(
        path,
        piece(match),
        match["language"],
        match.get("ruleId", ""),
        tuple(sorted((name, piece(node)) for name, node in variables["single"].items())),
        tuple(sorted((name, tuple(piece(node) for node in nodes)) for name, nodes in variables["multi"].items())),
        tuple(sorted(variables["transformed"].items())),
        match.get("replacement", ""),
        (span["start"], span["end"]),
    )


def _our_piece(node: Mapping[str, Any]) -> Piece:
    start, end = node["range"]["start"], node["range"]["end"]
    return Piece(node["byteRange"]["start"], node["byteRange"]["end"], (start["line"], start["character"]), (end["line"], end["character"]), node["text"])


def _cli_piece(node: Mapping[str, Any]) -> Piece:
    offsets, start, end = node["range"]["byteOffset"], node["range"]["start"], node["range"]["end"]
    return Piece(offsets["start"], offsets["end"], (start["line"], start["column"]), (end["line"], end["column"]), node["text"])
