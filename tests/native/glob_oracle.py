"""Asks `rg --files` and the native module for the same files."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sidecar import native
from tests.native.oracle import RG

_SWITCHES = {"hidden": "--hidden", "noIgnore": "--no-ignore", "follow": "--follow"}


def glob(root: Path, patterns: str | Sequence[str], *, timeout_s: float = 60, **args: Any) -> dict[str, Any]:
    """Ask the native module; without a limit unless given."""
    request = {"limit": 2**32 - 1, "root": str(root), "patterns": patterns} | args
    answer = native.run("glob", json.dumps(request).encode(), native.cancel(time.monotonic() + timeout_s), None)
    decoded: dict[str, Any] = json.loads(answer)
    return decoded


def rg_files(root: Path, patterns: str | Sequence[str], **args: Any) -> list[str]:
    """The rg binary's files, in byte order of plain paths."""
    argv = [RG, "--files", "--no-config", "--null", *(switch for name, switch in _SWITCHES.items() if args.get(name))]
    argv += [f"--glob={one}" for one in ([patterns] if isinstance(patterns, str) else patterns)]
    argv += [f"--type-not={name[1:]}" if name.startswith("!") else f"--type={name}" for name in args.get("types", [])]
    done = subprocess.run([*argv, "--", *args.get("paths", ["."])], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    paths = sorted(os.path.normpath(path) for path in done.stdout.split(b"\0") if path)
    return [path.decode(errors="replace") for path in paths]
