"""What a question is about: the file or buffer, its server, its project's root, and the text that its asker sees."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sidecar.engine.spec import Caller
from sidecar.errors import InvalidParams, NotFound
from sidecar.langs import servers
from sidecar.langs.desk import Wanted
from sidecar.langs.disk import Disk
from sidecar.langs.documents import Document, Documents
from sidecar.langs.positions import path_of, uri_of
from sidecar.langs.servers import Row
from sidecar.langs.text import LARGE, Text

ROOT_KNOWN_S = 10.0
"""Seconds that a folder's root is believed without another look at the disk."""
ROOTS_KNOWN = 4096
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
    """

    def __init__(self, documents: Documents, disk: Disk, rows: Sequence[Row], rows_of: RowsOf) -> None:
        self._documents = documents
        self._disk = disk
        self._rows = rows
        self._rows_of = rows_of
        self._rows_known: dict[str, tuple[Sequence[Row], float]] = {}
        self._roots: dict[tuple[str, str | None, str], tuple[str, float]] = {}

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
        row = self._row(path or uri, document)
        if document is not None:
            root = await self._root(path, bound, row)
            return Place(await self._for_root(row, root), root, wanted_of(document, caller.client_id), document.version)
        if path is None:
            raise NotFound(f"{uri[:200]} is not open in this client", hint="Send textDocument/didOpen first.")
        # A reader's path may lead elsewhere by a symlink: its root is looked for each time.
        known = self._known_root(path, bound, row) if caller.roots is None else None
        found = await self._disk.look(path, bound, row.markers, caller.roots, read=True, root=known)
        if caller.roots is None and known is None:
            self._remember_root(path, bound, row, found.root)
        assert found.text is not None, "it was asked for"
        language = row.language_of(path) or ""
        return Place(await self._for_root(row, found.root), found.root, Wanted(uri_of(found.path), language, found.text), None)

    def beside(self, caller: Caller, place: Place) -> list[Wanted]:
        """The caller's other buffers that the same server knows: what it hovers may come from one of them."""
        mine = self._documents.of_client(caller.client_id) if place.version is not None else ()
        inside = uri_of(place.root).rstrip("/") + "/"
        others = (document for document in mine if document.uri.startswith(inside) and document.text.len_bytes <= LARGE)
        chosen = ((one, servers.choose(self._rows, one.uri, one.language_id)) for one in others)
        return [wanted_of(one, caller.client_id) for one, row in chosen if row is not None and row.name == place.row.name]

    async def encoded(self, text: Text) -> bytes:
        """A large text as JSON, made off the loop."""
        return await self._disk.submit(text.json)

    def _row(self, name: str, document: Document | None) -> Row:
        row = servers.choose(self._rows, name, document.language_id if document else None)
        if row is None:
            known = ", ".join(sorted({suffix for one in self._rows for suffix in one.languages}))
            raise NotFound(f"there is no language server for {os.path.basename(name)[:200]}", hint=f"Served are: {known or 'none'}.")
        return row

    async def _for_root(self, row: Row, root: str) -> Row:
        """The row as it is for this root, by the user's settings and the root's own."""
        now = time.monotonic()
        known = self._rows_known.get(root)
        if known is None or now - known[1] >= ROOT_KNOWN_S:
            known = await self._disk.submit(lambda: self._rows_of(root)), now
            if len(self._rows_known) >= ROOTS_KNOWN:
                self._rows_known.clear()
            self._rows_known[root] = known
        found = next((one for one in known[0] if one.name == row.name), None)
        if found is None:
            raise NotFound(f"the language server {row.name} is switched off for {root}", hint="See `sidecar config show` there.")
        return found

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
