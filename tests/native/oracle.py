"""The oracle: one search, asked of `rg --json` and of the native module, in one canonical form (search-engine.md section 9)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar import native

_BESIDE_PYTHON = Path(sys.executable).parent / "rg"
RG = str(_BESIDE_PYTHON) if _BESIDE_PYTHON.exists() else shutil.which("rg") or "rg"

_SWITCHES = {
    "fixedStrings": "--fixed-strings",
    "word": "--word-regexp",
    "multiline": "--multiline",
    "invert": "--invert-match",
    "hidden": "--hidden",
    "noIgnore": "--no-ignore",
    "follow": "--follow",
}
_CASES = {"sensitive": "--case-sensitive", "insensitive": "--ignore-case", "smart": "--smart-case"}
_NO_LIMITS = {"limit": 2**32 - 1, "maxBytes": 2**32 - 1, "maxLineBytes": 2**32 - 1}


@dataclass(frozen=True, order=True)
class Hit:
    """One matching line, or one block of lines in multiline mode; `text` without its last line feed."""

    path: bytes
    line: int
    offset: int
    text: bytes
    spans: tuple[tuple[int, int], ...]


@dataclass
class Found:
    """Everything one search found: hits, and context lines as (path, line, text)."""

    hits: list[Hit] = field(default_factory=list)
    context: list[tuple[bytes, int, bytes]] = field(default_factory=list)

    def canonical(self) -> tuple[list[Hit], list[tuple[bytes, int, bytes]]]:
        """Without the order in which files came."""
        return sorted(self.hits), sorted(self.context)


def search(root: Path, pattern: str | list[str], *, emit: Callable[[bytes], None] | None = None, timeout_s: float = 60, **args: Any) -> dict[str, Any]:
    """Ask the native module; without limits unless given."""
    request = _NO_LIMITS | {"root": str(root), "pattern": pattern, "encoding": "utf-8", "stream": emit is not None} | args
    answer = native.run("grep", json.dumps(request).encode(), native.cancel(time.monotonic() + timeout_s), emit)
    decoded: dict[str, Any] = json.loads(answer)
    return decoded


def ours(root: Path, pattern: str | list[str], **args: Any) -> Found:
    """The native module's result in canonical form."""
    found = Found()
    for match in search(root, pattern, **args)["matches"]:
        path = os.fsencode(match["path"]) if "path" in match else base64.b64decode(match["pathBytes"])
        text = _bytes(match)
        found.hits.append(Hit(path, match["line"], match["byteOffset"], text, tuple((span["start"], span["end"]) for span in match["submatches"])))
        before, after = match.get("before", []), match.get("after", [])
        found.context += [(path, match["line"] - len(before) + index, line.encode()) for index, line in enumerate(before)]
        found.context += [(path, match["line"] + text.count(b"\n") + 1 + index, line.encode()) for index, line in enumerate(after)]
    return found


def rg(root: Path, pattern: str | list[str], **args: Any) -> Found:
    """The rg binary's result in canonical form."""
    found = Found()
    done = subprocess.run([RG, "--json", *_argv(pattern, args)], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    for line in done.stdout.splitlines():
        event = json.loads(line)
        data = event["data"]
        if event["type"] == "match":
            spans = tuple((span["start"], span["end"]) for span in data["submatches"])
            found.hits.append(Hit(_path(data), data["line_number"], data["absolute_offset"], _line(data), spans))
        elif event["type"] == "context":
            found.context.append((_path(data), data["line_number"], _lossy(_line(data))))
    return found


def rg_lines(root: Path, pattern: str | list[str], switch: str, **args: Any) -> list[bytes]:
    """The rg binary's output lines with `switch` (`-l` or `-c`), sorted, with plain paths."""
    argv = [RG, switch, "--with-filename", *_argv(pattern, args)]
    done = subprocess.run(argv, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return sorted(os.path.normpath(line) for line in done.stdout.splitlines())


def _argv(pattern: str | list[str], args: Mapping[str, Any]) -> list[str]:
    argv = ["--no-config", _CASES[args.get("case", "sensitive")]]
    argv += [switch for name, switch in _SWITCHES.items() if args.get(name)]
    argv += [f"--glob={glob}" for glob in args.get("globs", [])]
    argv += [f"--type-not={name[1:]}" if name.startswith("!") else f"--type={name}" for name in args.get("types", [])]
    argv += [f"--before-context={args.get('before', 0)}", f"--after-context={args.get('after', 0)}"]
    if args.get("maxPerFile") is not None:
        argv.append(f"--max-count={args['maxPerFile']}")
    argv += [f"--regexp={one}" for one in ([pattern] if isinstance(pattern, str) else pattern)]
    return [*argv, "--", *args.get("paths", ["."])]


def _bytes(value: Mapping[str, Any]) -> bytes:
    return value["text"].encode() if "text" in value else base64.b64decode(value["bytes"])


def _path(data: Mapping[str, Any]) -> bytes:
    return os.path.normpath(_bytes(data["path"]))


def _line(data: Mapping[str, Any]) -> bytes:
    return _bytes(data["lines"]).removesuffix(b"\n")


def _lossy(line: bytes) -> bytes:
    """A context line as the native module shows it: text, with U+FFFD for what is not UTF-8."""
    return line.decode(errors="replace").encode()
