"""F2, F5 and F6 through the socket: what language servers cost, when they are stopped, and what one may do that never gets ready."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client, Message, Refused
from tests.support.daemon import Daemon, DaemonFactory
from tests.support.langs import BAD_SERVER
from tests.support.trees import write_tree
from tests.support.waiting import eventually

MB = 1 << 20
PLACE = {"path": "a.py", "line": 0, "character": 0}
BadDaemon = Callable[..., Daemon]


@pytest.fixture
def log(short_tmp: Path) -> Path:
    """Where the scripted server writes down what it is told."""
    return short_tmp / "bad.log"


@pytest.fixture
def bad_daemon(make_daemon: DaemonFactory, log: Path) -> BadDaemon:
    """Start a daemon in which a row's server is the scripted one."""

    def start(*flags: str, row: str = "basedpyright", settings: str = "", more: str = "") -> Daemon:
        command = [sys.executable, "-S", str(BAD_SERVER), "--log", str(log), *flags]
        return make_daemon(config=f"{more}\n[servers.{row}]\ncommand = {json.dumps(command)}\n{settings}\n").start()

    return start


def project(base: Path, name: str = "p") -> Path:
    """A project with a file for two servers."""
    return write_tree(base / name, {"pyproject.toml": "", "a.py": "name = 1\n", "Cargo.toml": "", "a.rs": "name\n"})


async def hover(client: Client, root: Path, path: str = "a.py", **params: Any) -> Message:
    """The tool."""
    found: Message = await client.tool("hover", PLACE | {"path": path}, root=str(root), **params)
    return found


async def early_hover(client: Client, root: Path, path: str = "a.py") -> Message:
    """One with little time, once the process has answered its greeting, however busy the machine is."""
    for _ in range(200):
        found = await hover(client, root, path, timeoutMs=400)
        if found["readiness"] != "starting":
            return found
    raise AssertionError("it never started")


def word(result: Message) -> str:
    """What stands at the place, as the scripted server saw it."""
    assert result["contents"], result
    return str(json.loads(result["contents"]["value"])["word"])


async def stopped(client: Client) -> Message:
    """The event that tells of it."""
    note = await client.wait_notification(lambda note: note["params"].get("kind") == "server.stopped")
    found: Message = note["params"]["data"]
    return found


