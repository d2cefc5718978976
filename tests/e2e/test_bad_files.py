"""Files and paths that are not what a search hopes for: each is skipped and counted, or refused by name; everything else is found."""

from __future__ import annotations

import base64
import os
import socket
from pathlib import Path

import pytest

from tests.support.bystander import bystander
from tests.support.clients import Message
from tests.support.daemon import Daemon
from tests.support.trees import write_tree


async def _grep(daemon: Daemon, root: Path, pattern: str = "needle", **args: object) -> Message:
    async with bystander(daemon), await daemon.connect() as client:
        found: Message = await client.call("sidecar/grep", {"root": str(root), "pattern": pattern, **args})
        return found


def _paths(found: Message) -> list[str]:
    return [match["path"] for match in found["matches"]]


@pytest.mark.parametrize("path", ["nowhere", "a.txt/below", "../nowhere", "/no/such/folder", ""], ids=repr)
async def test_a_path_that_does_not_exist_is_refused_by_name(shared_daemon: Daemon, short_tmp: Path, path: str) -> None:
    """-32803 notFound (or -32602 for what can be no path) that names it, not an empty answer."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        reply = await client.reply("sidecar/grep", {"root": str(short_tmp), "pattern": "needle", "paths": [path]})
        if path == "":
            assert "error" in reply or _paths(reply["result"]) == ["a.txt"]
            return
        assert reply["error"]["code"] == -32803, reply
        assert reply["error"]["data"]["kind"] == "notFound"
        assert path.rpartition("/")[2] in reply["error"]["message"]


async def test_a_root_that_does_not_exist_is_refused_by_name(shared_daemon: Daemon, short_tmp: Path) -> None:
    """The root itself is a path like any other."""
    async with bystander(shared_daemon), await shared_daemon.connect() as client:
        refused = await client.refusal("sidecar/grep", {"root": str(short_tmp / "gone"), "pattern": "x"})
        assert refused.kind in ("notFound", "invalidParams")
        assert "gone" in refused.message


async def test_a_file_that_cannot_be_read_is_counted_and_the_others_searched(shared_daemon: Daemon, short_tmp: Path) -> None:
    """`/proc/self/mem` fails to be read at its start, whoever we are."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    found = await _grep(shared_daemon, short_tmp, paths=["a.txt", "/proc/self/mem"])
    assert _paths(found) == ["a.txt"]
    assert found["skipped"]["unreadable"] == 1


async def test_a_folder_and_a_file_without_permission_are_skipped_or_searched_as_the_kernel_says(shared_daemon: Daemon, short_tmp: Path) -> None:
    """What this user may not read is counted as unreadable; root may read everything."""
    write_tree(short_tmp, {"a.txt": "needle\n", "closed/b.txt": "needle\n", "c.txt": "needle\n"})
    (short_tmp / "closed").chmod(0)
    (short_tmp / "c.txt").chmod(0)
    try:
        found = await _grep(shared_daemon, short_tmp)
    finally:
        (short_tmp / "closed").chmod(0o700)
    if os.geteuid() == 0:
        assert sorted(_paths(found)) == ["a.txt", "c.txt", "closed/b.txt"]
    else:
        assert (_paths(found), found["skipped"]["unreadable"]) == (["a.txt"], 2)


