"""What rg writes, read as it comes: matches as JSON lines, files and counts between NULs. Each hands items to a `Gathering`. Pure."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sidecar.engine import rgjson
from sidecar.engine.gathering import Gathering, Key
from sidecar.engine.ripgrep import Shown
from sidecar.engine.spec import PositionEncoding

MAX_EVENT_BYTES = 4 << 20
"""A longer line of rg's JSON is not decoded: 4 MiB take the loop some milliseconds. Its file counts as `tooLarge`."""

_encode = msgspec.json.Encoder().encode


class Reading(Protocol):
    """A reader of one rg."""

    binary: int
    too_large: int

    def begin(self, shown: Shown) -> None:
        """rg is about to start; how its paths are shown."""

    def feed(self, data: bytes) -> bool:
        """The next bytes; False: enough."""
        ...

    def end(self) -> None:
        """It ended, or was killed: what is there counts."""


class Lines:
    """Chunks to lines; one that is longer than `most` comes as None."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes | None]:
        """The lines that end in `data`, without their ends."""
        *whole, rest = data.split(b"\n")
        lines: list[bytes | None] = []
        for part in whole:
            lines.append(None if self._size + len(part) > self._most else b"".join([*self._held, part]))
            self._held, self._size = [], 0
        self._size += len(rest)
        if self._size <= self._most:
            self._held.append(rest)
        else:
            self._held = []
        return lines


class Matches:
    """`rg --json`.

    Args:
        gathering: takes the items.
        after, max_line_bytes, encoding: as in `rgjson.FileItems`.
    """

    def __init__(self, gathering: Gathering, after: int, max_line_bytes: int, encoding: PositionEncoding) -> None:
        self.binary = 0
        self.too_large = 0
        self._gathering = gathering
        self._how = (after, max_line_bytes, encoding)
        self._lines = Lines(MAX_EVENT_BYTES)
        self._shown: Shown
        self._key: Key = (0, b"")
        self._explicit = False
        self._file: rgjson.FileItems | None = None

    def begin(self, shown: Shown) -> None:
        """See `Reading`."""
        self._shown = shown

    def feed(self, data: bytes) -> bool:
        """See `Reading`."""
        for line in self._lines.feed(data):
            if line is None:
                self.too_large += 1
            elif line and (self._file is not None or line.startswith((b'{"type":"begin"', b'{"type":"end"'))):
                self._take(rgjson.decode(line))
        return self._gathering.goes_on()

    def end(self) -> None:
        """See `Reading`."""
        if self._file is not None:
            self._file.close()
            self._gathering.add(self._key, self._file.items)
            self._file = None

    def _take(self, event: rgjson.Event) -> None:
        match event:
            case rgjson.Begin():
                number, shown, self._explicit = self._shown(event.data.path.raw())
                self._key = (number, shown)
                self._file = rgjson.FileItems(shown, *self._how) if self._gathering.admits(self._key) else None
            case rgjson.End():
                # As rg: a file that was named is searched in spite of NULs.
                self.binary += event.data.binary_offset is not None and not self._explicit
                self.end()
            case rgjson.Match() if self._file is not None:
                self._file.match(event.data)
                if self._gathering.has_enough(len(self._file.items), self._file.size):
                    self.end()
            case rgjson.Context() if self._file is not None:
                self._file.context(event.data)


class Names:
    """Paths with a NUL behind each: `rg --files`, `rg -l`."""

    def __init__(self, gathering: Gathering) -> None:
        self.binary = 0
        self.too_large = 0
        self._gathering = gathering
        self._rest = b""
        self._shown: Shown

    def begin(self, shown: Shown) -> None:
        """See `Reading`."""
        self._shown = shown

    def feed(self, data: bytes) -> bool:
        """See `Reading`."""
        *paths, self._rest = (self._rest + data).split(b"\0")
        for path in paths:
            number, shown, _ = self._shown(path)
            key = (number, shown)
            if self._gathering.admits(key):
                self._gathering.add(key, [_encode(shown.decode("utf-8", "replace"))])
        return self._gathering.goes_on()

    def end(self) -> None:
        """See `Reading`."""


class Counts:
    """Lines of a path, a NUL and a number: `rg -c --null`."""

    def __init__(self, gathering: Gathering) -> None:
        self.binary = 0
        self.too_large = 0
        self._gathering = gathering
        self._rest = b""
        self._shown: Shown

    def begin(self, shown: Shown) -> None:
        """See `Reading`."""
        self._shown = shown

    def feed(self, data: bytes) -> bool:
        """See `Reading`."""
        data = self._rest + data
        at = 0
        # A name may hold a line end, but no NUL; a number holds neither.
        while (nul := data.find(b"\0", at)) >= 0 and (end := data.find(b"\n", nul)) >= 0:
            self._add(data[at:nul], int(data[nul + 1 : end]))
            at = end + 1
        self._rest = data[at:]
        return self._gathering.goes_on()

    def end(self) -> None:
        """See `Reading`."""

    def _add(self, path: bytes, count: int) -> None:
        number, shown, _ = self._shown(path)
        if self._gathering.admits((number, shown)):
            member = rgjson.path_member(shown) | {"path": shown.decode("utf-8", "replace"), "count": count}
            self._gathering.add((number, shown), [_encode(member)])
