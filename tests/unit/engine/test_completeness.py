"""A search's answer is called complete only if it is everything there is."""

from __future__ import annotations

import json

import pytest

from sidecar.engine.completeness import is_complete


def answer(*, truncated: bool = False, **skipped: int) -> bytes:
    """A result as Rust writes it, with a match whose text looks like the members it is judged by."""
    text = '"truncated":true,"unreadable":7,"tooLarge":9'
    everything = {"binary": 3, "tooLarge": 0, "unreadable": 0} | skipped
    return json.dumps({"matches": [{"text": text}], "files": 1, "truncated": truncated, "skipped": everything}, separators=(",", ":")).encode()


def test_everything_found_is_complete() -> None:
    """Binary files are left out as rg leaves them out; text that was found says nothing about the answer."""
    assert is_complete(answer())


@pytest.mark.parametrize("short", [answer(truncated=True), answer(tooLarge=1), answer(unreadable=12)])
def test_what_is_cut_off_or_left_out_is_not(short: bytes) -> None:
    """An agent must not take "nothing found" for the truth where files could not be searched."""
    assert not is_complete(short)
