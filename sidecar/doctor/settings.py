"""The configuration as it is now: what is wrong with it, what of it is not default and where that was said. It changes nothing."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from sidecar import config
from sidecar.config import layers
from sidecar.errors import Misconfigured
from sidecar.langs import servers
from sidecar.tools import catalog

HIDDEN = "(hidden)"
"""Variables of a server's environment may hold keys, and doctor's output is pasted into reports (field-notes 7.7)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that is not default: its dotted key, its value as JSON, and where it was set."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """The user's configuration.

    Attributes:
        loaded: the settings themselves; None where they are wrong.
        problems: each with its place, and how to mend it.
        notices: what is ignored.
        changed_at: when the user's file was written last, seconds since the epoch; None where there is none.
    """

    loaded: config.Config | None = None
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    changed_at: float | None = None


def read(env: Mapping[str, str]) -> Configuration:
    """The configuration that a daemon would start with."""
    changed_at = _changed_at(env)
    try:
        loaded = config.load({}, env)
    except Misconfigured as error:
        rows = error.data.get("problems", [])
        said = tuple(f"{row['where']}: {row['key']}: {row['message']}. {row['hint']}" for row in rows)
        return Configuration(problems=said or (f"{error.message}. {error.hint}",), changed_at=changed_at)
    return Configuration(loaded, (), (*loaded.notices, *_unknown(loaded)), _settings(loaded), changed_at)


def _unknown(loaded: config.Config) -> Iterator[str]:
    """Names in the tables with free names that name nothing: a layer below cannot know which tools and servers there are."""
    known = {"servers": sorted(row.name for row in servers.ROWS), "timeouts": sorted(catalog.load())}
    for table, names in known.items():
        for name in getattr(loaded, table):
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
                yield f"{table}.{name} names nothing{f', did you mean {near[0]}?' if near else ''} (known: {', '.join(names)})"


def _settings(loaded: config.Config) -> tuple[Setting, ...]:
    tree = msgspec.to_builtins(loaded)
    values = {".".join(path): (path, value) for path, value in layers.leaves(tree)}
    changed = ((key, *values[key], origin) for key, origin in loaded.origins.items() if origin != "default" and key in values)
    return tuple(Setting(key, HIDDEN if "env" in path else json.dumps(value, ensure_ascii=False), origin) for key, path, value, origin in changed)


def _changed_at(env: Mapping[str, str]) -> float | None:
    try:
        return os.stat(config.user_file(env)).st_mtime
    except OSError:
        return None
