"""The peer of the request rows: a pygls server on uvloop behind a Unix socket, one protocol a connection.

    python -m tests.bench.pygls_peer SOCKET REPLIES.json

REPLIES.json: method -> result. Each method answers with its result, so that both sides put the same bytes on the wire.
Prints `ready` once it listens and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import uvloop
from pygls.io_ import run_async
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter


def build(replies: dict[str, Any], converter: Any) -> LanguageServer:
    """A server that knows the given methods."""
    server = LanguageServer("peer", "1", converter_factory=lambda: converter)
    for method, result in replies.items():
        server.feature(method)(_answer(result))
    return server


def _answer(result: Any) -> Any:
    def answer(params: Any) -> Any:
        return result

    return answer


async def serve(path: str, replies: dict[str, Any]) -> None:
    """Listen until standard input ends."""
    converter = default_converter()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = build(replies, converter)
        server.protocol.set_writer(writer)
        await run_async(threading.Event(), reader, server.protocol, logging.getLogger("peer"), server.report_server_error)

    async with await asyncio.start_unix_server(client, path):
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
