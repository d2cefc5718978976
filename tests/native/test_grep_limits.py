"""Limits and byte budgets are applied while searching, order and streams keep their promises, and a reader stays in its roots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar import errors, native
from tests.native.oracle import search


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """300 files of 100 matching lines."""
    for number in range(300):
        folder = tmp_path / f"d{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}.txt").write_text("".join(f"needle {line}\n" for line in range(100)))
    return tmp_path


@pytest.mark.parametrize("order", ["path", "any"])
def test_a_limit_stops_the_search_early(many: Path, order: str) -> None:
    """Exactly `limit` matches, marked, and most files were never opened."""
    answer = search(many, "needle", limit=250, order=order)
    assert (len(answer["matches"]), answer["truncated"], answer["reason"]) == (250, True, "limit")
    assert answer["filesSearched"] < 200


def test_a_limit_that_is_just_reached_cuts_nothing(many: Path) -> None:
    """As many matches as allowed and no more is a whole result."""
    answer = search(many, "needle", limit=30000)
    assert (len(answer["matches"]), answer["truncated"], "reason" in answer) == (30000, False, False)


def test_a_limited_result_in_path_order_is_the_start_of_the_whole_one(many: Path) -> None:
    """A limit takes the first matches in path order, whatever the workers did first."""
    whole = search(many, "needle")["matches"]
    assert search(many, "needle", limit=777)["matches"] == whole[:777]


@pytest.mark.parametrize("order", ["path", "any"])
def test_a_byte_budget_stops_the_search_early(many: Path, order: str) -> None:
    """The reply's matches stay within `maxBytes`."""
    answer = search(many, "needle", maxBytes=20_000, order=order)
    assert answer["reason"] == "bytes"
    assert 10_000 < len(json.dumps(answer["matches"], separators=(",", ":"))) <= 20_000


def test_counts_and_files_are_limited_by_items(many: Path) -> None:
    """In modes `files` and `count` an item is a file."""
    assert len(search(many, "needle", mode="files", limit=5)["paths"]) == 5
    counts = search(many, "needle", mode="count", limit=5)
    assert [one["count"] for one in counts["counts"]] == [100] * 5
    assert (counts["files"], counts["truncated"]) == (5, True)


def test_a_long_line_is_clipped_around_its_first_submatch(tmp_path: Path) -> None:
    """The text is cut, offsets stay those of the line, and the text says where in it it starts."""
    (tmp_path / "a.txt").write_text("x" * 50_000 + "needle" + "ä" * 50_000 + "needle\n")
    match = search(tmp_path, "needle", maxLineBytes=1000)["matches"][0]
    assert match["clipped"] is True
    assert len(match["text"].encode()) <= 1000
    assert match["submatches"] == [{"start": 50_000, "end": 50_006}]
    shown = match["text"].encode()[50_000 - match["textStart"] : 50_006 - match["textStart"]]
    assert shown == b"needle"


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 8), ("utf-16", 4), ("utf-32", 3)])
def test_ranges_count_in_the_asked_encoding(tmp_path: Path, encoding: str, character: int) -> None:
    """An emoji before the match counts 4, 2 or 1; a bracket of CJK 3 or 1."""
    (tmp_path / "a.txt").write_text("\n\U0001f600日 needle\n")
    match = search(tmp_path, "needle", encoding=encoding)["matches"][0]
    assert match["range"]["start"] == {"line": 1, "character": character}
    assert match["range"]["end"] == {"line": 1, "character": character + 6}


@pytest.mark.parametrize("order", ["path", "any"])
def test_a_stream_brings_every_match_once_and_the_answer_none(many: Path, order: str) -> None:
    """The chunks are JSON arrays; in path order they arrive in it."""
    chunks: list[bytes] = []
    answer = search(many, "needle", order=order, emit=chunks.append)
    streamed = [match for chunk in chunks for match in json.loads(chunk)]
    whole = search(many, "needle", order=order)["matches"]
    assert "matches" not in answer
    assert len(chunks) > 1
    key = _key if order == "any" else None
    assert (sorted(streamed, key=key) if key else streamed) == (sorted(whole, key=key) if key else whole)


def _key(match: dict[str, Any]) -> tuple[str, int]:
    return match["path"], match["byteOffset"]


