"""What notifications say about readiness, per dialect."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sidecar.langs.readiness import MAX_TOKENS, Readiness, Watch
from sidecar.langs.servers import Dialect


def notice(watch: Watch, method: str, params: Any) -> None:
    """One notification."""
    watch.notice(method, msgspec.Raw(json.dumps(params).encode()))


def progress(watch: Watch, token: int | str, kind: str) -> None:
    """One `$/progress`."""
    notice(watch, "$/progress", {"token": token, "value": {"kind": kind, "title": "x"}})


def test_it_is_indexing_while_any_progress_is_open() -> None:
    """From the first begin to the last end; reports change nothing."""
    watch = Watch(Dialect.PROGRESS)
    assert watch.state is Readiness.READY
    progress(watch, "a", "begin")
    progress(watch, 1, "begin")
    progress(watch, "a", "report")
    progress(watch, "a", "end")
    assert watch.state is Readiness.INDEXING
    progress(watch, 1, "end")
    assert watch.state is Readiness.READY


def test_rust_analyzers_status_says_when_it_is_quiet() -> None:
    """Not before it has said so; its bad health is `degraded`."""
    watch = Watch(Dialect.SERVER_STATUS)
    assert watch.state is Readiness.INDEXING
    notice(watch, "experimental/serverStatus", {"health": "ok", "quiescent": True})
    assert watch.state is Readiness.READY
    notice(watch, "experimental/serverStatus", {"health": "error", "quiescent": True, "message": "no cargo"})
    assert watch.state is Readiness.DEGRADED
    notice(watch, "experimental/serverStatus", {"health": "warning", "quiescent": False})
    assert watch.state is Readiness.INDEXING


def test_a_silent_server_is_ready_with_its_first_diagnostics() -> None:
    """Before it has read the first document its empty answers mean nothing; for other dialects they are no sign."""
    watch = Watch(Dialect.DIAGNOSTICS)
    assert watch.state is Readiness.INDEXING
    notice(watch, "textDocument/publishDiagnostics", {"uri": "file:///a", "diagnostics": []})
    assert watch.state is Readiness.READY
    other = Watch(Dialect.SERVER_STATUS)
    notice(other, "textDocument/publishDiagnostics", {"uri": "file:///a", "diagnostics": []})
    assert other.state is Readiness.INDEXING


@pytest.mark.parametrize("params", [None, [], {"token": None}, {"token": 1.5, "value": 3}, {"value": {"kind": "begin"}}])
def test_nonsense_says_nothing(params: Any) -> None:
    """It does not fail either."""
    watch = Watch(Dialect.PROGRESS)
    notice(watch, "$/progress", params)
    assert watch.state is Readiness.READY


def test_other_notifications_say_nothing() -> None:
    """A status of another dialect is not listened to."""
    watch = Watch(Dialect.PROGRESS)
    notice(watch, "experimental/serverStatus", {"health": "error", "quiescent": False})
    notice(watch, "window/logMessage", {"type": 1, "message": "x"})
    assert watch.state is Readiness.READY


def test_tokens_are_bounded() -> None:
    """A server that begins for ever does not grow us."""
    watch = Watch(Dialect.PROGRESS)
    for token in range(MAX_TOKENS + 10):
        progress(watch, token, "begin")
    for token in range(MAX_TOKENS):
        progress(watch, token, "end")
    assert watch.state is Readiness.READY
