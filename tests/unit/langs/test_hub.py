"""Hovers through real processes: unsaved text, encodings, starts, and every bad server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from sidecar.config import Server
from sidecar.engine.deadline import Deadline
from sidecar.engine.spec import PositionEncoding, Rights
from sidecar.errors import Crashed, Failed, Forbidden, InvalidParams, NotFound, NotInstalled, OutsideRoot, SidecarError, Stale, Starting, TimedOut
from sidecar.langs.documents import Change
from sidecar.trace import Trace
from tests.support.langs import bad_rig
from tests.support.waiting import eventually

LINE = '"🎉日本" + name\n'
WIDTHS = {"utf-8": 1 + 4 + 6 + 1 + 3, "utf-16": 1 + 2 + 2 + 1 + 3, "utf-32": 1 + 1 + 2 + 1 + 3}


async def test_a_file_that_nobody_has_open_is_answered_from_the_disk(tmp_path: Path) -> None:
    """The text is the file's, also after it has changed."""
    async with bad_rig(tmp_path) as rig:
        first = await rig.echo()
        rig.write("a.bad", "other = 2\n")
        second = await rig.echo()
        again = await rig.echo()
    assert [first["word"], second["word"]] == ["name", "other"]
    assert again["version"] == second["version"], "an unchanged file is not sent again"
    assert first["answer"].readiness == "ready" and first["answer"].server == "bad"


async def test_unsaved_text_is_used_for_its_own_editor_alone(tmp_path: Path) -> None:
    """Another client sees the disk."""
    async with bad_rig(tmp_path) as rig:
        rig.open("ed", "unsaved = 1\n", version=9)
        mine, theirs = await rig.echo("ed"), await rig.echo("other")
    assert (mine["word"], mine["answer"].version) == ("unsaved", 9)
    assert theirs["word"] == "name"


async def test_two_editors_with_different_text_of_one_file_each_get_their_own(tmp_path: Path) -> None:
    """Fifty alternations, then fifty of each at once: no answer is about the other's text."""
    async with bad_rig(tmp_path) as rig:
        rig.open("one", "first\n")
        rig.open("two", "second\n")
        for _ in range(50):
            assert (await rig.echo("one"))["word"] == "first"
            assert (await rig.echo("two"))["word"] == "second"
        words = [echo["word"] for echo in await asyncio.gather(*(rig.echo(name) for name in ["one", "two"] * 50))]
    assert words == ["first", "second"] * 50


