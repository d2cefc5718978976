"""What a benchmark reports: one row a claim, as a table for people and as JSON for the run that collects all groups."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One measured claim.

    Args:
        what: the claim, in a few words.
        ours, theirs: medians, in `unit`; `theirs` is the peer measured in the same run, or None where the bound is absolute.
        ours_min, theirs_min: the least values seen.
        unit: of all four.
        value: what is compared with the bound: a ratio, or `ours` itself.
        bound: the most that `value` may be; None = for information.
        note: versions, counts, or why a row is missed.
    """

    what: str
    ours: float
    theirs: float | None
    unit: str
    value: float
    bound: float | None
    ours_min: float | None = None
    theirs_min: float | None = None
    note: str = ""

    @property
    def state(self) -> str:
        """`reached`, `MISSED`, or `info` where there is no bound."""
        if self.bound is None:
            return "info"
        return "reached" if self.value <= self.bound else "MISSED"


def ratio(what: str, ours: Sequence[float], theirs: Sequence[float], unit: str, bound: float | None, note: str = "") -> Row:
    """A row that compares medians of two interleaved series."""
    mine, other = median(ours), median(theirs)
    return Row(what, mine, other, unit, mine / other, bound, min(ours), min(theirs), note)


def absolute(what: str, ours: Sequence[float], unit: str, bound: float | None, note: str = "", value: float | None = None) -> Row:
    """A row with a bound of its own; `value` is compared with it (default: the median)."""
    mine = median(ours)
    return Row(what, mine, None, unit, mine if value is None else value, bound, min(ours), None, note)


def median(values: Sequence[float]) -> float:
    """The middle value, the mean of the two middle ones for an even count."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


HEADINGS = ("row", "ours (median / min)", "peer (median / min)", "compared", "bound", "state", "note")


def cells(row: Row) -> tuple[str, ...]:
    """One row as text."""
    peer = "" if row.theirs is None else pair(row.theirs, row.theirs_min, row.unit)
    compared = f"{row.value:.3g}x" if row.theirs is not None else f"{row.value:.3g} {row.unit}"
    bound = "" if row.bound is None else f"<= {row.bound:.3g}" + ("x" if row.theirs is not None else f" {row.unit}")
    return (row.what, pair(row.ours, row.ours_min, row.unit), peer, compared, bound, row.state, row.note)


def pair(middle: float, least: float | None, unit: str) -> str:
    """`12.3 / 11.9 ms`."""
    return f"{middle:.3g} {unit}" if least is None else f"{middle:.3g} / {least:.3g} {unit}"


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    return "\n".join(lines + ["| " + " | ".join(cells(row)) + " |" for row in rows]) + "\n"


def main(measure: Callable[[], list[Row]]) -> None:
    """What each group does when it is run: print its table, or with `--json` its rows on standard output's last line."""
    rows = measure()
    print(json.dumps([asdict(row) for row in rows]) if "--json" in sys.argv else markdown(rows), flush=True)
