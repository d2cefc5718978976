"""`ast_grep`'s arguments: what is decoded, what is refused before Rust sees it, and what Rust is asked."""

from __future__ import annotations

import msgspec
import pytest

from sidecar.tools.ast_grep import SPEC, AstGrepArgs, AstGrepResult


def _args(text: str) -> AstGrepArgs:
    return msgspec.json.decode(text, type=AstGrepArgs)


def test_a_rule_is_text_or_an_object() -> None:
    """Both forms of protocol.md; anything else is refused with its path."""
    assert _args('{"rule": "language: js"}').rule == "language: js"
    assert _args('{"rule": {"language": "js", "rule": {"any": []}}}').rule == {"language": "js", "rule": {"any": []}}
    with pytest.raises(msgspec.ValidationError, match=r"\$.rule"):
        _args('{"rule": [1]}')


def test_what_is_not_said_is_not_asked() -> None:
    """Rust has the defaults; nothing is sent twice."""
    assert msgspec.to_builtins(_args('{"pattern": "a"}')) == {"pattern": "a", "paths": ["."]}


@pytest.mark.parametrize("text", ['{"limit": 0}', '{"maxBytes": 0}', '{"strictness": "loose"}', '{"engine": "x"}', '{"paths": "a"}'])
def test_values_out_of_range_are_refused(text: str) -> None:
    """Before anything is searched."""
    with pytest.raises(msgspec.ValidationError):
        _args(text)


def test_it_reads_only_and_readers_may_use_it() -> None:
    """A rewrite is a proposal, so the tool has no effect."""
    assert (SPEC.effect, SPEC.scope, SPEC.reader_may) == ("read", "confined", True)


def test_a_reply_is_what_the_schema_says() -> None:
    """A whole match decodes into the declared result."""
    place = '"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 4}}, "byteRange": {"start": 0, "end": 4}, "text": "f(1)"'
    variables = f'"metaVariables": {{"single": {{"A": {{{place}}}}}, "multi": {{"B": [{{{place}}}]}}, "transformed": {{"C": "x"}}}}'
    match = f'{{"path": "a.py", "line": 1, {place}, "language": "Python", {variables}, "replacement": "g", "replacementByteRange": {{"start": 0, "end": 4}}}}'
    text = f'{{"matches": [{match}], "diff": "", "files": 1, "truncated": false, "skipped": {{"binary": 0, "tooLarge": 0, "unreadable": 0}}}}'
    result = msgspec.json.decode(text, type=AstGrepResult)
    assert isinstance(result.matches, list)
    assert result.matches[0].text == "f(1)"
