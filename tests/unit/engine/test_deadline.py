"""Deadlines are instants that only ever come nearer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.deadline import Deadline


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e6))
def test_a_deadline_is_only_ever_shortened(first_ms: float, second_ms: float, now_s: float) -> None:
    """`shortened_ms` never returns a later instant (invariant 4)."""
    deadline = Deadline.after_ms(first_ms, now_s)
    assert deadline.shortened_ms(second_ms, now_s).at_s <= deadline.at_s


def test_nothing_is_left_after_the_deadline() -> None:
    """`remaining_s` stops at zero."""
    assert Deadline(10.0).remaining_s(4.0) == 6.0
    assert Deadline(10.0).remaining_s(11.0) == 0.0
