"""Prints the requirements that pyproject.toml lists for the named groups, one a line.

    python .ci/requirements.py build run servers

`build` = the build system, `run` = what the daemon needs, anything else = the extra of that name. Standard library only:
it runs in a virtual environment in which nothing is installed yet.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(project: dict[str, object], group: str) -> list[str]:
    """The requirement strings of one group; raises KeyError when there is no such group."""
    table = project["build-system"] if group == "build" else project["project"]
    assert isinstance(table, dict)
    found = {"build": "requires", "run": "dependencies"}
    listed = table[found[group]] if group in found else table["optional-dependencies"][group]
    assert isinstance(listed, list)
    return listed


if __name__ == "__main__":
    settings = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    for name in sys.argv[1:]:
        print(*requirements(settings, name), sep="\n")
