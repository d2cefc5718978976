"""When a daemon that nobody uses is due to leave."""

from __future__ import annotations

from sidecar.daemon.idle import IdleClock


def test_it_is_due_after_the_configured_time_of_idleness() -> None:
    """Not before."""
    clock = IdleClock(10, now_s=100)
    assert not clock.due(idle=True, now_s=109.9)
    assert clock.due(idle=True, now_s=110)


def test_a_busy_moment_starts_the_count_again() -> None:
    """Idleness is counted without a break."""
    clock = IdleClock(10, now_s=100)
    assert not clock.due(idle=False, now_s=109)
    assert not clock.due(idle=True, now_s=118)
    assert clock.due(idle=True, now_s=119)


def test_a_client_between_two_looks_counts() -> None:
    """It came and went unseen by the ticks."""
    clock = IdleClock(10, now_s=100)
    clock.touch(108)
    assert not clock.due(idle=True, now_s=117)


def test_zero_means_never() -> None:
    """As the configuration says."""
    assert not IdleClock(0, now_s=0).due(idle=True, now_s=1e9)
