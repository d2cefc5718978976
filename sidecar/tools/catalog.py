"""Every tool by name: each module of this package that has a `SPEC` is one (the file name is the tool's name)."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sidecar import tools
from sidecar.engine.spec import ToolSpec


def load(extra: Iterable[ToolSpec[Any]] = ()) -> dict[str, ToolSpec[Any]]:
    """All tools by name, in the order of their names.

    Args:
        extra: tools that the composition root adds.
    """
    modules = (importlib.import_module(f"{tools.__name__}.{found.name}") for found in pkgutil.iter_modules(tools.__path__))
    specs = [module.SPEC for module in modules if hasattr(module, "SPEC")]
    return {spec.name: spec for spec in sorted([*specs, *extra], key=lambda spec: spec.name)}


def describe(catalog: Mapping[str, ToolSpec[Any]]) -> list[dict[str, object]]:
    """The `tools` member of `sidecar/tools/list`; schemas are JSON Schema 2020-12."""
    return [_described(spec) for spec in catalog.values()]


@functools.cache  # the two schemas take some milliseconds, and clients ask on the loop
def _described(spec: ToolSpec[Any]) -> dict[str, object]:
    return {
        "name": spec.name,
        "description": spec.description,
        "effect": spec.effect,
        "scope": spec.scope,
        "lane": spec.lane,
        "timeoutMs": {"default": spec.timeout.default_ms, "max": spec.timeout.max_ms},
        "inputSchema": msgspec.json.schema(spec.args),
        "outputSchema": msgspec.json.schema(spec.result),
    }
