"""The report for people: a line a check, aligned, and below what is not as it should be: why, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.doctor.outcome import Check, State

MARKS = {State.OK: "ok", State.WARN: "warn", State.FAIL: "FAIL", State.SKIP: "skip"}
COLOURS = {State.OK: "32", State.WARN: "33", State.FAIL: "1;31", State.SKIP: "2"}


def text(checks: Sequence[Check], *, color: bool) -> str:
    """The whole report; its last line is the sum, and what to do first."""
    width = max((len(check.id) for check in checks), default=0)
    before = [None, *(check.id for check in checks)]
    return "".join(_lines(check, width, again=check.id == last, color=color) for check, last in zip(checks, before, strict=False)) + _sum(checks)


def failed(checks: Sequence[Check]) -> bool:
    """Whether anything fails; warnings are none."""
    return any(check.state is State.FAIL for check in checks)


def _lines(check: Check, width: int, *, again: bool, color: bool) -> str:
    mark = MARKS[check.state].ljust(4)
    painted = f"\x1b[{COLOURS[check.state]}m{mark}\x1b[0m" if color else mark
    lines = [f"{painted}  {('' if again else check.id).ljust(width)}  {_one_line(check.summary)}"]
    if check.state in (State.WARN, State.FAIL):  # one glance: only what is wrong is explained
        indent = " " * (width + 8)
        lines += [f"{indent}why: {_one_line(check.reason)}"] if check.reason else []
        lines += [f"{indent}fix: {_one_line(check.fix)}"] if check.fix else []
    return "\n".join(lines) + "\n"


def _one_line(said: str) -> str:
    """Programs' own words may hold line ends, and codes that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in said)


def _sum(checks: Sequence[Check]) -> str:
    words = ((State.FAIL, "failed"), (State.WARN, "warned"), (State.OK, "fine"), (State.SKIP, "skipped"))
    counts = [(sum(one.state is state for one in checks), word) for state, word in words]
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    worst = next((one for one in checks if one.state is State.FAIL), None)
    return f"Nothing fails: {said}.\n" if worst is None else f"{said}. First: {worst.id}: {worst.fix or worst.summary}\n"
