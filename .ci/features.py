"""Checks docs/features.md: every id of the catalogue is there once, and every file and test that a row names exists.

A row that is built names at least one source file and one test (`path::test_name`); every other row says "not yet".
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
COUNTS = {"A": 13, "B": 6, "C": 5, "D": 4, "E": 8, "F": 7, "G": 17, "H": 10, "I": 3}
ROW = re.compile(r"^\| ([A-I]\d+) \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]+\.(?:py|rs|sh|md|json))(?:::(\w+))?`")


def faults(text: str) -> Iterator[str]:
    """What is wrong, a line each."""
    rows = {row[1]: row for row in ROW.finditer(text)}
    wanted = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    if sorted(rows) != sorted(wanted) or len(ROW.findall(text)) != len(wanted):
        yield f"ids: missing {sorted(set(wanted) - set(rows))}, unknown {sorted(set(rows) - set(wanted))}, or one is there twice"
    for name, row in rows.items():
        built, tests = NAMED.findall(row[3]), NAMED.findall(row[4])
        if "not yet" not in row[4] and not (built and any(test for _, test in tests)):
            yield f"{name}: names no source file or no test, and does not say `not yet`"
        for path, test in (*built, *tests):
            yield from missing(name, path, test)


def missing(name: str, path: str, test: str) -> Iterator[str]:
    """A line if the file, or the test in it, does not exist."""
    file = ROOT / path
    if not file.exists():
        yield f"{name}: there is no {path}"
    elif test and not re.search(rf"\b(?:def|fn|class) {test}\b", file.read_text()):
        yield f"{name}: {path} has no {test}"


if __name__ == "__main__":
    found = list(faults((ROOT / "docs" / "features.md").read_text()))
    if found:
        sys.exit("docs/features.md:\n  " + "\n  ".join(found))
