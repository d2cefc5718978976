"""Finding the processes of one test by the mark that their environment carries, whoever their parent is by now."""

from __future__ import annotations

import os

MARK = "SIDECAR_TEST_MARK"


def marked(mark: str) -> dict[int, str]:
    """Living processes whose environment names `mark`: pid to command line. Zombies have no environment and do not count."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and wanted in _read(f"/proc/{name}/environ").split(b"\0"):
            found[int(name)] = _read(f"/proc/{name}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return found


def descriptor_kinds(pid: int) -> dict[str, int]:
    """How many descriptors of each kind a process has: `socket`, `pipe`, `pidfd`, `anon_inode`, and `file` for all else."""
    kinds: dict[str, int] = {}
    for target in descriptors(pid):
        kind = "pidfd" if "pidfd" in target else target.partition(":")[0]
        kind = kind if kind in ("socket", "pipe", "pidfd", "anon_inode") else "file"
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def descriptors(pid: int) -> list[str]:
    """What each descriptor of a process points at."""
    targets = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:
            continue  # closed between listing and reading
    return targets


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone, or not ours
