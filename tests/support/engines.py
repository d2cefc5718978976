"""The programs of the CLI engine for tests: the real ones, and ones that we own and script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

BESIDE_PYTHON = Path(sys.executable).parent
"""Where `rg` and `ast-grep` of the test environment are."""


def with_search_programs(*first: Path) -> dict[str, str]:
    """Environment whose PATH has `first`, then the test environment's programs, then the system's."""
    return {"PATH": os.pathsep.join([*map(str, first), str(BESIDE_PYTHON), os.environ.get("PATH", os.defpath)])}


def script(folder: Path, name: str, text: str) -> Path:
    """An executable shell script; the folder it is in."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return folder