@pytest.mark.parametrize("server", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("caller", ["utf-8", "utf-16", "utf-32"])
async def test_emoji_and_cjk_before_the_name_are_counted_in_each_encoding(tmp_path: Path, server: str, caller: str) -> None:
    """The name is found, and its range comes back in the caller's own count, by the tool and by LSP."""
    async with bad_rig(tmp_path, "--encoding", server) as rig:
        rig.write("a.bad", LINE)
        at = WIDTHS[caller]
        echo = await rig.echo(at=(0, at), encoding=caller)
        forwarded = await rig.forward(at=(0, at), encoding=caller)
    assert (echo["word"], echo["range"]) == ("name", [at, at + 4])
    assert forwarded["range"] == {"start": {"line": 0, "character": at}, "end": {"line": 0, "character": at + 4}}


async def test_a_server_that_announces_no_encoding_counts_utf_16(tmp_path: Path) -> None:
    """LSP 3.17's default."""
    async with bad_rig(tmp_path) as rig:
        rig.write("a.bad", LINE)
        assert (await rig.echo(at=(0, WIDTHS["utf-32"]), encoding="utf-32"))["word"] == "name"


async def test_many_hovers_at_once_start_one_server(tmp_path: Path) -> None:
    """Single flight: whoever comes while it starts waits for the same start."""
    gate = tmp_path / "gate"
    async with bad_rig(tmp_path, "--start-gate", str(gate)) as rig:
        asked = [asyncio.ensure_future(rig.echo(f"c{number}")) for number in range(20)]
        await rig.until_received("initialize")
        gate.touch()
        assert {echo["word"] for echo in await asyncio.gather(*asked)} == {"name"}
        assert len(rig.starts()) == 1


async def test_the_tool_waits_for_a_start_until_its_deadline_and_then_tells_its_readiness(tmp_path: Path) -> None:
    """A success with no contents; the start goes on and the next hover gets its fruit."""
    gate = tmp_path / "gate"
    async with bad_rig(tmp_path, "--start-gate", str(gate)) as rig:
        early = await rig.hover(ms=300)
        assert (bytes(early.contents), early.readiness, early.server) == (b"null", "starting", "bad")
        gate.touch()
        assert (await rig.echo())["word"] == "name"
        assert len(rig.starts()) == 1


async def test_an_lsp_hover_does_not_wait_for_a_start(tmp_path: Path) -> None:
    """-32803 `starting` with a hint when to ask again."""
    gate = tmp_path / "gate"
    async with bad_rig(tmp_path, "--start-gate", str(gate)) as rig:
        with pytest.raises(Starting) as caught:
            await rig.forward()
        assert caught.value.code == -32803 and caught.value.retry_after_ms
        gate.touch()
        await rig.until_told("server.ready")
        assert json.loads((await rig.forward())["contents"]["value"])["word"] == "name"


async def test_the_servers_time_is_told_apart_from_ours(tmp_path: Path) -> None:
    """`server_s` holds the start and the answer."""
    async with bad_rig(tmp_path) as rig:
        trace = Trace(0.0)
        await rig.hover(trace=trace)
        warm = Trace(0.0)
        await rig.hover(trace=warm)
    assert trace.server_s > warm.server_s > 0


async def test_everything_a_server_asks_is_answered(tmp_path: Path) -> None:
    """Configuration from its settings and null for the unknown, edits refused, and -32601 for what nobody knows."""
    async with bad_rig(tmp_path, "--asks") as rig:
        await rig.hover()
        await eventually(lambda: sum("method" not in entry and "id" in entry for entry in rig.log()) >= 10, what="ten answers")
        answers = [entry for entry in rig.log() if "method" not in entry and "id" in entry]
    results = [entry.get("result", entry.get("error", {}).get("code") if "error" in entry else None) for entry in answers]
    folder = [{"uri": rig.project.as_uri(), "name": "p"}]
    assert results[:4] == [None, None, [7, None, {"bad": {"known": 7}}], None]
    assert results[4:6] == [None, {"success": False}]
    assert results[6]["applied"] is False
    assert results[7:] == [folder, None, -32601]


async def test_a_server_that_registers_hovers_later_is_asked(tmp_path: Path) -> None:
    """Dynamic registration counts as much as a static capability."""
    async with bad_rig(tmp_path, "--asks", "--no-hover") as rig:

        async def word() -> str:
            try:
                return str((await rig.echo())["word"])
            except Failed:
                return ""

        assert await eventually(word) == "name"


async def test_a_server_without_hovers_says_so(tmp_path: Path) -> None:
    """An error that names it, not an empty answer."""
    async with bad_rig(tmp_path, "--no-hover") as rig:
        with pytest.raises(Failed, match="bad answers no hovers"):
            await rig.hover()


async def test_a_null_answer_is_no_contents_and_the_server_is_ready(tmp_path: Path) -> None:
    """Readiness tells it from a cold index."""
    async with bad_rig(tmp_path, "--answer", "null") as rig:
        result = await rig.hover()
        assert (bytes(result.contents), result.readiness) == (b"null", "ready")
        assert await rig.forward() is None


async def test_an_empty_answer_of_a_server_that_still_reads_the_project_is_asked_again(tmp_path: Path) -> None:
    """Empty is not `no result` while it is indexing."""
    gate = tmp_path / "gate"
    async with bad_rig(tmp_path, "--index", str(gate)) as rig:
        asked = asyncio.ensure_future(rig.echo())
        await rig.until_received("textDocument/hover")
        gate.touch()
        assert (await asked)["word"] == "name"
        assert rig.told("server.readiness")


async def test_an_answer_of_a_server_that_still_reads_says_indexing(tmp_path: Path) -> None:
    """At the deadline it is an empty success with that readiness."""
    async with bad_rig(tmp_path, "--index", str(tmp_path / "never")) as rig:
        await rig.hover(ms=2000)
        result = await rig.hover(ms=300)
    assert (bytes(result.contents), result.readiness) == (b"null", "indexing")


async def test_old_shapes_of_contents_become_markdown(tmp_path: Path) -> None:
    """A list of MarkedString; LSP clients get it as it came."""
    async with bad_rig(tmp_path, "--answer", "legacy") as rig:
        contents = json.loads(bytes((await rig.hover()).contents))
        assert (await rig.forward())["contents"] == [{"language": "bad", "value": "name"}, "a string"]
    assert contents == {"kind": "markdown", "value": "```bad\nname\n```\n\na string"}


async def test_a_second_answer_is_dropped_and_counted(tmp_path: Path) -> None:
    """It reaches nobody."""
    async with bad_rig(tmp_path, "--answer", "twice") as rig:
        assert (await rig.echo())["word"] == "name"
        assert (await rig.echo())["word"] == "name"
        await eventually(lambda: rig.counters["servers.lateReplies"] == 2)


async def test_a_late_answer_is_dropped_and_its_request_was_cancelled(tmp_path: Path) -> None:
    """At the deadline the server is told; what it says then is counted."""
    async with bad_rig(tmp_path, "--answer", "late") as rig:
        with pytest.raises(TimedOut):
            await rig.hover(ms=1500)
        await rig.until_received("$/cancelRequest")
        await eventually(lambda: rig.counters["servers.lateReplies"] == 1)


async def test_a_cancelled_hover_is_cancelled_at_the_server(tmp_path: Path) -> None:
    """And the text is free for the next one."""
    async with bad_rig(tmp_path, "--gate", str(tmp_path / "gate")) as rig:
        rig.open("ed", "mine\n")
        asked = asyncio.ensure_future(rig.hover("ed"))
        await rig.until_received("textDocument/hover")
        waiting = asyncio.ensure_future(rig.echo("other"))
        asked.cancel()
        await rig.until_received("$/cancelRequest")
        (tmp_path / "gate").touch()
        assert (await waiting)["word"] == "name"
        await asyncio.gather(asked, return_exceptions=True)


async def test_content_modified_is_asked_once_more(tmp_path: Path) -> None:
    """The second answer counts."""
    async with bad_rig(tmp_path, "--modified", "1") as rig:
        assert (await rig.echo())["word"] == "name"


async def test_content_modified_twice_is_stale(tmp_path: Path) -> None:
    """-32801, and the next hover is a new one."""
    async with bad_rig(tmp_path, "--modified", "2") as rig:
        with pytest.raises(Stale):
            await rig.forward()
        assert (await rig.echo())["word"] == "name"


@pytest.mark.parametrize("answer", ["error", "wrong"])
async def test_an_error_or_nonsense_fails_its_own_call(tmp_path: Path, answer: str) -> None:
    """The server stays."""
    async with bad_rig(tmp_path, "--answer", answer) as rig:
        for _ in range(2):
            with pytest.raises(Failed):
                await rig.hover()
        assert len(rig.starts()) == 1


async def test_a_flood_on_stderr_does_not_stop_it(tmp_path: Path) -> None:
    """Drained; the status shows its end only."""
    async with bad_rig(tmp_path, "--flood", str(2 << 20)) as rig:
        for _ in range(3):
            assert (await rig.echo())["word"] == "name"
        (status,) = rig.hub.status()
    assert 0 < len(str(status["stderr"])) <= 2048


async def test_a_large_answer_comes_whole(tmp_path: Path) -> None:
    """Three megabytes."""
    async with bad_rig(tmp_path, "--huge", str(3 << 20)) as rig:
        assert len((await rig.echo())["pad"]) == 3 << 20


async def test_an_answer_over_the_bound_ends_that_server_alone(tmp_path: Path) -> None:
    """Its stream cannot be read further; the call fails, the hub goes on."""
    async with bad_rig(tmp_path, "--huge", str(20 << 20)) as rig:
        with pytest.raises(Crashed, match="no message"):
            await rig.hover()


async def test_bare_nulls_are_counted_and_ignored(tmp_path: Path) -> None:
    """They killed other hubs' loops (field note 11)."""
    async with bad_rig(tmp_path, "--bare-null") as rig:
        assert (await rig.echo())["word"] == "name"
        await eventually(lambda: rig.counters["servers.badMessages"] >= 2)


async def test_text_on_standard_output_that_is_no_message_is_a_crash(tmp_path: Path) -> None:
    """Said as what it is."""
    async with bad_rig(tmp_path, "--garbage") as rig:
        with pytest.raises(Crashed, match="no message"):
            await rig.hover()


async def test_a_server_that_hangs_is_ended_after_three_silent_timeouts(tmp_path: Path) -> None:
    """The next hover gets a new process (field note 17)."""
    async with bad_rig(tmp_path, "--hang") as rig:

        async def crashed() -> bool:
            with contextlib.suppress(TimedOut):
                await rig.hover(ms=300)
            return bool(rig.told("server.crashed"))

        await eventually(crashed)
        assert "hangs" in str(rig.told("server.crashed")[0]["message"])


async def test_a_missing_server_says_how_to_get_it(tmp_path: Path) -> None:
    """-32803 notInstalled, at once, by both ways in."""
    async with bad_rig(tmp_path, command=("no-such-langserver-anywhere",), install="pip install bad") as rig:
        for ask in (rig.hover, rig.forward):
            with pytest.raises(NotInstalled, match="no-such-langserver-anywhere") as caught:
                await ask()
            assert "pip install bad" in caught.value.hint


async def test_a_configured_command_replaces_the_tables(tmp_path: Path) -> None:
    """Command, environment and enabling come from the user's configuration."""
    async with bad_rig(tmp_path, overrides={"bad": Server(command=("no-such-thing",))}) as rig:
        with pytest.raises(NotInstalled, match="no-such-thing"):
            await rig.hover()
    async with bad_rig(tmp_path, overrides={"bad": Server(enabled=False)}) as rig:
        with pytest.raises(NotFound, match="no language server"):
            await rig.hover()


@pytest.mark.parametrize(
    ("path", "error"),
    [("absent.bad", NotFound), ("a.unknown", NotFound), (".", NotFound), ("d.bad", InvalidParams), ("b.bad", InvalidParams), ("a\0.bad", InvalidParams)],
)
async def test_what_is_no_text_file_is_refused_and_starts_nothing(tmp_path: Path, path: str, error: type[SidecarError]) -> None:
    """Absent, of no known kind, a folder, binary, a NUL in its name."""
    async with bad_rig(tmp_path) as rig:
        rig.write("a.unknown", "x")
        rig.write("b.bad", b"\0\1\2")
        (rig.project / "d.bad").mkdir()
        with pytest.raises(error):
            await rig.hover(path=path)
        assert rig.starts() == []


async def test_a_reader_uses_a_running_server_and_starts_none(tmp_path: Path) -> None:
    """The read-only socket (design 3.3)."""
    async with bad_rig(tmp_path) as rig:
        reader = {"rights": Rights.READER, "roots": (str(rig.project),)}
        with pytest.raises(Forbidden):
            await rig.hover("r", **reader)
        assert rig.starts() == []
        await rig.echo()
        assert (await rig.echo("r", env={"PATH": "/elsewhere"}, **reader))["word"] == "name"
        assert len(rig.starts()) == 1


async def test_a_reader_stays_inside_its_roots(tmp_path: Path) -> None:
    """By name and by symlink."""
    outside = tmp_path / "outside.bad"
    outside.write_text("secret\n")
    async with bad_rig(tmp_path) as rig:
        (rig.project / "link.bad").symlink_to(outside)
        await rig.echo()
        for path in ("../outside.bad", "link.bad", str(outside)):
            with pytest.raises(OutsideRoot):
                await rig.hover("r", path=path, rights=Rights.READER, roots=(str(rig.project),))


async def test_clients_with_another_environment_get_another_server(tmp_path: Path) -> None:
    """Only allow-listed variables count and are passed on."""
    async with bad_rig(tmp_path) as rig:
        await rig.echo("one", env={"VIRTUAL_ENV": "/one"})
        await rig.echo("same", env={"VIRTUAL_ENV": "/one", "SECRET": "x"})
        await rig.echo("two", env={"VIRTUAL_ENV": "/two"})
        started = [entry["env"] for entry in rig.log() if "start" in entry]
    assert [env["VIRTUAL_ENV"] for env in started] == ["/one", "/two"]
    assert all(env["SECRET"] is None for env in started)


async def test_each_root_has_its_own_server(tmp_path: Path) -> None:
    """The nearest folder with a marker, up to the client's root."""
    async with bad_rig(tmp_path) as rig:
        rig.write("sub/.root", "")
        rig.write("sub/deep/b.bad", "deep\n")
        await rig.echo()
        assert (await rig.echo(path="sub/deep/b.bad"))["word"] == "deep"
        assert sorted(Path(entry["cwd"]).name for entry in rig.log() if "start" in entry) == ["p", "sub"]


async def test_a_closed_buffer_is_closed_at_the_server(tmp_path: Path) -> None:
    """By didClose or by its client's end; the next answer is the disk's."""
    async with bad_rig(tmp_path) as rig:
        rig.open("ed", "unsaved\n")
        await rig.echo("ed")
        rig.documents.drop_client("ed")
        await rig.until_received("textDocument/didClose")
        assert (await rig.echo("other"))["word"] == "name"


async def test_the_editors_other_buffers_are_known_to_the_server(tmp_path: Path) -> None:
    """What is hovered may come from an unsaved neighbour."""
    async with bad_rig(tmp_path) as rig:
        rig.open("ed", "first\n", name="a.bad")
        rig.open("ed", "second\n", name="b.bad")
        echo = await rig.echo("ed")
    assert echo["open"] == [rig.uri("a.bad"), rig.uri("b.bad")]


async def test_a_buffer_without_a_file_is_served_in_the_clients_root(tmp_path: Path) -> None:
    """By its language, as no name tells."""
    async with bad_rig(tmp_path) as rig:
        rig.documents.open("ed", "untitled:Untitled-1", "bad", 1, "fresh\n")
        await rig.echo()
        who, soon = rig.caller("ed"), Deadline.after_ms(30_000)
        found = await rig.hub.forward_hover(who, str(rig.project), "untitled:Untitled-1", (0, 0), deadline=soon, trace=Trace(0.0))
    assert json.loads(json.loads(found)["contents"]["value"])["word"] == "fresh"


async def test_a_large_document_is_sent_whole(tmp_path: Path) -> None:
    """Two megabytes, changed in its middle; its text is made off the loop."""
    async with bad_rig(tmp_path) as rig:
        rig.open("ed", "word\n" * 400_000)
        assert (await rig.echo("ed", (399_999, 0)))["word"] == "word"
        rig.documents.change("ed", rig.uri(), 2, [Change("changed", (200_000, 0, 200_000, 4))], PositionEncoding.UTF16)
        echo = await rig.echo("ed", (200_000, 0))
    assert (echo["word"], echo["answer"].version) == ("changed", 2)
