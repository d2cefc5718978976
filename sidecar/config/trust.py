"""Which roots the user has trusted: a file in the state folder, written by `sidecar trust` alone.

A root is a real path: what a symbolic link points at is what was trusted, and a link that is moved elsewhere is not.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from sidecar.errors import Failed, NotFound

FILE = "trusted.json"


def trusted_roots(state_dir: Path) -> tuple[str, ...]:
    """The real paths of all trusted roots, sorted.

    Raises:
        Failed: the file is there and cannot be understood; then nothing is trusted.
    """
    try:
        roots = json.loads((state_dir / FILE).read_bytes())["roots"]
        return tuple(sorted(str(root) for root in roots))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(f"{state_dir / FILE} cannot be read: {error}", hint="Remove it and trust your roots again.") from error


def is_trusted(state_dir: Path, root: str | Path) -> bool:
    """Whether the user trusted exactly this root; an unreadable file trusts nothing."""
    try:
        return os.path.realpath(root) in trusted_roots(state_dir)
    except Failed:
        return False


def trust(state_dir: Path, root: str | Path) -> str:
    """Trust `root` from now on; answers its real path.

    Raises:
        NotFound: it is no folder.
    """
    real = os.path.realpath(root)
    if not os.path.isdir(real):
        raise NotFound(f"{root} is no folder", hint="Name the folder that holds .sidecar.toml.")
    _write(state_dir, {*trusted_roots(state_dir), real})
    return real


def distrust(state_dir: Path, root: str | Path) -> str:
    """Trust `root` no longer; answers its real path."""
    real = os.path.realpath(root)
    _write(state_dir, {*trusted_roots(state_dir)} - {real})
    return real


def _write(state_dir: Path, roots: set[str]) -> None:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=state_dir, prefix=f".{FILE}.", delete=False) as file:
        json.dump({"roots": sorted(roots)}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, state_dir / FILE)
