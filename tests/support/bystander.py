"""A client beside the trouble: it has a request in flight all the while, and must never notice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.clients import Client
from tests.support.daemon import Daemon
from tests.support.waiting import PATIENCE_S


@asynccontextmanager
async def bystander(daemon: Daemon) -> AsyncIterator[Client]:
    """A client whose request runs from before the block to after it, and is then answered once, by its own id."""
    gate = uuid.uuid4().hex
    async with await daemon.connect() as client:
        held = client.request("sidecar/tools/call", {"tool": "hold", "args": {"name": gate}, "partialResultToken": gate})
        await client.wait_notification("$/progress")
        yield client
        assert not held.done(), f"the bystander's request ended by itself: {held}"
        await client.call("sidecar/ping")
        await client.tool("release", {"name": gate})
        reply = await asyncio.wait_for(held, PATIENCE_S)
        assert "result" in reply, reply
        assert not client.orphans, client.orphans
