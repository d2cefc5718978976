"""The values of a check: how it came out, and what it found."""

from __future__ import annotations

import enum

import msgspec


class State(enum.StrEnum):
    """How a check came out; only `FAIL` makes doctor fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the report (protocol.md): what, why it is not as it should be, and what to do."""

    id: str
    state: State
    summary: str
    reason: str = ""
    fix: str = ""


class Found(msgspec.Struct, frozen=True):
    """What one check found, without its id."""

    state: State
    summary: str
    reason: str = ""
    fix: str = ""


def ok(summary: str) -> Found:
    """A check that found nothing wrong."""
    return Found(State.OK, summary)
