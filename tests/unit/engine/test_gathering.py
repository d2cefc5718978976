"""The CLI engine's limits are those of the native one."""

from __future__ import annotations

from sidecar.engine.gathering import Gathering


def _taken(gathering: Gathering) -> list[list[bytes]]:
    return [items for _, items in gathering.taken()]


def _items(*texts: str) -> list[bytes]:
    return [text.encode() for text in texts]


def test_in_path_order_the_first_files_are_kept_whatever_comes_first() -> None:
    """A later file that stands before pushes others out, and memory stays within the limit."""
    gathering = Gathering(2, 1000, sort=True)
    for name in (b"d", b"b", b"c", b"a"):
        if gathering.admits((0, name)):
            gathering.add((0, name), [name])
    assert _taken(gathering) == [[b"a"], [b"b"]]
    assert gathering.reason() == "limit"


def test_a_limit_that_is_just_reached_is_no_reason() -> None:
    """As many as allowed and no more."""
    gathering = Gathering(2, 1000, sort=True)
    gathering.add((0, b"a"), _items("1", "2"))
    assert (_taken(gathering), gathering.reason()) == ([[b"1", b"2"]], None)


def test_the_byte_budget_counts_the_comma_behind_each_item() -> None:
    """Three items of three bytes take 12."""
    for most, count, reason in ((12, 3, None), (11, 2, "bytes"), (3, 0, "bytes")):
        gathering = Gathering(10, most, sort=False)
        gathering.add((0, b"a"), _items("123", "456", "789"))
        assert (sum(map(len, _taken(gathering))), gathering.reason()) == (count, reason)


def test_in_order_of_arrival_it_says_when_enough_came() -> None:
    """So that the program can be stopped."""
    gathering = Gathering(1, 1000, sort=False)
    gathering.add((0, b"z"), _items("1"))
    assert gathering.goes_on()
    gathering.add((0, b"a"), _items("2"))
    assert not gathering.goes_on()
    assert _taken(gathering) == [[b"1"]]


def test_files_found_under_an_earlier_path_of_the_request_come_first() -> None:
    """Path order is by the request's path, then by the file's."""
    gathering = Gathering(10, 1000, sort=True)
    gathering.add((1, b"a"), _items("second"))
    gathering.add((0, b"z"), _items("first"))
    assert _taken(gathering) == [[b"first"], [b"second"]]
