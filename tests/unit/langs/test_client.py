"""One conversation with one server process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from sidecar.engine.deadline import Deadline
from sidecar.engine.process import Processes
from sidecar.errors import Crashed, SidecarError, TimedOut
from sidecar.langs.client import ONE_WRITE, LanguageClient, code_of, message_of
from sidecar.langs.readiness import Readiness
from sidecar.langs.servers import Row
from sidecar.trace import Counters
from sidecar.wire.messages import Reply
from tests.support.langs import BAD_SERVER
from tests.support.waiting import PATIENCE_S, eventually

ROW = Row("bad", ("unused",), {".bad": "bad"}, ())
OPEN = b'{"textDocument":{"uri":"file:///a","languageId":"x","version":1,"text":"%b"}}'
HOVER = b'{"textDocument":{"uri":"file:///a"},"position":{"line":0,"character":0}}'


class Rig:
    """A client and what it tells."""

    def __init__(self, base: Path, flags: tuple[str, ...]) -> None:
        self.log = base / "log"
        self.argv = [sys.executable, "-S", str(BAD_SERVER), "--log", str(self.log), *flags]
        self.processes = Processes(base / "state", str(base / "none.sock"))
        self.counters = Counters()
        self.ready: list[Readiness] = []
        self.ends: list[str | None] = []
        self.client = LanguageClient(
            ROW, str(base), {}, self.processes, self.counters, lambda one: self.ready.append(one.readiness), lambda one: self.ends.append(one.end)
        )

    async def start(self, ms: float = PATIENCE_S * 1e3) -> None:
        """Start and greet."""
        await self.client.start(self.argv, Deadline.after_ms(ms))

    async def hover(self, text: bytes = b"name") -> Reply:
        """Open and ask, in one write."""
        return await self.client.post("textDocument/hover", HOVER, [self.client.notification("textDocument/didOpen", OPEN % text)]).reply


@asynccontextmanager
async def client(base: Path, *flags: str) -> AsyncIterator[Rig]:
    """One whose process is gone at the end."""
    rig = Rig(base, flags)
    try:
        yield rig
    finally:
        await rig.client.stop()
        left = rig.processes.live().count
        await rig.processes.close()
    assert left == 0


async def test_it_is_starting_until_it_was_greeted(tmp_path: Path) -> None:
    """Then ready, with what the server said of itself."""
    async with client(tmp_path, "--encoding", "utf-8") as rig:
        assert rig.client.readiness is Readiness.STARTING
        await rig.start()
        assert (rig.client.readiness, rig.client.said.encoding, rig.client.said.version) == (Readiness.READY, "utf-8", "0.1")
        assert rig.client.pid > 0 and rig.client.hovers


async def test_replies_go_to_their_requests(tmp_path: Path) -> None:
    """Times are kept for both ends."""
    async with client(tmp_path) as rig:
        await rig.start()
        assert b"name" in bytes((await rig.hover()).result)
        asked = rig.client.post("textDocument/hover", HOVER)
        await asked.reply
        assert asked.answered_at >= asked.sent_at > 0 and rig.client.in_flight == 0


async def test_a_large_message_goes_in_pieces_and_arrives_whole(tmp_path: Path) -> None:
    """Over what is joined into one write, and over any pipe's buffer."""
    async with client(tmp_path) as rig:
        await rig.start()
        assert b"name" in bytes((await rig.hover(b"name " + b"x" * 3 * ONE_WRITE)).result)


async def test_a_death_in_the_greeting_is_told_with_its_last_words(tmp_path: Path) -> None:
    """And is no end of a server that never lived."""
    async with client(tmp_path, "--die-in-initialize", "1") as rig:
        with pytest.raises(Crashed, match="exit code 3") as caught:
            await rig.start()
    assert "I die now" in caught.value.data["stderr"]
    assert rig.ends == []


async def test_a_greeting_that_hangs_ends_with_its_deadline(tmp_path: Path) -> None:
    """Nothing is left running."""
    async with client(tmp_path, "--hang-in-initialize") as rig:
        with pytest.raises(TimedOut):
            await rig.start(ms=500)
        assert rig.processes.live().count == 0


async def test_a_crash_fails_what_is_in_flight_and_everything_after(tmp_path: Path) -> None:
    """The end is told once."""
    async with client(tmp_path, "--crash-on", "1") as rig:
        await rig.start()
        with pytest.raises(Crashed, match="exit code 4"):
            await rig.hover()
        with pytest.raises(SidecarError):
            rig.client.post("textDocument/hover", HOVER)
    assert len(rig.ends) == 1


async def test_a_forgotten_request_is_cancelled_and_its_answer_dropped(tmp_path: Path) -> None:
    """Counted, and forgetting twice or after the answer does nothing."""
    async with client(tmp_path, "--answer", "late") as rig:
        await rig.start()
        asked = rig.client.post("textDocument/hover", HOVER, [rig.client.notification("textDocument/didOpen", OPEN % b"x")])
        rig.client.forget(asked)
        rig.client.forget(asked)
        await eventually(lambda: rig.counters["servers.lateReplies"] == 1)
        assert rig.log.read_text().count("$/cancelRequest") == 1


async def test_a_word_from_the_server_makes_silence_count_anew(tmp_path: Path) -> None:
    """Only requests that pass in silence make it hang; a slow server is not a dead one (field note 8)."""
    async with client(tmp_path, "--answer", "late") as rig:
        await rig.start()
        rig.client.send([rig.client.notification("textDocument/didOpen", OPEN % b"x")])
        for answered in range(1, 6):
            rig.client.forget(rig.client.post("textDocument/hover", HOVER), late=True)
            await eventually(lambda answered=answered: rig.counters["servers.lateReplies"] == answered)
        assert rig.client.end is None


async def test_stopping_is_polite(tmp_path: Path) -> None:
    """shutdown, exit, and no end is told: it was asked to."""
    async with client(tmp_path) as rig:
        await rig.start()
        await rig.client.stop()
        assert rig.log.read_text().count('"method": "shutdown"') == 1
        assert rig.log.read_text().count('"method": "exit"') == 1
    assert rig.ends == []


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """The process is dead when the cancel is done."""
    async with client(tmp_path, "--hang-in-initialize") as rig:
        starting = asyncio.ensure_future(rig.start())
        await eventually(lambda: rig.log.exists() and "initialize" in rig.log.read_text())
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled() and rig.processes.live().count == 0


@pytest.mark.parametrize(("error", "code", "message"), [(b'{"code":-1,"message":"m"}', -1, "m"), (b"{}", 0, ""), (b"3", 0, "an error of no known shape")])
def test_errors_of_any_shape_can_be_told(error: bytes, code: int, message: str) -> None:
    """A server's error may be anything."""
    raw = msgspec.Raw(error)
    assert (code_of(raw), message_of(raw)) == (code, message)
