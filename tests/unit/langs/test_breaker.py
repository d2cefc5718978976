"""Back-off and breaker as values."""

from __future__ import annotations

from sidecar.langs.breaker import BACK_OFF_S, OPEN_S, STABLE_S, Breaker


def test_each_failure_in_a_row_waits_longer_and_one_too_many_opens_it() -> None:
    """The waits are the table's, then the breaker's own."""
    breaker, waits = Breaker(), []
    for _ in range(len(BACK_OFF_S) + 2):
        breaker = breaker.failed(100.0)
        waits.append(breaker.wait_s(100.0))
    assert waits == [*BACK_OFF_S, OPEN_S, OPEN_S]
    assert breaker.is_open and not Breaker(len(BACK_OFF_S)).is_open


def test_the_wait_ends_by_itself_and_is_never_negative() -> None:
    """It is counted from the failure."""
    breaker = Breaker().failed(100.0)
    assert breaker.wait_s(100.0 + BACK_OFF_S[0] / 2) == BACK_OFF_S[0] / 2
    assert breaker.wait_s(1000.0) == 0.0
    assert Breaker().wait_s(0.0) == 0.0


def test_a_crash_after_a_stable_life_is_the_first_one() -> None:
    """A shorter life counts on."""
    old = Breaker(attempts=3)
    assert old.failed(0.0, STABLE_S).attempts == 1
    assert old.failed(0.0, STABLE_S - 1).attempts == 4
