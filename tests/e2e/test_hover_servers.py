"""F1, F2, F3 and F6 through the socket, with every real language server of the table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.langs.servers import ROWS
from tests.support.clients import Client, LspClient, Message
from tests.support.daemon import DaemonFactory
from tests.support.real_servers import COMMANDS, IS_LONG, SAMPLES, Sample, config, environment, search_path
from tests.support.waiting import eventually

PYTHON = {sample.server: sample for sample in SAMPLES}["ty"]
TYPESCRIPT = {sample.server: sample for sample in SAMPLES}["tsc"]


async def hover(client: Client, sample: Sample, root: Path) -> Message:
    """The tool, with time for a cold start on a busy machine."""
    for _ in range(20):
        found: Message = await client.tool("hover", sample.args(), root=str(root), timeoutMs=100_000)
        if found["contents"] or found["readiness"] == "ready":
            return found
    raise AssertionError(f"it never answers: {found}")


def told(result: Message) -> str:
    """The contents."""
    assert result["contents"], result
    value: str = result["contents"]["value"]
    return value


def open_in(client: LspClient, sample: Sample, root: Path, word: str) -> None:
    """`didOpen`, with text that nobody has saved."""
    document = {"uri": (root / sample.path).as_uri(), "languageId": sample.language, "version": 1, "text": sample.text(word)}
    client.notify("textDocument/didOpen", {"textDocument": document})


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
async def test_every_server_answers_two_clients_in_two_roots(make_daemon: DaemonFactory, short_tmp: Path, sample: Sample) -> None:
    """Each root has one process; the editor is answered about its unsaved text, the other client about the disk."""
    daemon = make_daemon(config=config(sample.server), env=environment()).start()
    roots = [sample.write(short_tmp / "one", "first"), sample.write(short_tmp / "two", "other")]
    async with await daemon.connect_lsp() as editor, await daemon.connect() as shell:
        await editor.initialize(roots[0])
        for root in roots:
            open_in(editor, sample, root, "draft")
        for root, word in zip(roots, ("first", "other"), strict=True):
            on_disk = await hover(shell, sample, root)
            assert word in told(on_disk) and sample.says in told(on_disk)
            assert on_disk["server"] == sample.server and on_disk["readiness"] in ("ready", "indexing")
            mine = await hover(editor, sample, root)
            assert "draft" in told(mine) and mine["version"] == 1
            assert word in told(await hover(shell, sample, root)), "the editor's text is not the other client's"
        await eventually(lambda: all(one["readiness"] == "ready" for one in daemon.status()["servers"]), what="all have read their projects")
        servers = daemon.status()["servers"]
    assert [(one["name"], one["root"], one["starts"]) for one in servers] == [(sample.server, str(root), 1) for root in roots]


def test_every_row_of_the_table_is_tested_with_its_real_server() -> None:
    """rust-analyzer in `make test-long` alone."""
    assert {sample.server for sample in SAMPLES} | (set() if IS_LONG else {"rust-analyzer"}) == {row.name for row in ROWS}


@pytest.mark.parametrize(
    ("settings", "server"),
    [("", "basedpyright"), ("[servers.ty]\nprefer = true\n", "ty"), ("[servers.basedpyright]\nenabled = false\n", "ty")],
    ids=["table", "preferred", "switched off"],
)
async def test_of_two_servers_for_one_language_the_choice_is_the_users(make_daemon: DaemonFactory, short_tmp: Path, settings: str, server: str) -> None:
    """Else the first that is installed, in the order of the table."""
    daemon = make_daemon(config=settings, env={"PATH": search_path()}).start()
    root = PYTHON.write(short_tmp / "p", "first")
    async with await daemon.connect() as client:
        assert (await hover(client, PYTHON, root))["server"] == server


async def test_a_server_that_is_not_installed_makes_room_for_the_next(make_daemon: DaemonFactory, short_tmp: Path) -> None:
    """By the programs' names, in the order of the table."""
    daemon = make_daemon(env={"PATH": os.pathsep.join([os.path.dirname(COMMANDS["tsc"][0]), os.environ["PATH"]])}).start()
    root = TYPESCRIPT.write(short_tmp / "p", "first")
    async with await daemon.connect() as client:
        assert (await hover(client, TYPESCRIPT, root))["server"] == "tsc"


async def test_typescripts_older_compiler_is_no_language_server(make_daemon: DaemonFactory, short_tmp: Path) -> None:
    """`tsc` of TypeScript 5 is found by that name and known by its version; the error says which one is wanted."""
    daemon = make_daemon(config="[servers.typescript-language-server]\nenabled = false\n", env={"PATH": search_path()}).start()
    root = TYPESCRIPT.write(short_tmp / "p", "first")
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": TYPESCRIPT.args(), "root": str(root)})
    assert refused.kind == "notInstalled"
    assert "version 5" in refused.message and "typescript@7" in refused.data["hint"]


@pytest.mark.parametrize("settings", ['command = ["no-such-langserver"]', 'prefer = true\ncommand = ["no-such-langserver"]'])
async def test_a_server_that_the_user_has_chosen_is_not_replaced_by_another(make_daemon: DaemonFactory, short_tmp: Path, settings: str) -> None:
    """If it is missing that is an error, though ty is there."""
    daemon = make_daemon(config=f"[servers.basedpyright]\n{settings}\n", env={"PATH": search_path()}).start()
    root = PYTHON.write(short_tmp / "p", "first")
    async with await daemon.connect() as client:
        refused = await client.refusal("sidecar/tools/call", {"tool": "hover", "args": PYTHON.args(), "root": str(root)})
    assert refused.kind == "notInstalled" and "no-such-langserver" in refused.message
