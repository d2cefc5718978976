"""On which line of a TOML file a key stands. Pure; it never judges whether the file is TOML, `tomllib` did that before."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_TRIPLE = re.compile(r'"""|\'\'\'')


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The 1-based line where `path` is set; for a key inside an inline table, the line of the nearest key around it."""
    best_length, best_line = 0, 1
    for number, key in _keys(text):
        length = _common(key, path)
        if length == len(path):
            return number
        if length > best_length and length == len(key):
            best_length, best_line = length, number
    return best_line


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    table: tuple[str, ...] = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            quote = "" if quote in line else quote
            continue
        if header := _HEADER.match(line):
            table = _split(header[1])
            yield number, table
        elif key := _KEY.match(line):
            yield number, table + _split(key[1])
        opened = _TRIPLE.search(line)
        quote = opened[0] if opened and line.count(opened[0]) % 2 else ""


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return length
