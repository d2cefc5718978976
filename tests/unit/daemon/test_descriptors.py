"""The daemon's limit of open files."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from sidecar.daemon import descriptors


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """This process keeps its own limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_the_bound() -> None:
    """Not to a million, where a leak would take the machine down."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert descriptors.raise_soft_limit(300) == (300, hard)


def test_the_hard_limit_is_never_passed() -> None:
    """An unprivileged daemon may not, and none should."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    expected = 1 << 20 if hard == resource.RLIM_INFINITY else min(hard, 1 << 20)
    assert descriptors.raise_soft_limit(1 << 20) == (expected, hard)


def test_a_higher_soft_limit_is_kept() -> None:
    """Somebody chose it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert descriptors.raise_soft_limit(128) == (256, hard)
    assert descriptors.limits()["soft"] == 256
