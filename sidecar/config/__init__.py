"""Configuration: read in layers, checked, frozen, and each value with its origin. Nothing else reads a settings file or variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sidecar.config import layers
from sidecar.config.settings import Daemon, Lane, Lanes, Limits, LogLevel, Native, Server, Settings, Timeout

__all__ = ["Config", "Daemon", "Lane", "Lanes", "Limits", "LogLevel", "Native", "Server", "Settings", "Timeout", "load", "user_file"]


class Config(Settings, frozen=True):
    """All settings, and how they came about.

    Attributes:
        origins: for each dotted key `default`, `file:line`, a variable's name, or `--set key`.
        notices: what was ignored and why, one sentence each.
        flags: those that it was loaded with, for the settings of single roots.
    """

    origins: dict[str, str] = {}
    notices: tuple[str, ...] = ()
    flags: dict[str, str] = {}


def user_file(env: Mapping[str, str]) -> Path:
    """The user's settings file; XDG Base Directory Specification 0.8: a relative `XDG_CONFIG_HOME` is ignored."""
    named = env.get("XDG_CONFIG_HOME", "")
    home = env.get("HOME") or os.path.expanduser("~")
    return (Path(named) if os.path.isabs(named) else Path(home) / ".config") / "sidecar" / "config.toml"


def load(flags: Mapping[str, str], env: Mapping[str, str], root: str | Path | None = None, *, trusted: bool = False) -> Config:
    """The settings that hold for `root`, or for the whole daemon without one.

    Args:
        flags: dotted key -> text, as in `--set daemon.log_level=debug`.
        env: the process environment.
        root: absolute path of a folder whose `.sidecar.toml` counts.
        trusted: whether the user trusted that root (`trust.is_trusted`).

    Raises:
        Misconfigured: an unknown key, a wrong type or no TOML; names the file and the line.
    """
    sources = [layers.defaults(), layers.from_file(user_file(env))]
    if root is not None:
        sources.append(layers.from_root(Path(root), trusted=trusted))
    return _merged([*sources, layers.from_env(env), layers.from_flags(flags)], flags)


def _merged(sources: list[layers.Layer], flags: Mapping[str, str]) -> Config:
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for path, value in layers.leaves(source.tree):
            layers.put(tree, path, value)
        origins |= source.origins
    settings = msgspec.convert(tree, Settings)
    notices = tuple(notice for source in sources for notice in source.notices)
    return Config(**msgspec.structs.asdict(settings), origins=origins, notices=notices, flags=dict(flags))
