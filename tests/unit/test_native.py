"""`sidecar/native.py`: the one importer of the Rust module, its values and its errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar import errors, native


@pytest.fixture
def without_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python that has no native module."""
    native._module.cache_clear()
    monkeypatch.setitem(sys.modules, "sidecar._native", None)
    yield
    native._module.cache_clear()


@pytest.mark.usefixtures("without_module")
def test_a_missing_module_is_an_error_with_a_hint_and_only_when_used() -> None:
    """Importing `sidecar.native` never fails; using it says how to get the module."""
    assert native.available() is False
    assert native.version() is None
    with pytest.raises(errors.NotInstalled) as raised:
        native.stats()
    assert "make build" in raised.value.hint


def test_the_build_names_its_version_commit_and_crates() -> None:
    """Doctor compares these."""
    info = native.build_info()
    assert info["version"] == native.version()
    assert info.keys() >= {"commit", "grepSearcher", "grepRegex", "ignore"}


def test_every_kind_is_the_error_class_of_that_kind() -> None:
    """A native error keeps its message, hint and data."""
    with pytest.raises(errors.NotFound) as raised:
        native.run("grep", b'{"root": "/nowhere/at/all", "pattern": "x"}', native.cancel(1e12))
    assert raised.value.data == {"path": "/nowhere/at/all"}
    assert (raised.value.kind, bool(raised.value.hint)) == ("notFound", True)


def test_an_unknown_operation_is_refused() -> None:
    """The door has a fixed set of operations."""
    with pytest.raises(errors.InvalidParams, match="nosuch"):
        native.run("nosuch", b"{}", native.cancel(1e12))


@pytest.mark.parametrize("threads", [0, 257])
def test_a_number_of_threads_out_of_range_is_refused(threads: int) -> None:
    """1 to 256."""
    with pytest.raises(errors.InvalidParams):
        native.configure(threads)


def test_a_flag_stays_set() -> None:
    """Setting is for good."""
    flag = native.cancel(1e12)
    assert flag.is_set() is False
    flag.set()
    assert flag.is_set() is True


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_a_change_behind_an_emoji_lands_in_every_encoding(encoding: str, character: int) -> None:
    """Positions count in the client's unit; the old text is untouched."""
    old = native.text("a\U0001f600b\r\nc")
    new = old.apply(0, character, 0, character + 1, encoding, "X")
    assert (old.text(), new.text()) == ("a\U0001f600b\r\nc", "a\U0001f600X\r\nc")
    assert (new.line(0), new.line(1), new.line_count, new.len_bytes) == ("a\U0001f600X", "c", 2, 9)


def _plain(text: str, start: tuple[int, int], end: tuple[int, int], new: str) -> str:
    lines = text.splitlines(keepends=True) + ([""] if not text or text[-1] in "\r\n" else [])

    def index(position: tuple[int, int]) -> int:
        line, character = position
        if line >= len(lines):
            return len(text)
        body = lines[line].rstrip("\r\n") if lines[line] != "\r\n" else ""
        units, at = 0, 0
        while at < len(body) and units + len(body[at].encode("utf-16-le")) // 2 <= character:
            units += len(body[at].encode("utf-16-le")) // 2
            at += 1
        return sum(map(len, lines[:line])) + at

    return text[: index(start)] + new + text[index(end) :]


positions = st.tuples(st.integers(0, 5), st.integers(0, 8))
texts = st.text(st.sampled_from("ab\nä日\U0001f600"), max_size=20)


@settings(deadline=None)
@given(text=texts, one=positions, other=positions, new=texts)
def test_changes_are_those_of_a_plain_string(text: str, one: tuple[int, int], other: tuple[int, int], new: str) -> None:
    """Any change gives what slicing a Python string in UTF-16 units gives."""
    start, end = sorted((one, other))
    assert native.text(text).apply(*start, *end, "utf-16", new).text() == _plain(text, start, end, new)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    """A document is text."""
    with pytest.raises(errors.InvalidParams):
        native.text(b"\xff")


@settings(deadline=None)
@given(contents=st.lists(st.text(max_size=30), max_size=4), ascii_only=st.booleans())
def test_cutting_and_putting_back_gives_the_message_again(contents: list[str], ascii_only: bool) -> None:
    """Every `text` is replaced by its number, nothing else changes, and each text's JSON puts it back."""
    message = {"method": "textDocument/didChange", "text": 1, "params": {"contentChanges": [{"text": one, "rangeLength": 3} for one in contents], "k": "text"}}
    body, cut = native.cut_sync(json.dumps(message, ensure_ascii=ascii_only).encode())
    decoded = json.loads(body)
    assert [change["text"] for change in decoded["params"]["contentChanges"]] == list(range(len(contents)))
    assert [json.loads(one.json()) for one in cut] == contents
    for change, one in zip(decoded["params"]["contentChanges"], cut, strict=True):
        change["text"] = one.text()
    assert decoded == message


def test_a_message_over_sixteen_mebibytes_is_too_large() -> None:
    """The bound of document sync (design 3.3)."""
    with pytest.raises(errors.TooLarge):
        native.cut_sync(b" " * ((16 << 20) + 1))
