"""`sidecar --version`: version, commit and the versions of what is built in."""

from __future__ import annotations

import platform
from typing import Any

from sidecar import __version__, native
from sidecar.cli import output
from sidecar.errors import NotInstalled


def run(as_json: bool = False) -> int:
    """Print them, one a line; the first line is what scripts compare."""
    about = facts()
    if as_json:
        output.write_json(about)
        return 0
    commit = f" ({about['commit']})" if about.get("commit") else ""
    rows = [("python", about["python"]), *((name, str(version)) for name, version in about["engines"].items())]
    output.write(f"sidecar {about['version']}{commit}\n" + output.aligned([(f"  {name}", version) for name, version in rows]))
    return 0


def facts() -> dict[str, Any]:
    """What `--version --json` prints: `{version, commit, python, engines: {crate: version}}`."""
    about: dict[str, Any] = {"version": __version__, "commit": None, "python": platform.python_version(), "engines": {}}
    try:
        built = native.build_info()
    except NotInstalled as error:
        return about | {"engines": {"native": f"not installed: {error.message}"}}
    crates = {name: version for name, version in built.items() if name not in ("version", "commit")}
    return about | {"commit": built.get("commit"), "engines": {"native": built.get("version"), **crates}}
