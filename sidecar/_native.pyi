"""The surface of the Rust module, kept by hand and checked against the binary. Only `sidecar/native.py` imports it."""

from collections.abc import Callable
from typing import final

__all__ = ["Cancel", "NativeError", "Text", "build_info", "configure", "cut_sync", "run", "stats"]

class NativeError(Exception):
    """An error of the native part; the four values are also its `args`.

    Attributes:
        kind: a kind of protocol.md: invalidParams, tooLarge, notFound, outsideRoot, cancelled or failed.
        message: what happened.
        hint: what to do next; may be empty.
        data_json: a JSON object: `position: {start, end}` (byte span in the pattern) or `path`, or empty.
    """

    kind: str
    message: str
    hint: str
    data_json: bytes

@final
class Cancel:
    """One call's stop flag, and its deadline in seconds of `time.monotonic()`."""

    def __new__(cls, deadline_at_s: float) -> Cancel: ...
    def set(self) -> None:
        """Ask the work to stop; from any thread, at once."""
    def is_set(self) -> bool: ...

def run(op: str, request: bytes, cancel: Cancel, emit: Callable[[bytes], bool | None] | None = None) -> bytes:
    """Run an operation; blocks, with the GIL released, until no worker is in it any more.

    `grep`: `request` is the tool's arguments as JSON plus `root` (absolute), `encoding` (a PositionEncodingKind),
    `stream` and `roots` (a reader's bound, or null). The answer is the tool's result object. With `stream` in mode
    `matches`, `emit` takes JSON arrays of matches in the calling thread and the answer has none; when it
    answers False the search ends with `truncated, reason: slowReader`.
    A match has `path`, or `pathBytes` (base64) when the name is not UTF-8; `text` without its last line feed, or `bytes`
    (base64) when it is not UTF-8. Submatch spans count from the start of the line, also where the text is clipped
    (`clipped: true`, `textStart`: where in the line the shown text starts, in bytes; then only spans that start in the
    shown text are listed). A context line is listed once: as `after` of the match before it, else as `before` of the next.
    In modes `files` and `count` a name that is not UTF-8 has U+FFFD in place of its bad bytes.
    The deadline is no error: `truncated: true, reason: "timeout"`.

    `fault` (tests): `{"panic": true}` or `{"spinMs": n, "deaf": bool}`.

    Raises:
        NativeError: a panic is one of kind `failed`.
    """

def configure(threads: int) -> None:
    """Set the number of search threads (1 to 256; default min(4, cores)). Takes effect at the next search."""

def stats() -> bytes:
    """JSON object: activeSearches, workers, busy, queuedUnits, units, unitsAfterStop, files, panics."""

def build_info() -> bytes:
    """JSON object: version, commit, grepSearcher, grepRegex, ignore."""

@final
class Text:
    """A document's text; immutable, cheap to copy and to change. Lines end with \\n, \\r\\n or \\r (LSP 3.17)."""

    def __new__(cls, content: str) -> Text: ...
    @staticmethod
    def from_bytes(content: bytes) -> Text:
        """From UTF-8; NativeError `invalidParams` if it is none."""
    def apply(self, start_line: int, start_char: int, end_line: int, end_char: int, encoding: str, new_text: str) -> Text:
        """A new text with that range replaced; positions beyond a line or the text mean its end."""
    def json(self) -> bytes:
        """The text as a JSON string literal."""
    def line(self, n: int) -> str:
        """Line n, 0-based, without its end."""
    @property
    def len_bytes(self) -> int: ...
    @property
    def line_count(self) -> int: ...
    def text(self) -> str: ...

def cut_sync(body: bytes) -> tuple[bytes, list[Text]]:
    """A document-sync message of at most 16 MiB with the value of every `text` member replaced by its number in the list."""
