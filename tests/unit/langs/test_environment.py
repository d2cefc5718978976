"""The environment of a language server."""

from __future__ import annotations

from sidecar.langs.environment import shipped

DAEMON = {"PATH": "/d", "HOME": "/h", "VIRTUAL_ENV": "/dv", "SECRET": "s", "GOPATH": "/g"}


def test_a_client_that_ships_nothing_has_the_daemons_listed_variables() -> None:
    """So that it shares the server of one that ships the same."""
    own = shipped({}, DAEMON)
    assert own == (("GOPATH", "/g"), ("HOME", "/h"), ("PATH", "/d"), ("VIRTUAL_ENV", "/dv"))
    assert shipped(DAEMON, DAEMON) == own


def test_a_client_that_ships_its_own_does_not_get_the_daemons_virtual_environment() -> None:
    """But a PATH and a HOME always."""
    assert dict(shipped({"LANG": "C"}, DAEMON)) == {"GOPATH": "", "HOME": "/h", "LANG": "C", "PATH": "/d", "VIRTUAL_ENV": ""}


def test_only_listed_variables_count() -> None:
    """Names and prefixes."""
    assert dict(shipped({"PATH": "/c", "RUSTUP_HOME": "/r", "LD_PRELOAD": "x"}, {"PATH": "/d"})) == {"PATH": "/c", "RUSTUP_HOME": "/r"}
