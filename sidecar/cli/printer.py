"""The look of `sidecar grep`: matches in, lines as ripgrep prints them out. Asks nothing of the daemon."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from sidecar.cli import output

PATH, LINE, HIT, PLAIN = b"\x1b[0m\x1b[35m", b"\x1b[0m\x1b[32m", b"\x1b[0m\x1b[1m\x1b[31m", b"\x1b[0m"
"""rg's default colours, byte for byte (`rg --help`, --colors)."""

CLIPPED = b" [... the line goes on]"


@dataclass(frozen=True, slots=True)
class Look:
    """How it is printed: with colour, paths as headings, line numbers, a line per match as vim reads it, context lines between."""

    color: bool = False
    heading: bool = False
    numbers: bool = True
    vimgrep: bool = False
    context: bool = False


class Printer:
    """Prints matches in the order they come; `printed` counts what was."""

    def __init__(self, look: Look) -> None:
        self.printed = 0
        self._look = look
        self._path: bytes | None = None
        self._next_line = 0
        """The number of the line behind the last one printed of this file; a gap before the next gets a `--`."""
        self._after: list[bytes] = []
        """Context behind the last match; held until the next match is known, which may be one of these lines."""

    def matches(self, matches: list[dict[str, Any]]) -> None:
        """Print some matches."""
        for match in matches:
            self.printed += 1
            self._match(match)

    def rest(self, result: dict[str, Any]) -> None:
        """Print what the final reply carries: matches that were not streamed, paths, or counts. The last thing to be called."""
        self.matches(result.get("matches", []))
        self._show_after(None)
        for path in result.get("paths", []):
            output.write_bytes(self._paint(PATH, _bytes(path, "path")) + b"\n")
        for row in result.get("counts", []):
            output.write_bytes(self._paint(PATH, _bytes(row, "path")) + b":%d\n" % row["count"])
        self.printed += len(result.get("paths", [])) + len(result.get("counts", []))

    def _match(self, match: dict[str, Any]) -> None:
        path, text, line = _bytes(match, "path"), _bytes(match, "text"), match["line"]
        before, after = ([_line(_bytes(item, "text")) for item in match.get(name, [])] for name in ("before", "after"))
        self._show_after(line if path == self._path else None)
        first = max(line - len(before), self._next_line if path == self._path else 0)
        self._open(path, first)
        if self._look.vimgrep:
            return self._vimgrep(path, line, text, match["submatches"])
        self._lines(path, first, before[len(before) - (line - first) :], b"-")
        shown = _lines(self._highlighted(text, match["submatches"]))
        shown[-1] += CLIPPED if match.get("clipped") else b""
        self._lines(path, line, shown, b":")
        self._next_line, self._after = line + len(shown), after
        return None

    def _show_after(self, before_line: int | None) -> None:
        """Print the context that was held, as far as the next match of the same file does not stand there itself."""
        lines = self._after if before_line is None else self._after[: max(0, before_line - self._next_line)]
        self._lines(self._path or b"", self._next_line, lines, b"-")
        self._next_line += len(lines)
        self._after = []

    def _open(self, path: bytes, first_line: int) -> None:
        """What stands between this match and the one before it."""
        if path != self._path:
            if self._look.heading:
                output.write_bytes((b"" if self._path is None else b"\n") + self._paint(PATH, path) + b"\n")
            elif self._look.context and self._path is not None:
                output.write_bytes(b"--\n")
            self._path, self._next_line = path, 0
        elif self._look.context and first_line > self._next_line:
            output.write_bytes(b"--\n")

    def _lines(self, path: bytes, first: int, lines: list[bytes], mark: bytes) -> None:
        for number, line in enumerate(lines, start=first):
            head = b"" if self._look.heading else self._paint(PATH, path) + mark
            head += self._paint(LINE, b"%d" % number) + mark if self._look.numbers else b""
            output.write_bytes(head + line + b"\n")

    def _vimgrep(self, path: bytes, line: int, text: bytes, spans: list[dict[str, int]]) -> None:
        """A line for each match; the column is the 1-based byte."""
        for span in spans or [{"start": 0, "end": 0}]:
            number, start = line + text.count(b"\n", 0, span["start"]), text.rfind(b"\n", 0, span["start"]) + 1
            shown = text[start:].split(b"\n", 1)[0].rstrip(b"\r")
            place = b":%d:%d:" % (number, span["start"] - start + 1)
            output.write_bytes(self._paint(PATH, path) + place + shown + b"\n")

    def _highlighted(self, text: bytes, spans: list[dict[str, int]]) -> bytes:
        if not self._look.color:
            return text
        parts, end = [], 0
        for span in spans:
            parts += [text[end : span["start"]], HIT, text[span["start"] : span["end"]], PLAIN]
            end = span["end"]
        return b"".join([*parts, text[end:]])

    def _paint(self, colour: bytes, text: bytes) -> bytes:
        return colour + text + PLAIN if self._look.color else text


def _line(text: bytes) -> bytes:
    """One line without its end."""
    return text.removesuffix(b"\n").removesuffix(b"\r")


def _lines(text: bytes) -> list[bytes]:
    r"""The lines of a text without their ends; CR LF ends one too. Not `splitlines`, which also splits at \v, \f and others."""
    return [line.removesuffix(b"\r") for line in text.removesuffix(b"\n").split(b"\n")]


def _bytes(value: Any, name: str) -> bytes:
    """The bytes of a text, or of member `name` of an object, which is `bytes`/`pathBytes` in base64 where it is not UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if name in value:
        return str(value[name]).encode("utf-8", "surrogatepass")
    return base64.b64decode(value["bytes" if name == "text" else f"{name}Bytes"])
