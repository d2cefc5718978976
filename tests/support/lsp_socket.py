"""pytest-lsp over our Unix socket (field-notes 2.3): its own client, connected to a daemon instead of to a process it starts."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.io_ import run_async
from pytest_lsp import LanguageClient, client_capabilities, make_test_lsp_client

LOG = logging.getLogger(__name__)


class SocketSession:
    """One pytest-lsp client on a daemon's socket.

    Args:
        path: the socket.
        editor: whose capabilities it declares, e.g. "neovim" or "visual-studio-code".
    """

    def __init__(self, path: Path, editor: str = "neovim") -> None:
        self._path = path
        self._editor = editor
        self.client: LanguageClient = make_test_lsp_client()
        self.notes: list[tuple[str, Any]] = []

    async def connect(self) -> LanguageClient:
        """Open the socket; not initialized yet."""
        client = self.client
        reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=1 << 30)
        client.protocol.set_writer(self._writer)
        self._listening = asyncio.get_running_loop().create_task(
            run_async(stop_event=client._stop_event, reader=reader, protocol=client.protocol, logger=LOG, error_handler=client.report_server_error)
        )
        return client

    async def initialize(self, root: Path) -> types.InitializeResult:
        """The LSP handshake with the editor's capabilities."""
        folders = [types.WorkspaceFolder(uri=root.as_uri(), name=root.name)]
        params = types.InitializeParams(capabilities=client_capabilities(self._editor), root_uri=root.as_uri(), workspace_folders=folders)
        return await self.client.initialize_session(params)

    async def ended(self) -> None:
        """Until the daemon has closed this connection."""
        await asyncio.wait_for(asyncio.shield(self._listening), 30)

    async def stop(self) -> None:
        """Close our end; pytest-lsp's own `stop` waits for ever for a process."""
        self._writer.close()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._writer.wait_closed()
