"""`sidecar config show`: every setting, its value, and where it was set. Starts no daemon."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec

from sidecar import config
from sidecar.cli import entry, output
from sidecar.client import address
from sidecar.config import layers, trust
from sidecar.errors import InvalidParams

HELP = "show the settings and where each was set"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=["show"], help="show: print every setting")
    parser.add_argument("--root", default=".", help="the folder whose .sidecar.toml counts (default: the current one)")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help="as if it were given to `sidecar run`")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print {settings: [{key, value, origin}], notices}")


def run(action: str, root: str, settings: list[str], as_json: bool) -> int:
    """Print them; what was ignored goes to stderr."""
    state = Path(address.state_dir())
    real = os.path.realpath(root)
    loaded = config.load(flags(settings), os.environ, real, trusted=trust.is_trusted(state, real))
    rows = [{"key": key, "value": value, "origin": loaded.origins[key]} for key, value in _values(loaded)]
    if as_json:
        output.write_json({"settings": rows, "notices": loaded.notices})
        return entry.DONE
    output.write(output.aligned([(row["key"], json.dumps(row["value"], ensure_ascii=False), row["origin"]) for row in rows]))
    output.flush()
    for notice in loaded.notices:
        entry.explain(notice, "")
    return entry.DONE


def flags(settings: list[str]) -> dict[str, str]:
    """`--set KEY=VALUE` options as `config.load` takes them.

    Raises:
        InvalidParams: one has no `=`.
    """
    for setting in settings:
        if "=" not in setting:
            raise InvalidParams(f"--set {setting}: expected KEY=VALUE", hint="For example: --set daemon.log_level=debug")
    return {key: value for key, _, value in (setting.partition("=") for setting in settings)}


def _values(loaded: config.Config) -> list[tuple[str, Any]]:
    tree = msgspec.to_builtins(loaded)
    return [(key, value) for path, value in layers.leaves(tree) if (key := ".".join(path)) in loaded.origins]
