"""Where settings come from, in rising order: defaults, the user's file, the root's file, `SIDECAR_*` variables, flags.

Owns reading and merging. A root's file may come from a stranger's repository: until the user trusts that root only harmless
settings of it count (design 3.19), and a broken one is reported, never an error that would shut the user out.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sidecar.config.check import Problem, problems
from sidecar.config.lines import line_of
from sidecar.config.settings import Settings
from sidecar.errors import Misconfigured

Tree = dict[str, Any]
MAX_FILE_BYTES = 1 << 20
"""A settings file over 1 MiB is a mistake, or an attempt to fill our memory."""

ROOT_FILE = ".sidecar.toml"
NOT_SETTINGS = frozenset({"SOCKET", "STATE_DIR", "NO_AUTOSTART", "RUN", "CALL", "SESSION", "DEBUG"})
"""What follows `SIDECAR_` in the variables that are no settings."""

HARMLESS = ("servers.*.enabled", "servers.*.idle_stop_s")
"""What a root's file may always set; the rest of `servers` chooses programs or their environment and needs trust."""
OF_A_ROOT = ("servers",)
"""What can differ between roots at all; everything else belongs to the whole daemon."""


@dataclass(slots=True)
class Layer:
    """One source: its settings, and where each of them stands."""

    tree: Tree = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a tree with its keys, in the tree's order."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def put(tree: Tree, path: tuple[str, ...], value: object) -> None:
    """Set one value, making the tables on the way."""
    for key in path[:-1]:
        inner = tree.get(key)
        tree[key] = tree = inner if isinstance(inner, dict) else {}
    tree[path[-1]] = value


def defaults() -> Layer:
    """The settings' own defaults."""
    tree = msgspec.to_builtins(Settings())
    return Layer(tree, {".".join(path): "default" for path, _ in leaves(tree)})


def from_file(path: Path) -> Layer:
    """The settings of one file, empty if there is none.

    Raises:
        Misconfigured: it cannot be read, is not TOML, or holds an unknown key or a value of the wrong type; names file and line.
    """
    text = read_text(path)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, str(error)) from error
    found = list(problems(Settings, tree))
    if found:
        raise _misconfigured(found, lambda problem: f"{path}:{line_of(text, problem.path)}")
    return Layer(tree, {".".join(keys): f"{path}:{line_of(text, keys)}" for keys, _ in leaves(tree)})


def from_root(root: Path, *, trusted: bool) -> Layer:
    """What the root's own file may set; what it may not is named in `notices`."""
    try:
        layer = from_file(root / ROOT_FILE)
    except Misconfigured as error:
        if trusted:
            raise
        return Layer(notices=[f"{error.message}; the file is ignored"])
    return _allowed(layer, trusted=trusted, root=root)


def from_env(env: Mapping[str, str]) -> Layer:
    """`SIDECAR_DAEMON_LOG_LEVEL` and its like; a value is TOML, or else plain text.

    Raises:
        Misconfigured: a value is of the wrong type.
    """
    names = {"SIDECAR_" + "_".join(path).upper(): path for path, _ in leaves(defaults().tree)}
    layer = Layer()
    for name, text in env.items():
        if name in names:
            put(layer.tree, names[name], _value(text))
            layer.origins[".".join(names[name])] = name
        elif name.startswith("SIDECAR_") and name.removeprefix("SIDECAR_") not in NOT_SETTINGS:
            layer.notices.append(f"{name} is no setting and is ignored{_near(name, names)}")
    return _checked(layer)


def from_flags(flags: Mapping[str, str]) -> Layer:
    """`--set daemon.log_level=debug` and its like, by dotted key; a value is TOML, or else plain text.

    Raises:
        Misconfigured: no such key, or a value of the wrong type.
    """
    layer = Layer()
    for name, text in flags.items():
        put(layer.tree, tuple(name.split(".")), _value(text))
        layer.origins[name] = f"--set {name}"
    return _checked(layer)


def read_text(path: Path) -> str:
    """The text of a settings file, "" if there is none; never waits on a pipe or reads without end.

    Raises:
        Misconfigured: it is no plain file, too large, unreadable, or not UTF-8.
    """
    try:
        # O_NONBLOCK: opening a FIFO that a stranger's repository put there must not wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}", hint="Make the file readable, or remove it.") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise Misconfigured(f"{path}: is not a plain file of at most 1 MiB", hint="Replace it by a plain file, or remove it.")
        with open(descriptor, "rb", closefd=False) as file:  # Python's own `open` refuses a folder with an error of its own
            data = file.read(MAX_FILE_BYTES)
    finally:
        os.close(descriptor)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Misconfigured(f"{path}:{line}: is not UTF-8", hint="Save the file as UTF-8.") from error


def _allowed(layer: Layer, *, trusted: bool, root: Path) -> Layer:
    kept = Layer()
    for path, value in leaves(layer.tree):
        name = ".".join(path)
        if path[0] not in OF_A_ROOT:
            kept.notices.append(f"{layer.origins[name]}: {name} belongs to the whole daemon and is ignored here; set it in the user's file")
        elif not trusted and not _harmless(path):
            kept.notices.append(f"{layer.origins[name]}: {name} is ignored: {root} is not trusted (sidecar trust {root})")
        else:
            put(kept.tree, path, value)
            kept.origins[name] = layer.origins[name]
    return kept


def _harmless(path: tuple[str, ...]) -> bool:
    patterns = [pattern.split(".") for pattern in HARMLESS]
    return any(all(want in ("*", key) for want, key in zip(pattern, path, strict=False)) for pattern in patterns)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(layer: Layer) -> Layer:
    found = list(problems(Settings, layer.tree))
    if found:
        raise _misconfigured(found, lambda problem: layer.origins.get(".".join(problem.path), "--set"))
    return layer


def _near(name: str, names: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _not_toml(path: Path, said: str) -> Misconfigured:
    place = re.search(r"\(at line (\d+), column \d+\)", said)
    where = f"{path}:{place[1]}" if place else f"{path}"
    what = said.split(" (at ")[0]
    return Misconfigured(f"{where}: not TOML: {what[:1].lower()}{what[1:]}", hint="Correct the line; https://toml.io has the rules.")


def _misconfigured(found: list[Problem], where: Callable[[Problem], str]) -> Misconfigured:
    rows = [{"where": where(problem), "key": ".".join(problem.path), "message": problem.message, "hint": problem.hint} for problem in found]
    first = rows[0]
    return Misconfigured(f"{first['where']}: {first['key']}: {first['message']}", hint=first["hint"], problems=rows)
