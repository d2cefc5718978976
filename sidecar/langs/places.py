"""What a question is about: the file or buffer, its server, its project's root, and the text that its asker sees."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.engine.spec import Caller, Rights
from sidecar.errors import InvalidParams, NotFound
from sidecar.langs import installed, servers
from sidecar.langs.desk import Wanted
from sidecar.langs.disk import Disk
from sidecar.langs.documents import Document, Documents
from sidecar.langs.environment import shipped
from sidecar.langs.positions import path_of, uri_of
from sidecar.langs.servers import Row
from sidecar.langs.text import LARGE, Text

ROOT_KNOWN_S = 10.0
"""Seconds that a folder's root, or that a server is installed, is believed without another look at the disk."""
ROOTS_KNOWN = 4096
"""Folders, roots and programs that are remembered, each."""
RowsOf = Callable[[str], Sequence[Row]]
"""The servers as they are configured for a root. Blocking: reads the root's own settings file."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question is asked.

    Attributes:
        row: the server.
        root: the project's folder.
        wanted: URI and text.
        version: of the asker's own buffer; None = the text is the disk's.
    """

    row: Row
    root: str
    wanted: Wanted
    version: int | None


class Places:
    """Finds places.

    Args:
        documents: the clients' buffers.
        disk: looks at files.
        rows: the servers.
        rows_of: the same for one root.
        runs: whether a server (name) runs for a root; a reader, who may start none, is given one that does.
    """

    def __init__(
        self, documents: Documents, disk: Disk, rows: Sequence[Row], rows_of: RowsOf, runs: Callable[[str, str], bool] = lambda name, root: False
    ) -> None:
        self._documents = documents
        self._disk = disk
        self._rows = rows
        self._rows_of = rows_of
        self._runs = runs
        self._rows_known: dict[str, tuple[Sequence[Row], float]] = {}
        self._roots: dict[tuple[str, str | None, str], tuple[str, float]] = {}
        self._installed: dict[tuple[tuple[str, ...], str], tuple[bool, float]] = {}

    async def find(self, caller: Caller, bound: str | None, uri: str) -> Place:
        """The place of a document for one caller: its own buffer if it has one, else the file as it is on the disk now.

        Args:
            caller: who asks.
            bound: the caller's root, or None.
            uri: canonical.

        Raises:
            NotFound: no such file, or no server for it.
            SidecarError: as `Disk.look`.
        """
        path = path_of(uri)
        document = self._documents.get(caller.client_id, uri)
        rows = self._candidates(path or uri, document)
        if document is not None:
            row, root = await self._chosen(caller, rows, path, bound)
            return Place(row, root, wanted_of(document, caller.client_id), document.version)
        if path is None:
            raise NotFound(f"{uri[:200]} is not open in this client", hint="Send textDocument/didOpen first.")
        # A reader's path may lead elsewhere by a symlink: its root is looked for each time.
        known = self._known_root(path, bound, rows[0]) if caller.roots is None else None
        found = await self._disk.look(path, bound, rows[0].markers, caller.roots, read=True, root=known)
        if caller.roots is None and known is None:
            self._remember_root(path, bound, rows[0], found.root)
        assert found.text is not None, "it was asked for"
        row, root = await self._chosen(caller, rows, found.path, bound, found.root)
        return Place(row, root, Wanted(uri_of(found.path), row.language_of(path) or "", found.text), None)

    def beside(self, caller: Caller, place: Place) -> list[Wanted]:
        """The caller's other buffers that the same server knows: what it hovers may come from one of them."""
        mine = self._documents.of_client(caller.client_id) if place.version is not None else ()
        inside = uri_of(place.root).rstrip("/") + "/"
        others = (document for document in mine if document.uri.startswith(inside) and document.text.len_bytes <= LARGE)
        known = ((one, servers.candidates(self._rows, one.uri, one.language_id)) for one in others)
        return [wanted_of(one, caller.client_id) for one, rows in known if any(row.name == place.row.name for row in rows)]

    async def encoded(self, text: Text) -> bytes:
        """A large text as JSON, made off the loop."""
        return await self._disk.submit(text.json)

    def _candidates(self, name: str, document: Document | None) -> tuple[Row, ...]:
        rows = servers.candidates(self._rows, name, document.language_id if document else None)
        if not rows:
            known = ", ".join(sorted({suffix for one in self._rows for suffix in one.languages}))
            raise NotFound(f"there is no language server for {os.path.basename(name)[:200]}", hint=f"Served are: {known or 'none'}.")
        return rows

    async def _chosen(self, caller: Caller, rows: Sequence[Row], path: str | None, bound: str | None, first_root: str | None = None) -> tuple[Row, str]:
        """The first of several servers that this caller can have, as it is configured for its root, and that root; else the first of all.

        Raises:
            NotFound: all are switched off there.
        """
        refused: list[tuple[Row, str]] = []
        root = ""
        for row in rows:
            root = first_root if first_root is not None and row is rows[0] else await self._root(path, bound, row)
            mine = await self._for_root(row, root)
            if mine is None:
                continue
            if len(rows) == 1 or await self._can_have(caller, mine, root):
                return mine, root
            refused.append((mine, root))
        if not refused:
            names = ", ".join(row.name for row in rows)
            raise NotFound(f"the language server {names} is switched off for {root}", hint="See `sidecar config show` there.")
        return refused[0]

    async def _can_have(self, caller: Caller, row: Row, root: str) -> bool:
        if caller.rights is Rights.READER:
            return self._runs(row.name, root)
        if row.is_chosen:
            return True
        search_path = dict(shipped(caller.env, os.environ)).get("PATH", "")
        now = time.monotonic()
        known = self._installed.get((row.command, search_path))
        if known is None or now - known[1] >= ROOT_KNOWN_S:
            known = await self._disk.submit(lambda: installed.is_installed(row, search_path)), now
            if len(self._installed) >= ROOTS_KNOWN:
                self._installed.clear()
            self._installed[row.command, search_path] = known
        return known[0]

    async def _for_root(self, row: Row, root: str) -> Row | None:
        """The row as it is for this root, by the user's settings and the root's own; None if it is switched off there."""
        now = time.monotonic()
        known = self._rows_known.get(root)
        if known is None or now - known[1] >= ROOT_KNOWN_S:
            known = await self._disk.submit(lambda: self._rows_of(root)), now
            if len(self._rows_known) >= ROOTS_KNOWN:
                self._rows_known.clear()
            self._rows_known[root] = known
        return next((one for one in known[0] if one.name == row.name), None)

    async def _root(self, path: str | None, bound: str | None, row: Row) -> str:
        if path is None:
            if bound is None:
                raise InvalidParams("root: expected a folder for a buffer without a file, got nothing", hint="Send `root` in sidecar/hello, or rootUri.")
            return bound
        known = self._known_root(path, bound, row)
        if known is None:
            known = (await self._disk.look(path, bound, row.markers, None, read=False)).root
            self._remember_root(path, bound, row, known)
        return known

    def _known_root(self, path: str, bound: str | None, row: Row) -> str | None:
        known = self._roots.get((os.path.dirname(path), bound, row.name))
        return known[0] if known is not None and time.monotonic() - known[1] < ROOT_KNOWN_S else None

    def _remember_root(self, path: str, bound: str | None, row: Row, root: str) -> None:
        if len(self._roots) >= ROOTS_KNOWN:
            self._roots.clear()
        self._roots[os.path.dirname(path), bound, row.name] = root, time.monotonic()


def wanted_of(document: Document, owner: str) -> Wanted:
    """A client's buffer as a text to ask about."""
    return Wanted(document.uri, document.language_id, document.text, owner)
