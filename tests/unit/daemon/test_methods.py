"""The method table keeps its own rules."""

from __future__ import annotations

import pytest

from sidecar.daemon.methods import METHODS, NOTIFICATIONS, Method

ROWS = pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)

# What the read-only socket serves (design 3.3): nothing here can change anything or start a process.
READ_ONLY = {"sidecar/hello", "sidecar/ping", "sidecar/status", "sidecar/tools/list", "sidecar/tools/call", "sidecar/grep", "sidecar/glob", "sidecar/astGrep"}
# These answer by a tool, whose timeout the runner keeps.
BY_TOOL = {"sidecar/tools/call", "sidecar/grep", "sidecar/glob", "sidecar/astGrep"}


@ROWS
def test_every_method_is_bounded_in_time(method: Method) -> None:
    """A method is answered at once, has a timeout of its own, or runs a tool that has one (features B1)."""
    assert method.inline or method.timeout is not None or method.name in BY_TOOL
    assert method.timeout is None or 0 < method.timeout.default_ms <= method.timeout.max_ms


@ROWS
def test_the_read_only_socket_serves_reading_methods_only(method: Method) -> None:
    """A row that opens a method to sandboxes is a decision, made here too."""
    assert not method.reader_may or method.name in READ_ONLY


@ROWS
def test_every_method_is_documented_in_one_sentence(method: Method) -> None:
    """The generated documentation takes its text from the row."""
    assert method.summary.endswith(".") and method.summary[0].isupper()


def test_no_name_is_both_a_request_and_a_notification() -> None:
    """A message has one meaning."""
    assert not METHODS.keys() & NOTIFICATIONS.keys()
