"""Trees to search: real Python sources of this environment, copied once into .cache, so that every run searches the same files."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "corpus"
SUFFIXES = {".py", ".pyi"}


def large() -> Path:
    """More than 5,000 files: the standard library and everything installed beside it."""
    return _tree("large", 1_000_000)


def small() -> Path:
    """500 files."""
    return _tree("small", 500)


def count(tree: Path) -> int:
    """How many files a tree holds."""
    return sum(1 for path in tree.rglob("*") if path.is_file())


def _tree(name: str, most: int) -> Path:
    tree = CACHE / name
    if not (tree / ".git").exists():
        shutil.rmtree(tree, ignore_errors=True)
        for number, (kind, source) in zip(range(most), _sources(), strict=False):
            target = tree / kind / source
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(sysconfig.get_path(kind)) / source, target)
            del number
        (tree / ".git").mkdir()  # ends rg's look into the parents' ignore files; made last, so a broken copy is made again
    return tree


def _sources() -> Iterator[tuple[str, Path]]:
    for kind in ("stdlib", "purelib"):
        base = Path(sysconfig.get_path(kind))
        for path in sorted(base.rglob("*")):
            inner = path.relative_to(base)
            if path.suffix in SUFFIXES and path.is_file() and not (kind == "stdlib" and "site-packages" in inner.parts):
                yield kind, inner
