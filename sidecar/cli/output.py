"""How commands write to stdout: UTF-8 whatever the locale, file names that are not UTF-8 as the bytes they are."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def write(text: str) -> None:
    """Write text as it is, without a line end of our own."""
    write_bytes(text.encode("utf-8", "surrogateescape"))


def write_bytes(data: bytes) -> None:
    """Write bytes behind what was written before; they are flushed at the end, or by `flush`."""
    sys.stdout.buffer.write(data)


def flush() -> None:
    """Show what was written until now."""
    sys.stdout.buffer.flush()


def write_json(value: object) -> None:
    """Write one JSON value as one line."""
    write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def on_terminal(stream: TextIO | None = None) -> bool:
    """Whether a person sees it on a terminal that can show colour (https://no-color.org, `TERM=dumb`)."""
    return (stream or sys.stdout).isatty()


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows with their columns padded to one width each; the last column is not padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    return "".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip() + "\n" for row in rows)
