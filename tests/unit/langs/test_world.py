"""What makes a language server another one."""

from __future__ import annotations

from sidecar.langs.world import Key

KEY = Key("x", ("x-server",), "/p", (("GOFLAGS", ""), ("PATH", "/secret/bin")))


def test_an_environment_is_shown_by_its_names_and_a_digest() -> None:
    """Two that differ are told apart, equal ones are not, and no value is told."""
    shown = KEY.environment()
    other = Key("x", ("x-server",), "/q", (("GOFLAGS", ""), ("PATH", "/other"))).environment()
    same = Key("y", ("y",), "/r", KEY.env).environment()
    assert shown["names"] == ["PATH"], "an empty one is none"
    assert shown == same and shown["key"] != other["key"]
    assert "secret" not in repr(shown)


def test_values_that_are_no_text_make_a_key_too() -> None:
    """An environment may hold any bytes."""
    assert len(Key("x", (), "/", (("PATH", "/\udcff"),)).environment()["key"]) == 12
