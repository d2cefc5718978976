"""Asking again and again; `tests/e2e/test_watch.py` looks at the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.cli import watch
from sidecar.errors import NotFound


def test_with_nobody_to_begin_with_it_is_an_error(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a daemon that was once seen is waited for."""
    monkeypatch.setenv("SIDECAR_SOCKET", str(short_tmp / "daemon.sock"))
    with pytest.raises(NotFound):
        watch.Feed().look()
