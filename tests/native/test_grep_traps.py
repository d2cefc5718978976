"""The identity traps of search-engine.md section 7, each by name: where a grep is easily almost like `rg`."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.native.oracle import ours, rg, rg_lines, search


def _same(root: Path, pattern: str | list[str], **args: Any) -> int:
    found = ours(root, pattern, **args)
    assert found.canonical() == rg(root, pattern, **args).canonical()
    return len(found.hits)


def _late_nul(root: Path) -> None:
    line = b"needle in a line of some length to fill a buffer\n"
    (root / "late.txt").write_bytes(line * 3000 + b"\0" + line * 3000)


def test_a_late_nul_ends_the_search_where_rgs_reader_ends_it(tmp_path: Path) -> None:
    """A file is binary from the buffer with its first NUL on; hits before it stay."""
    _late_nul(tmp_path)
    hits = _same(tmp_path, "needle")
    assert 0 < hits < 3000
    assert search(tmp_path, "needle")["skipped"]["binary"] == 1


@pytest.mark.parametrize(("mode", "switch", "member"), [("count", "-c", "counts"), ("files", "-l", "paths")])
def test_a_late_nul_is_judged_as_rg_does_in_counts_and_files(tmp_path: Path, mode: str, switch: str, member: str) -> None:
    """`-c` drops a file that turns out to be binary; `-l` has seen its match before."""
    _late_nul(tmp_path)
    (tmp_path / "early.txt").write_bytes(b"\0needle\n")
    assert len(search(tmp_path, "needle", mode=mode)[member]) == len(rg_lines(tmp_path, "needle", switch))


@pytest.mark.parametrize("content", [b"needle\0needle\nneedle\n", b"x\n" * 40000 + b"needle\0x\nneedle\n", b"needle\r\n\0", b""])
def test_a_named_file_is_searched_in_spite_of_its_nuls(tmp_path: Path, content: bytes) -> None:
    """An explicit file argument uses rg's other binary mode."""
    (tmp_path / "data.bin").write_bytes(content)
    _same(tmp_path, "needle", paths=["data.bin"])


def test_a_named_file_beside_a_named_folder_is_read_as_a_stream(tmp_path: Path) -> None:
    """With a folder among the paths rg maps nothing, and NULs count as line ends."""
    (tmp_path / "data.bin").write_bytes(b"needle\0needle\nneedle\n")
    (tmp_path / "src").mkdir()
    assert _same(tmp_path, "needle", paths=["data.bin", "src"]) == 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_byte_order_marks_are_honoured(tmp_path: Path, encoding: str) -> None:
    """With a mark the text is transcoded or the mark stripped; UTF-16 without one is bytes."""
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    (tmp_path / "marked.txt").write_bytes(mark + "größe\nneedle ä\n".encode(encoding))
    (tmp_path / "unmarked.txt").write_bytes("needle\n".encode("utf-16-le"))
    assert _same(tmp_path, "needle") == 1
    assert _same(tmp_path, "^größe$") == 1


def test_bytes_that_are_not_utf8_are_searched_as_bytes(tmp_path: Path) -> None:
    """Such a line comes as base64, with the same spans as rg's."""
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 needle\n\xff\xfe\xfd needle\n")
    assert _same(tmp_path, "needle") == 2
    assert _same(tmp_path, r"(?-u:\xe9)") == 1


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    """Such a name comes as `pathBytes`."""
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"needle\n")
    assert _same(tmp_path, "needle") == 1
    assert "path" not in search(tmp_path, "needle")["matches"][0]


def test_gitignore_is_inert_without_a_repository(tmp_path: Path) -> None:
    """`.gitignore` counts only below a `.git`; `.ignore` always does."""
    (tmp_path / ".gitignore").write_text("git.txt\n")
    (tmp_path / ".ignore").write_text("plain.txt\n")
    for name in ("git.txt", "plain.txt"):
        (tmp_path / name).write_text("needle\n")
    assert _same(tmp_path, "needle") == 1
    (tmp_path / ".git").mkdir()
    assert _same(tmp_path, "needle") == 0


