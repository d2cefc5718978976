"""Folders of files for searches to find things in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by relative path; the root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def wide_tree(root: Path, files: int, lines: int = 20, needle: str = "needle") -> Path:
    """So many files of so many lines, each line with the needle."""
    text = "".join(f"{needle} number {number} in the hay\n" for number in range(lines))
    return write_tree(root, {f"d{number % 17}/f{number}.txt": text for number in range(files)})


def endless_tree(root: Path, megabytes: int = 200) -> Path:
    """One sparse file that takes a while to search and holds nothing: work that a cancel or a deadline must cut short."""
    root.mkdir(parents=True, exist_ok=True)
    line = (b"x" * 1023 + b"\n") * 1024
    with open(root / "big.txt", "wb") as file:
        for _ in range(megabytes):
            file.write(line)
    return root