async def test_status_shows_what_each_server_is_and_costs(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """Process, root, state, readiness, memory, age, restarts, and the environment by its names alone."""
    daemon, root = bad_daemon(), project(short_tmp)
    async with await daemon.connect() as client:
        await client.call("sidecar/hello", {"root": str(root), "env": {"PATH": "/usr/bin:/bin", "GOSECRET": "hush"}})
        await hover(client, root)
        await eventually(lambda: daemon.status()["servers"][0]["rssBytes"], what="it is weighed")
        (server,) = daemon.status()["servers"]
    assert (server["name"], server["root"], server["state"], server["readiness"]) == ("basedpyright", str(root), "running", "ready")
    assert server["pid"] in daemon.processes() and server["rssBytes"] > MB and server["uptimeMs"] >= 0 and server["restarts"] == 0
    assert len(server["environment"]["key"]) == 12 and {"PATH", "GOSECRET"} <= set(server["environment"]["names"])
    assert "hush" not in json.dumps(server)


async def test_a_server_over_its_memory_bound_is_stopped_and_subscribers_hear_why(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """The next hover starts it again."""
    daemon, root = bad_daemon("--eat", str(100 * MB), settings=f"rss_max_bytes = {90 * MB}"), project(short_tmp)
    async with await daemon.connect() as client:
        await client.call("sidecar/events/subscribe", {"kinds": ["server.*"]})
        await hover(client, root)
        told = await stopped(client)
        assert (told["server"], told["root"], told["reason"], told["maxBytes"]) == ("basedpyright", str(root), "memory", 90 * MB)
        assert told["rssBytes"] > told["maxBytes"]
        assert word(await hover(client, root)) == "name"
        assert daemon.status()["servers"][0]["restarts"] == 1


async def test_over_the_memory_bound_of_all_the_one_unused_longest_is_stopped(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """The other one goes on."""
    daemon = bad_daemon("--eat", str(60 * MB), more=f"[limits]\nservers_rss_bytes = {100 * MB}")
    roots = [project(short_tmp, "one"), project(short_tmp, "two")]
    async with await daemon.connect() as client:
        await client.call("sidecar/events/subscribe", {"kinds": ["server.*"]})
        for root in roots:
            await hover(client, root)
        told = await stopped(client)
        assert (told["root"], told["reason"]) == (str(roots[0]), "memory")
        assert [one["state"] for one in daemon.status()["servers"]] == ["stopped", "running"]


async def test_an_idle_server_is_stopped_and_started_again_when_asked(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """Its event says so, and no process is left."""
    daemon, root = bad_daemon(settings="idle_stop_s = 0.01"), project(short_tmp)
    async with await daemon.connect() as client:
        await client.call("sidecar/events/subscribe", {"kinds": ["server.*"]})
        await hover(client, root)
        assert (await stopped(client))["reason"] == "idle"
        (server,) = daemon.status()["servers"]
        assert (server["state"], server["pid"], server["uptimeMs"]) == ("stopped", None, None)
        assert word(await hover(client, root)) == "name"
    kinds = [note["params"]["kind"] for note in client.notifications if note["method"] == "sidecar/event"]
    assert kinds[:3] == ["server.starting", "server.ready", "server.stopped"]


async def test_a_server_that_never_gets_ready_is_told_from_one_that_knows_nothing(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """No contents, `indexing`, within the call's own time; later callers are not held up by it."""
    daemon, root = bad_daemon("--index", str(short_tmp / "never")), project(short_tmp)
    async with await daemon.connect() as client:
        for _ in range(3):
            found = await early_hover(client, root)
            assert (found["contents"], found["readiness"]) == (None, "indexing")
    assert daemon.status()["servers"][0]["restarts"] == 0, "the warming process is kept"


@pytest.mark.parametrize(("health", "readiness"), [("ok", "ready"), ("warning", "degraded"), ("error", "degraded")])
async def test_rust_analyzers_own_word_for_readiness_is_understood(bad_daemon: BadDaemon, short_tmp: Path, health: str, readiness: str) -> None:
    """`experimental/serverStatus`: reading the project until it is quiescent, then as healthy as it says."""
    gate = short_tmp / "gate"
    daemon, root = bad_daemon("--status", str(gate), "--health", health, row="rust-analyzer"), project(short_tmp)
    async with await daemon.connect() as client:
        early = await early_hover(client, root, "a.rs")
        assert (early["contents"], early["readiness"]) == (None, "indexing")
        gate.touch()
        await eventually(lambda: daemon.status()["servers"][0]["readiness"] == readiness)
        found = await hover(client, root, "a.rs")
        assert (word(found), found["readiness"]) == ("name", readiness)


async def test_a_server_may_register_and_ask_for_what_it_likes(bad_daemon: BadDaemon, short_tmp: Path, log: Path) -> None:
    """Hover registered afterwards counts; unknown settings are null; nothing it asks stays unanswered."""
    daemon, root = bad_daemon("--asks", "--no-hover"), project(short_tmp)
    async with await daemon.connect() as client:
        await eventually_hovers(client, root)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    answers = {entry["id"]: entry for entry in told if "method" not in entry and "id" in entry}
    assert sorted(answers) == list(range(101, 111))
    known, unknown, whole = answers[103]["result"]
    assert (known, unknown) == (None, None) and "basedpyright" in whole
    assert answers[110]["error"]["code"] == -32601


async def eventually_hovers(client: Client, root: Path) -> None:
    """The registration comes after the handshake: until then the server is taken at its word."""
    for _ in range(1000):
        try:
            assert word(await hover(client, root)) == "name"
        except Refused as refused:
            assert "answers no hovers" in refused.message
        else:
            return
    raise AssertionError("its registration was not heard")


async def test_a_server_that_restarts_in_a_loop_is_left_alone_after_some_times(bad_daemon: BadDaemon, short_tmp: Path, log: Path) -> None:
    """Each crash waits longer; then callers hear `crashed` at once, with when to come again."""
    daemon, root = bad_daemon("--crash-on", "1"), project(short_tmp)
    async with await daemon.connect() as client:
        for _ in range(5):
            assert (await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(root)})).kind == "crashed"
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(root)})
    assert refused.kind == "crashed" and refused.data["retryAfterMs"] > 1000 and "I crash now" in refused.data["stderr"]
    assert log.read_text().count('{"start"') == 5
    (server,) = daemon.status()["servers"]
    assert (server["state"], server["restarts"], server["breaker"]["open"]) == ("broken", 4, True)


async def test_a_file_outside_every_root_is_its_own_project(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """A person's read may name any path; the server's root is the file's folder, not the caller's."""
    daemon, root = bad_daemon(), project(short_tmp)
    outside = write_tree(short_tmp / "elsewhere", {"b.py": "other\n"})
    async with await daemon.connect() as client:
        assert word(await hover(client, root, str(outside / "b.py"))) == "other"
    assert [one["root"] for one in daemon.status()["servers"]] == [str(outside)]


async def test_a_deleted_file_is_not_found_unless_it_is_open(bad_daemon: BadDaemon, short_tmp: Path) -> None:
    """The buffer lives on in its editor; on the disk there is nothing, and what the server knew is no answer."""
    daemon, root = bad_daemon(), project(short_tmp)
    async with await daemon.connect_lsp() as editor, await daemon.connect() as shell:
        await editor.initialize(root)
        document = {"uri": (root / "a.py").as_uri(), "languageId": "python", "version": 1, "text": "draft\n"}
        editor.notify("textDocument/didOpen", {"textDocument": document})
        assert [word(await hover(editor, root)), word(await hover(shell, root))] == ["draft", "name"]
        (root / "a.py").unlink()
        assert word(await hover(editor, root)) == "draft"
        refused = await shell.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(root)})
    assert refused.kind == "notFound" and "a.py" in refused.message


@pytest.mark.parametrize(("content", "kind"), [(b"x = 1\n" * (50 * MB // 6), "tooLarge"), (b"\x7fELF\0\0" * 100, "invalidParams")], ids=["50 MB", "binary"])
async def test_a_file_that_turns_into_none_is_refused_and_its_server_lives(bad_daemon: BadDaemon, short_tmp: Path, content: bytes, kind: str) -> None:
    """The server is not told of such a text; another file is answered as before."""
    daemon, root = bad_daemon(), project(short_tmp)
    write_tree(root, {"b.py": "other\n"})
    async with await daemon.connect() as client:
        assert word(await hover(client, root)) == "name"
        (root / "a.py").write_bytes(content)
        assert (await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PLACE, "root": str(root)})).kind == kind
        assert word(await hover(client, root, "b.py")) == "other"
    assert daemon.status()["servers"][0]["restarts"] == 0
