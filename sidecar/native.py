"""The only importer of the Rust module. Says kindly that it is missing, and maps its errors to ours.

Must never do work itself: who calls Rust, from which thread and with which slot, is `engine/pool.py`'s business.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from sidecar import errors

if TYPE_CHECKING:
    from sidecar._native import Cancel, NativeError, Text

R = TypeVar("R")

_KINDS: dict[str, type[errors.SidecarError]] = {
    kind.kind: kind for kind in (errors.InvalidParams, errors.TooLarge, errors.NotFound, errors.OutsideRoot, errors.Cancelled, errors.Failed)
}


@functools.cache
def _module() -> ModuleType:
    try:
        if os.environ.get("SIDECAR_NATIVE") == "off":
            raise ImportError("SIDECAR_NATIVE is off")
        return importlib.import_module("sidecar._native")
    except ImportError as cause:
        raise errors.NotInstalled(
            "the native module sidecar._native cannot be loaded", hint="Run `make build`, or install the wheel for this platform.", cause=str(cause)
        ) from cause


def available() -> bool:
    """Whether the native module can be loaded."""
    try:
        _module()
    except errors.NotInstalled:
        return False
    return True


def version() -> str | None:
    """The native module's version, or None without one."""
    return str(build_info()["version"]) if available() else None


def build_info() -> dict[str, Any]:
    """Version, commit and the versions of the search crates.

    Raises:
        NotInstalled: there is no native module.
    """
    info: dict[str, Any] = json.loads(_module().build_info())
    return info


def stats() -> dict[str, int]:
    """The crate's counters; see `_native.pyi`."""
    counters: dict[str, int] = json.loads(_module().stats())
    return counters


def configure(threads: int) -> None:
    """Set the number of search threads.

    Raises:
        InvalidParams: not 1 to 256.
    """
    _mapped(lambda: _module().configure(threads))


def cancel(deadline_at_s: float) -> Cancel:
    """A stop flag for one call; the deadline in seconds of `time.monotonic()`."""
    flag: Cancel = _module().Cancel(deadline_at_s)
    return flag


def run(op: str, request: bytes, flag: Cancel, emit: Callable[[bytes], bool | None] | None = None) -> bytes:
    """Run an operation and wait for it with the GIL released; see `_native.pyi`.

    Raises:
        SidecarError: the class that the native error's kind names.
    """
    return _mapped(lambda: bytes(_module().run(op, request, flag, emit)))


def text(content: str | bytes) -> Text:
    """A document's text as a rope.

    Raises:
        InvalidParams: bytes that are not UTF-8.
    """
    made: Text = _mapped(lambda: _module().Text(content) if isinstance(content, str) else _module().Text.from_bytes(content))
    return made


def cut_sync(body: bytes) -> tuple[bytes, list[Text]]:
    """Take the texts out of a document-sync message (at most 16 MiB).

    Raises:
        TooLarge: over the bound.
        InvalidParams: a text that is no JSON string.
    """
    parts: tuple[bytes, list[Text]] = _mapped(lambda: _module().cut_sync(body))
    return parts


def mapped(error: NativeError) -> errors.SidecarError:
    """The error of ours that a native error stands for."""
    kind = _KINDS.get(error.kind, errors.Failed)
    return kind(error.message, hint=error.hint, **json.loads(error.data_json))


def _mapped(call: Callable[[], R]) -> R:
    native_error: type[NativeError] = _module().NativeError
    try:
        return call()
    except native_error as error:
        raise mapped(error) from error