async def test_sockets_and_fifos_in_a_tree_are_not_waited_for(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A FIFO without a writer would block an open for ever."""
    write_tree(short_tmp, {"a.txt": "needle\n", "z.txt": "needle\n"})
    os.mkfifo(short_tmp / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_tmp / "sock"))
        found = await _grep(shared_daemon, short_tmp)
    assert _paths(found) == ["a.txt", "z.txt"]


@pytest.mark.parametrize("name", ["fifo", "sock", "/dev/zero", "/dev/tty", "/dev/null"])
async def test_a_special_file_that_is_named_is_answered_at_once(shared_daemon: Daemon, short_tmp: Path, name: str) -> None:
    """Named on purpose, it is refused or skipped like any other; it never holds a thread."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    os.mkfifo(short_tmp / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_tmp / "sock"))
        async with bystander(shared_daemon), await shared_daemon.connect() as client:
            reply = await client.reply("sidecar/grep", {"root": str(short_tmp), "pattern": "needle", "paths": [name, "a.txt"]})
            if "result" in reply:
                assert _paths(reply["result"]) == ["a.txt"]
                assert not reply["result"]["truncated"]
            else:
                assert reply["error"]["data"]["kind"] in ("notFound", "invalidParams", "failed")
    shared_daemon.check_idle()


async def test_a_100_mb_line_is_clipped_or_counted_and_never_sent_whole(shared_daemon: Daemon, short_tmp: Path) -> None:
    """`maxLineBytes` bounds a line of a reply; a line over the searcher's own bound counts as tooLarge."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    with open(short_tmp / "long.txt", "wb") as file:
        file.write(b"needle")
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\n")
    found = await _grep(shared_daemon, short_tmp)
    long = [match for match in found["matches"] if match["path"] == "long.txt"]
    assert "a.txt" in _paths(found)
    assert found["skipped"]["tooLarge"] + len(long) == 1
    assert all(match["clipped"] and len(match["text"]) <= 4096 for match in long)


async def test_a_line_over_max_line_bytes_is_clipped_and_says_so(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A clipped text keeps to its bound; an unclipped one has no mark."""
    write_tree(short_tmp, {"a.txt": "needle" + "é" * 5000 + "\n", "b.txt": "needle\n"})
    long, short = (await _grep(shared_daemon, short_tmp, maxLineBytes=101))["matches"]
    assert long["clipped"] is True
    assert len(long["text"].encode()) <= 101
    assert "clipped" not in short or short["clipped"] is False


async def test_a_file_with_nul_bytes_counts_as_binary(shared_daemon: Daemon, short_tmp: Path) -> None:
    """As in rg, what the walk finds is left at its first NUL."""
    write_tree(short_tmp, {"a.txt": "needle\n", "blob": b"\0\1\2 needle\n" * 10})
    found = await _grep(shared_daemon, short_tmp)
    assert (_paths(found), found["skipped"]["binary"]) == (["a.txt"], 1)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
async def test_utf16_with_a_byte_order_mark_is_searched_as_text(shared_daemon: Daemon, short_tmp: Path, codec: str) -> None:
    """As rg: the byte order mark tells the encoding."""
    write_tree(short_tmp, {"w.txt": "\ufeffone\nä needle 😀\n".encode(codec)})
    [match] = (await _grep(shared_daemon, short_tmp))["matches"]
    assert (match["line"], match["text"].strip()) == (2, "ä needle 😀")


async def test_crlf_lines_are_found_with_their_numbers(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A carriage return is no part of what a person means by a line."""
    write_tree(short_tmp, {"w.txt": b"one\r\na needle\r\nthree\r\n"})
    [match] = (await _grep(shared_daemon, short_tmp))["matches"]
    assert (match["line"], match["byteOffset"], match["text"].rstrip("\r\n")) == (2, 5, "a needle")
    assert match["range"] == {"start": {"line": 1, "character": 2}, "end": {"line": 1, "character": 8}}


async def test_a_name_that_is_not_utf8_comes_as_bytes(shared_daemon: Daemon, short_tmp: Path) -> None:
    """Nothing is lost or replaced: base64 of the name's bytes, as ripgrep's JSON has it."""
    with open(os.fsencode(short_tmp) + b"/\xff\xfe.txt", "wb") as file:
        file.write(b"needle\n")
    [match] = (await _grep(shared_daemon, short_tmp))["matches"]
    assert base64.b64decode(match["pathBytes"]) == b"\xff\xfe.txt"


async def test_a_line_that_is_not_utf8_comes_as_bytes(shared_daemon: Daemon, short_tmp: Path) -> None:
    """`text` becomes `bytes` (protocol.md, Tools)."""
    write_tree(short_tmp, {"latin.txt": b"caf\xe9 needle\n"})
    [match] = (await _grep(shared_daemon, short_tmp))["matches"]
    assert base64.b64decode(match["bytes"]).rstrip(b"\n") == b"caf\xe9 needle"
    assert "text" not in match


async def test_a_symlink_loop_is_walked_once(shared_daemon: Daemon, short_tmp: Path) -> None:
    """With `follow`, links up the tree and to each other end nowhere; files are still found once each."""
    write_tree(short_tmp, {"d/a.txt": "needle\n"})
    (short_tmp / "d" / "up").symlink_to("..")
    (short_tmp / "x").symlink_to("y")
    (short_tmp / "y").symlink_to("x")
    for follow in (False, True):
        found = await _grep(shared_daemon, short_tmp, follow=follow)
        assert _paths(found) == ["d/a.txt"]


async def test_a_dangling_symlink_is_no_error(shared_daemon: Daemon, short_tmp: Path) -> None:
    """It is counted at most."""
    write_tree(short_tmp, {"a.txt": "needle\n"})
    (short_tmp / "gone").symlink_to("nowhere")
    assert _paths(await _grep(shared_daemon, short_tmp, follow=True)) == ["a.txt"]


@pytest.mark.parametrize("name", ["-rf", "a b", 'quo"te', "new\nline", "*", "ünï", "$(x)", "back\\slash"], ids=repr)
async def test_a_name_with_any_character_is_a_name(shared_daemon: Daemon, short_tmp: Path, name: str) -> None:
    """Names never become options, globs or escapes (features C4)."""
    write_tree(short_tmp, {name: "needle\n"})
    assert _paths(await _grep(shared_daemon, short_tmp)) == [name]
    assert _paths(await _grep(shared_daemon, short_tmp, paths=[name])) == [name]


async def test_an_empty_folder_and_an_empty_file_answer_with_nothing(shared_daemon: Daemon, short_tmp: Path) -> None:
    """No match is a success."""
    write_tree(short_tmp, {"empty.txt": b""})
    found = await _grep(shared_daemon, short_tmp)
    assert (found["matches"], found["truncated"]) == ([], False)
