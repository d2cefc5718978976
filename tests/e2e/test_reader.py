"""The read-only socket (design 3.3): search for a sandboxed agent, and no way out of its sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.trees import write_tree


async def test_a_reader_searches_only_roots_that_a_full_client_has_opened(daemon: Daemon, short_tmp: Path) -> None:
    """Refused before, answered after."""
    write_tree(short_tmp, {"in/a.txt": "needle\n", "out/b.txt": "needle\n"})
    ask = {"root": str(short_tmp / "in"), "pattern": "needle"}
    async with await daemon.connect(daemon.reader) as reader, await daemon.connect() as full:
        assert (await reader.refusal("sidecar/grep", ask)).kind in ("forbidden", "outsideRoot")
        await full.call("sidecar/hello", {"root": str(short_tmp / "in")})
        assert [match["path"] for match in (await reader.call("sidecar/grep", ask))["matches"]] == ["a.txt"]
        for outside in ({"root": str(short_tmp / "out")}, {"root": str(short_tmp)}, {"paths": ["../out"]}, {"paths": [str(short_tmp / "out/b.txt")]}):
            refused = await reader.refusal("sidecar/grep", ask | outside)
            assert refused.kind in ("forbidden", "outsideRoot", "notFound"), outside


async def test_a_symlink_does_not_lead_a_reader_out_of_its_roots(daemon: Daemon, short_tmp: Path) -> None:
    """Targets stay inside, followed or named."""
    write_tree(short_tmp, {"in/a.txt": "needle\n", "out/b.txt": "needle\n"})
    (short_tmp / "in" / "link").symlink_to("../out")
    (short_tmp / "in" / "file").symlink_to("../out/b.txt")
    async with await daemon.connect(daemon.reader) as reader, await daemon.connect() as full:
        await full.call("sidecar/hello", {"root": str(short_tmp / "in")})
        found = await reader.call("sidecar/grep", {"root": str(short_tmp / "in"), "pattern": "needle", "follow": True})
        assert [match["path"] for match in found["matches"]] == ["a.txt"]
        for path in ("link", "link/b.txt", "file"):
            reply = await reader.reply("sidecar/grep", {"root": str(short_tmp / "in"), "pattern": "needle", "paths": [path]})
            assert not reply.get("result", {}).get("matches"), path


@pytest.mark.parametrize("method", ["sidecar/stop", "sidecar/doctor", "sidecar/interrupt", "sidecar/events/subscribe", "sidecar/publish", "textDocument/hover"])
async def test_a_reader_is_refused_what_is_not_reading(shared_daemon: Daemon, method: str) -> None:
    """`forbidden`, or a method that is not there; the daemon goes on."""
    async with await shared_daemon.connect(shared_daemon.reader) as reader:
        refused = await reader.refusal(method)
        assert refused.kind in ("forbidden", "unknownMethod"), refused
    assert shared_daemon.status()["pid"] == shared_daemon.pid


async def test_a_reader_cannot_run_a_command(shared_daemon: Daemon, short_tmp: Path) -> None:
    """It starts no process."""
    async with await shared_daemon.connect(shared_daemon.reader) as reader, await shared_daemon.connect() as full:
        await full.call("sidecar/hello", {"root": str(short_tmp)})
        refused = await reader.refusal("sidecar/tools/call", {"tool": "run_command", "args": {"argv": ["true"]}, "root": str(short_tmp)})
        assert refused.kind == "forbidden"


async def test_a_reader_may_ask_who_and_how_the_daemon_is(shared_daemon: Daemon) -> None:
    """hello and status are served."""
    async with await shared_daemon.connect(shared_daemon.reader) as reader:
        hello = await reader.call("sidecar/hello", {"client": {"name": "sandboxed"}})
        assert hello["pid"] == shared_daemon.pid
        assert (await reader.call("sidecar/status"))["pid"] == shared_daemon.pid


async def test_a_readers_own_hello_opens_no_root(daemon: Daemon, short_tmp: Path) -> None:
    """Naming a root does not make it readable."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    async with await daemon.connect(daemon.reader) as reader:
        await reader.reply("sidecar/hello", {"root": str(short_tmp)})
        assert (await reader.refusal("sidecar/grep", {"root": str(short_tmp), "pattern": "needle"})).kind in ("forbidden", "outsideRoot")