def test_a_receiver_that_fails_ends_the_search_with_its_own_error(many: Path) -> None:
    """An exception in `emit` comes out of `run`, not a native error."""

    def refuse(chunk: bytes) -> None:
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        search(many, "needle", emit=refuse)
    assert native.stats()["activeSearches"] == 0


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ({"pattern": "a(b"}, errors.InvalidParams),
        ({"pattern": []}, errors.InvalidParams),
        ({"pattern": "(" * 5000 + ")" * 5000}, errors.TooLarge),
        ({"pattern": r"\w{1000}{1000}"}, errors.TooLarge),
        ({"pattern": "a\nb"}, errors.InvalidParams),
        ({"pattern": "x", "globs": ["a{"]}, errors.InvalidParams),
        ({"pattern": "x", "types": ["nosuchtype"]}, errors.InvalidParams),
        ({"pattern": "x", "paths": ["nowhere"]}, errors.NotFound),
        ({"pattern": "x", "paths": ["f.txt/x"]}, errors.NotFound),
        ({"pattern": "x", "cursor": "c"}, errors.InvalidParams),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(tmp_path: Path, args: dict[str, Any], kind: type[errors.SidecarError]) -> None:
    """Every refusal has its kind and a hint."""
    (tmp_path / "f.txt").write_text("x\n")
    with pytest.raises(kind) as raised:
        search(tmp_path, **args)
    assert type(raised.value) is kind
    assert raised.value.hint


def test_a_pattern_that_does_not_compile_says_where(tmp_path: Path) -> None:
    """The position is a byte span in the pattern."""
    with pytest.raises(errors.InvalidParams) as raised:
        search(tmp_path, "ä(b")
    assert raised.value.data["position"] == {"start": 2, "end": 3}


def test_a_reader_finds_what_is_in_its_roots_and_is_refused_the_rest(tmp_path: Path) -> None:
    """Paths, `..`, and links that lead out are outsideRoot; followed links that lead out are not followed."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.txt").write_text("needle\n")
    (inside / "link").symlink_to(outside)
    (inside / "file.txt").symlink_to(outside / "a.txt")
    roots = [str(inside)]
    assert len(search(inside, "needle", roots=roots)["matches"]) == 1
    followed = search(inside, "needle", roots=roots, follow=True)
    assert (len(followed["matches"]), followed["skipped"]["unreadable"]) == (1, 2)
    for path in ("../out", "link", "file.txt", "link/a.txt", str(outside), "/etc/passwd"):
        with pytest.raises(errors.OutsideRoot):
            search(inside, "needle", roots=roots, paths=[path])
    with pytest.raises(errors.OutsideRoot):
        search(inside, "needle", roots=[])


@pytest.mark.parametrize(
    "args", [{"limit": 250}, {"maxBytes": 40_000}, {"limit": 777, "before": 2, "after": 1, "maxPerFile": 55}, {"limit": 10, "paths": ["d1", "d0/f7.txt"]}]
)
def test_pages_are_the_whole_search_in_pieces(many: Path, args: dict[str, Any]) -> None:
    """E6: in path order each page starts behind the last match of the page before, wherever in a file that is."""
    args = args | {"before": args.get("before", 0)}
    whole = search(many, "needle [0-9]*[1-7]$", **{name: value for name, value in args.items() if name not in ("limit", "maxBytes")})["matches"]
    found, cursor = [], None
    while True:
        page = search(many, "needle [0-9]*[1-7]$", cursor=cursor, **args)
        found += page["matches"]
        cursor = page.get("cursor")
        if not page["truncated"]:
            break
    assert cursor is None
    assert _places(found) == _places(whole)


def test_pages_of_files_and_counts_are_the_whole_in_pieces(many: Path) -> None:
    """In modes `files` and `count` a page ends between files."""
    for mode, member in (("files", "paths"), ("count", "counts")):
        found, cursor = [], None
        for _ in range(3):
            page = search(many, "needle", mode=mode, limit=100, cursor=cursor)
            found += page[member]
            cursor = page.get("cursor")
        assert (found, page["truncated"]) == (search(many, "needle", mode=mode)[member], False)


def test_a_streamed_page_has_its_cursor_in_the_reply(many: Path) -> None:
    """The matches go out as chunks, the cursor comes with the rest."""
    chunks: list[bytes] = []
    page = search(many, "needle", limit=333, emit=chunks.append)
    first = [match for chunk in chunks for match in json.loads(chunk)]
    rest = search(many, "needle", cursor=page["cursor"])["matches"]
    assert _places(first + rest) == _places(search(many, "needle")["matches"])


def test_order_any_has_no_pages(many: Path) -> None:
    """It makes no cursor, and refuses one by name."""
    assert "cursor" not in search(many, "needle", limit=3, order="any")
    with pytest.raises(errors.InvalidParams, match="cursor"):
        search(many, "needle", order="any", cursor=search(many, "needle", limit=3)["cursor"])


def _places(matches: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(match["path"], match["line"], match["text"]) for match in matches]
