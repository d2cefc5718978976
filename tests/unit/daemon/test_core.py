"""What every params object may carry is checked in one place."""

from __future__ import annotations

import pytest

from sidecar.daemon.core import check_timeout
from sidecar.errors import InvalidParams


@pytest.mark.parametrize("timeout_ms", [None, 0.001, 1, 1e12])
def test_a_positive_timeout_is_taken(timeout_ms: float | None) -> None:
    """Too large a one is cut by the method's maximum, not refused."""
    check_timeout(timeout_ms)


@pytest.mark.parametrize("timeout_ms", [0, -1, float("inf"), float("nan")])
def test_any_other_is_refused_by_name(timeout_ms: float) -> None:
    """-32602 names the field."""
    with pytest.raises(InvalidParams, match=r"^timeoutMs: expected a number above 0"):
        check_timeout(timeout_ms)
