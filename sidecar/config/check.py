"""Whether a table holds only known keys of the right type. Pure: values in, problems out, all of them and not just the first."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.config.settings import Table


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one key."""

    path: tuple[str, ...]
    message: str
    hint: str


def problems(kind: type[Table], table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Everything that is wrong with `table` as a partial `kind`; `path` are the keys around it."""
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        here = (*path, key)
        if key not in known:
            yield _unknown(here, known)
        else:
            yield from _value(known[key], value, here)


def _value(kind: Any, value: object, path: tuple[str, ...]) -> Iterator[Problem]:
    member = member_table(kind)
    if own := own_table(kind):
        yield from problems(own, value, path) if isinstance(value, dict) else _no_table(path, value)
    elif member and isinstance(value, dict):
        for name, item in value.items():
            yield from _value(member, item, (*path, name))
    elif member:
        yield from _no_table(path, value)
    else:
        yield from _leaf(kind, value, path)


def own_table(kind: Any) -> type[Table] | None:
    """`kind` if it is one table with fixed keys, else None."""
    return kind if isinstance(kind, type) and issubclass(kind, Table) else None


def member_table(kind: Any) -> type[Table] | None:
    """What the members of a table with free names are (`servers`, `timeouts`), else None."""
    arguments = typing.get_args(kind)
    return own_table(arguments[1]) if typing.get_origin(kind) is dict else None


def _no_table(path: tuple[str, ...], value: object) -> Iterator[Problem]:
    yield Problem(path, f"expected a table, got {type(value).__name__}", f"Write [{'.'.join(path)}] and its keys below it.")


def _leaf(kind: Any, value: object, path: tuple[str, ...]) -> Iterator[Problem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = str(error).split(" - at ")[0].replace("`", "")
        yield Problem(path, said[:1].lower() + said[1:], "Correct the value, or remove the line to get the default.")


def _unknown(path: tuple[str, ...], known: Mapping[str, object]) -> Problem:
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
    around = ".".join(path[:-1])
    dotted = f"{around}." if around else ""
    hint = f"Did you mean {dotted}{near[0]}?" if near else f"Known keys here: {', '.join(sorted(known))}."
    return Problem(path, "unknown key", hint)