def test_rgignore_beats_ignore_beats_gitignore(tmp_path: Path) -> None:
    """The library does not know `.rgignore`; the binary does."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.txt\n")
    (tmp_path / ".ignore").write_text("!a.txt\n!b.txt\n")
    (tmp_path / ".rgignore").write_text("b.txt\n")
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("needle\n")
    assert _same(tmp_path, "needle") == 1


def test_ignore_rules_of_parents_apply_and_named_paths_are_exempt(tmp_path: Path) -> None:
    """A rule above the root counts; a path that is named is searched whatever the rules say."""
    root = tmp_path / "root"
    (root / "build").mkdir(parents=True)
    (tmp_path / ".ignore").write_text("*.log\nbuild/\n")
    for name in ("a.log", "a.txt", "build/b.txt", "build/b.log"):
        (root / name).write_text("needle\n")
    assert _same(root, "needle") == 1
    assert _same(root, "needle", paths=["build"]) == 1
    assert _same(root, "needle", paths=["a.log", "build/b.log"]) == 2


def test_git_info_exclude_and_the_users_global_ignore_file_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both belong to git's rules; the global file is found by the daemon's environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "config" / "git").mkdir(parents=True)
    (tmp_path / "config" / "git" / "ignore").write_text("global.txt\n")
    root = tmp_path / "root"
    (root / ".git" / "info").mkdir(parents=True)
    (root / ".git" / "info" / "exclude").write_text("local.txt\n")
    for name in ("global.txt", "local.txt", "seen.txt"):
        (root / name).write_text("needle\n")
    assert _same(root, "needle") == 1


def test_the_prefix_of_the_root_is_not_shown(tmp_path: Path) -> None:
    """`.` and `./src` name files as plain relative paths; what lies outside the root is absolute."""
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.txt").write_text("needle\n")
    (tmp_path / "b.txt").write_text("needle\n")
    shown = [match["path"] for paths in (["."], ["./src"], [str(root / "src")], ["../b.txt"]) for match in search(root, "needle", paths=paths)["matches"]]
    assert shown == ["src/a.txt", "src/a.txt", "src/a.txt", str(tmp_path / "b.txt")]


@pytest.mark.parametrize("pattern", ["a$", "^b", r"a\r$", "^$", r"\s$", "x*", "$", "^", r"\b", ".*"])
def test_line_ends_and_empty_matches_are_rgs(tmp_path: Path, pattern: str) -> None:
    """CRLF, a last line without an end, empty lines, zero-width matches."""
    (tmp_path / "crlf.txt").write_bytes(b"a\r\nb\r\n\r\na")
    (tmp_path / "lf.txt").write_bytes(b"a\nb\n\nb a")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfb\na\n")
    (tmp_path / "empty.txt").write_bytes(b"")
    _same(tmp_path, pattern)


@pytest.mark.parametrize(
    ("pattern", "args"),
    [
        ("foo", {"word": True}),
        ("-2", {"word": True}),
        ("foo|o", {"word": True}),
        ("foo", {"case": "smart"}),
        ("Foo", {"case": "smart"}),
        ("größe", {"case": "insensitive"}),
        (r"\w+", {}),
        (r"\s+", {}),
        ("k", {"case": "insensitive"}),
        ("f.o", {"fixedStrings": True}),
        ("o", {"maxPerFile": 1}),
        ("o", {"maxPerFile": 1, "after": 2}),
        ("foo", {"invert": True, "before": 1}),
    ],
)
def test_words_case_and_limits_are_rgs(tmp_path: Path, pattern: str, args: dict[str, Any]) -> None:
    """`-w`, smart case, Unicode classes and folds, `-F`, `-m`, `-v` with context."""
    (tmp_path / "a.txt").write_text("foo\nFoo foo.o\nfoobar\nGRÖSSE Größe\nabc -2 foo\n\u212a k K\n\u00a0x\nf.o\n")
    _same(tmp_path, pattern, **args)


def test_multiline_matches_span_and_join_lines_as_in_rg(tmp_path: Path) -> None:
    """Adjacent matches come as one block, with spans in it."""
    (tmp_path / "a.txt").write_text("a\nb\na\nb\nc\na\r\nb")
    assert _same(tmp_path, r"a\nb", multiline=True) == 1
    _same(tmp_path, r"a\s+b", multiline=True, after=1)
    _same(tmp_path, r"(?s)b.*c", multiline=True)
    _same(tmp_path, "c", multiline=True, invert=True)


def test_a_symlink_loop_is_harmless_and_followed_links_are_rgs(tmp_path: Path) -> None:
    """Links are not followed by default; followed, a loop ends and a file by two names is found twice."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f.txt").write_text("needle\n")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "twin").symlink_to("a")
    (tmp_path / "self").symlink_to("self")
    assert _same(tmp_path, "needle") == 1
    assert _same(tmp_path, "needle", follow=True) == 2


def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    """FIFOs, sockets and endless devices neither hang the search nor vanish silently when they were named."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "a.txt").write_text("needle\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "s"))
    assert len(search(tmp_path, "needle", follow=True)["matches"]) == 1
    named = search(tmp_path, "needle", paths=["fifo", "s", "device", "/dev/zero", "a.txt"])
    assert (len(named["matches"]), named["skipped"]["unreadable"]) == (1, 4)


def test_files_that_may_not_be_read_are_counted(tmp_path: Path) -> None:
    """A listed name that cannot be opened is `skipped.unreadable`."""
    (tmp_path / "a.txt").write_text("needle\n")
    (tmp_path / "gone").symlink_to("nowhere")
    answer = search(tmp_path, "needle", follow=True)
    assert (len(answer["matches"]), answer["skipped"]["unreadable"]) == (1, 1)


def test_a_line_of_a_hundred_megabytes_is_too_large_and_the_rest_is_found(tmp_path: Path) -> None:
    """It is not held in memory; the file counts as `tooLarge`, and what stood before the line is found."""
    with open(tmp_path / "big.txt", "wb") as file:
        file.write(b"needle\n")
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\nneedle\n")
    (tmp_path / "small.txt").write_text("needle\n")
    answer = search(tmp_path, "needle")
    assert (len(answer["matches"]), answer["skipped"]["tooLarge"]) == (2, 1)
