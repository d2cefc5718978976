"""E4: `engine: "cli"`: the reply names it, the module's absence chooses it, and what is wrong with `rg` is a typed error, never a silent change."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.errors import NotInstalled, SidecarError
from sidecar.tools.grep import SPEC
from tests.support.clients import Refused
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.engines import script, with_search_programs
from tests.support.searching import searched
from tests.support.trees import wide_tree, write_tree
from tests.support.waiting import eventually

_GOOD_VERSION = 'if [ "$1" = --version ]; then echo "ripgrep 15.0.0"; exit 0; fi'


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[Daemon]:
    """A daemon for all tests of this module, with `rg` on its PATH."""
    daemon = Daemon(env=with_search_programs())
    try:
        yield daemon.start()
    finally:
        daemon.finish()


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """Three files."""
    return write_tree(short_tmp / "t", {"a.py": "needle = 1\n", "b/c.txt": "no\nneedle two needle\n", "ü.md": "needle\n"})


@pytest.mark.parametrize("mode", ["matches", "files", "count"])
async def test_both_engines_answer_alike_and_say_who_they_are(shared_daemon: Daemon, tree: Path, mode: str) -> None:
    """The same reply but for `meta.engine` and what only the module counts."""
    async with await shared_daemon.connect() as one:
        native, cli = [await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle", "mode": mode, "engine": engine}) for engine in ("auto", "cli")]
    assert (native.pop("meta")["engine"], cli.pop("meta")["engine"]) == ("native", "cli")
    native.pop("filesSearched")
    assert native == cli


async def test_streamed_matches_are_all_of_them_and_the_reply_has_the_rest(shared_daemon: Daemon, tree: Path) -> None:
    """As from the module: chunks with the token, then the reply without matches."""
    async with await shared_daemon.connect() as one:
        whole = await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle", "engine": "cli"})
        reply = await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle", "engine": "cli", "partialResultToken": 7})
        chunks = [note["params"]["value"]["matches"] for note in one.notifications if note["method"] == "$/progress"]
    assert [match for chunk in chunks for match in chunk] == whole["matches"]
    assert "matches" not in reply
    assert reply["files"] == 3


@pytest.mark.parametrize(
    ("method", "args"),
    [("sidecar/grep", {"pattern": "needle"}), ("sidecar/glob", {"patterns": "*.py"}), ("sidecar/astGrep", {"pattern": "needle = $A", "language": "python"})],
)
async def test_without_the_module_auto_asks_the_program(make_daemon: DaemonFactory, tree: Path, method: str, args: dict[str, Any]) -> None:
    """And an engine that was named is refused with a hint, as it is not there."""
    daemon = make_daemon(env=with_search_programs() | {"SIDECAR_NATIVE": "off"}).start()
    async with await daemon.connect() as one:
        found = await one.call(method, {"root": str(tree), **args})
        assert found["meta"]["engine"] == "cli"
        assert found["paths" if method == "sidecar/glob" else "matches"]
        with pytest.raises(Refused) as refused:
            await one.call(method, {"root": str(tree), "engine": "native", **args})
    assert refused.value.kind == "notInstalled"
    assert refused.value.data["hint"]


async def test_a_missing_rg_is_not_installed_and_says_what_to_do(make_daemon: DaemonFactory, tree: Path, short_tmp: Path) -> None:
    """-32803 `notInstalled`; the native engine goes on."""
    (short_tmp / "empty").mkdir()
    daemon = make_daemon(env={"PATH": str(short_tmp / "empty")}).start()
    async with await daemon.connect() as one:
        with pytest.raises(Refused) as refused:
            await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle", "engine": "cli"})
        assert (refused.value.code, refused.value.kind) == (-32803, "notInstalled")
        assert "ripgrep" in refused.value.data["hint"]
        assert (await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle"}))["files"] == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [('echo "ripgrep 12.1.1"', "12.1.1"), ('echo "rg, the row grouper 99.0.0"', "row grouper"), ("exit 3", "''"), ('echo "ripgrep 13.0.0 (rev 1)"', "14.0.0")],
)
async def test_an_rg_that_is_too_old_or_another_program_is_refused(tree: Path, short_tmp: Path, body: str, said: str) -> None:
    """The error names what was found and what is needed."""
    folder = script(short_tmp / "bin", "rg", body)
    with pytest.raises(NotInstalled) as refused:
        await searched(SPEC, tree, pattern="needle", engine="cli", env=with_search_programs(folder))
    assert said in refused.value.message
    assert "14.0.0" in refused.value.message


async def test_a_hanging_rg_is_killed_at_the_deadline_and_what_it_found_is_kept(make_daemon: DaemonFactory, tree: Path, short_tmp: Path) -> None:
    """`truncated, reason: timeout`, with what came before; its grandchild that holds the pipe is killed too."""
    line = '{"type":"%s","data":{"path":{"text":"a.py"}%s}}'
    match = line % (
        "match",
        ',"lines":{"text":"needle = 1\\\\n"},"line_number":1,"absolute_offset":0,"submatches":[{"match":{"text":"needle"},"start":0,"end":6}]',
    )
    text = f"{_GOOD_VERSION}\necho '{line % ('begin', '')}'\necho '{match}'\nsleep 1000 &\necho $! >{short_tmp}/pid\nsleep 1000"
    folder = script(short_tmp / "bin", "rg", text.replace("\\\\\\\\n", "\\\\n"))
    daemon = make_daemon(env=with_search_programs(folder)).start()
    async with await daemon.connect() as one:
        found = await one.call("sidecar/grep", {"root": str(tree), "pattern": "needle", "engine": "cli", "timeoutMs": 700})
    assert (found["truncated"], found["reason"], found["meta"]["complete"]) == (True, "timeout", False)
    assert [match["line"] for match in found["matches"]] == [1]
    grandchild = int((short_tmp / "pid").read_text())
    await eventually(lambda: not _lives(grandchild), what="the grandchild is dead")


async def test_a_cancel_kills_rg_at_once(make_daemon: DaemonFactory, tree: Path, short_tmp: Path) -> None:
    """-32800 to its client, and the process is gone with its slot."""
    folder = script(short_tmp / "bin", "rg", f"{_GOOD_VERSION}\necho $$ >{short_tmp}/pid.part\nmv {short_tmp}/pid.part {short_tmp}/pid\nsleep 1000")
    daemon = make_daemon(env=with_search_programs(folder)).start()
    async with await daemon.connect() as one:
        asked = one.request("sidecar/grep", {"root": str(tree), "pattern": "x", "engine": "cli"})
        await eventually((short_tmp / "pid").exists, what="rg runs")
        one.cancel(asked)
        reply = await asked
        assert reply["error"]["code"] == -32800
        pid = int((short_tmp / "pid").read_text())
        await eventually(lambda: not _lives(pid), what="rg is dead")


async def test_a_reader_never_starts_a_process(shared_daemon: Daemon, tree: Path) -> None:
    """Design 3.3: forbidden on reader.sock, whatever the tool."""
    async with await shared_daemon.connect() as full, await shared_daemon.connect(shared_daemon.reader) as reader:
        await full.call("sidecar/hello", {"root": str(tree)})
        for method, args in (("sidecar/grep", {"pattern": "x"}), ("sidecar/glob", {"patterns": "x"}), ("sidecar/astGrep", {"pattern": "x", "language": "py"})):
            with pytest.raises(Refused) as refused:
                await reader.call(method, {"root": str(tree), "engine": "cli", **args})
            assert refused.value.kind == "forbidden"


@pytest.mark.parametrize(
    ("args", "kind", "named"),
    [
        ({"pattern": "a(b"}, "invalidParams", "pattern"),
        ({"pattern": "a\\nb"}, "invalidParams", "pattern"),
        ({"pattern": r"\w{1000}{1000}"}, "tooLarge", "pattern"),
        ({"pattern": r"(((a{100}){100}){100}){100}"}, "tooLarge", "pattern"),
        ({"pattern": "x", "globs": ["{a"]}, "invalidParams", "globs"),
        ({"pattern": "x", "globs": ["{a,b}" * 3000]}, "tooLarge", "globs"),
        ({"pattern": "x", "types": ["klingon"]}, "invalidParams", "types"),
        ({"pattern": "x", "paths": ["gone"]}, "notFound", "gone"),
        ({"pattern": "x", "cursor": "AQAAAAAAAAAAAAAAAA"}, "invalidParams", "cursor"),
    ],
    ids=str,
)
async def test_what_rg_refuses_is_a_typed_error_that_names_the_argument(shared_daemon: Daemon, tree: Path, args: dict[str, Any], kind: str, named: str) -> None:
    """The kinds of the native engine; a regex that needs gigabytes is refused by its size."""
    async with await shared_daemon.connect() as one:
        with pytest.raises(Refused) as refused:
            await one.call("sidecar/grep", {"root": str(tree), "engine": "cli", **args})
    assert refused.value.kind == kind
    assert named in refused.value.message


_OPTIONS = [
    "--files",
    "-V",
    "--version",
    "--pre=touch",
    "-",
    "--",
    "-e",
    "--hostname-bin=touch",
    "-f/etc/passwd",
    "--no-such",
    "-z",
    "--debug",
    "-uuu",
    "@a",
    "$(x)",
    "`x`",
]
_words = st.one_of(st.sampled_from(_OPTIONS), st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0/"), min_size=1, max_size=8))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pattern=_words, glob=_words, path=_words)
def test_user_text_never_becomes_an_option(tmp_path: Path, pattern: str, glob: str, path: str) -> None:
    """C4: whatever a pattern, glob or path looks like, it is searched for, matched, and looked into as a file of that name."""
    with contextlib.suppress(OSError):
        (tmp_path / path).write_text(f"<{pattern}>\n")
        asyncio.run(_finds(tmp_path, pattern, glob, path))


async def _finds(root: Path, pattern: str, glob: str, path: str) -> None:
    replies = []
    for engine in ("native", "cli"):
        try:
            reply = await searched(SPEC, root, pattern=pattern, fixedStrings=True, globs=["*", f"!{glob}x"], paths=[path], engine=engine)
            replies.append([(match["path"], match["text"]) for match in reply["matches"]])
        except SidecarError as error:
            replies.append([(error.kind, "")])
    assert replies[0] == replies[1]


@pytest.mark.parametrize("engine", ["native", "cli"])
async def test_a_client_with_50_queued_searches_delays_another_by_at_most_one(shared_daemon: Daemon, short_tmp: Path, engine: str) -> None:
    """Design 3.17: while one client's 50 wait, another's single one is answered before more than a lane's worth of them."""
    root = wide_tree(short_tmp / "wide", 400, 20)
    params = {"root": str(root), "pattern": "needle", "engine": engine, "limit": 20_000, "maxBytes": 64 << 20, "mode": "count"}
    async with await shared_daemon.connect() as busy, await shared_daemon.connect() as other:
        await other.call("sidecar/ping", {})
        flood = [asyncio.ensure_future(busy.call("sidecar/grep", params)) for _ in range(50)]
        await busy.call("sidecar/ping", {})
        done_before = sum(one.done() for one in flood)
        await other.call("sidecar/grep", params)
        done_between = sum(one.done() for one in flood) - done_before
        await asyncio.gather(*flood)
    # A slot is free for the other at once; what its search overlaps with are the searches that run, one in each other slot, twice.
    assert done_between <= 2 * _search_slots(shared_daemon)


def _search_slots(daemon: Daemon) -> int:
    return int(daemon.lane("search")["limit"])


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
