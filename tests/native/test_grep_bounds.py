"""Memory and descriptors of a search are bounded; measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, resource, sys, time
from sidecar import errors, native
request, limit = json.loads(sys.argv[1]), int(sys.argv[2])
flag = native.cancel(time.monotonic() + 60)
warm = native.run("grep", json.dumps(request | {"paths": ["small"]}).encode(), flag)
if limit:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    answer = json.loads(native.run("grep", json.dumps(request).encode(), flag))
except errors.SidecarError as error:
    answer = error.as_object()
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([answer, grown]))
"""


def _apart(root: Path, descriptors: int = 0, **args: object) -> tuple[dict[str, Any], int]:
    """The answer (or error object) of one search, and by how many KiB the process grew."""
    (root / "small").mkdir(exist_ok=True)
    request = json.dumps({"root": str(root), "pattern": "needle"} | args)
    project = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", _PROGRAM, request, str(descriptors)], cwd=project, capture_output=True, check=True, timeout=60)
    answer, grown = json.loads(done.stdout)
    return answer, grown


def test_a_line_of_a_hundred_megabytes_does_not_cost_a_hundred_megabytes(tmp_path: Path) -> None:
    """Each worker holds at most 16 MiB of one line (twice while it grows)."""
    with open(tmp_path / "big.txt", "wb") as file:
        for _ in range(100):
            file.write(b"needle " * (1 << 17))
    answer, grown_kib = _apart(tmp_path)
    assert answer["skipped"] == {"binary": 0, "tooLarge": 1, "unreadable": 0}
    assert grown_kib < 64 << 10


def test_a_flood_of_matches_costs_little_more_than_the_reply(tmp_path: Path) -> None:
    """A million matches and a budget of 1 MiB: what is over the budget is never kept."""
    for number in range(100):
        (tmp_path / f"f{number}.txt").write_text("needle\n" * 10_000)
    answer, grown_kib = _apart(tmp_path, limit=0, maxBytes=1 << 20)
    assert answer["reason"] == "limit"
    answer, grown_kib = _apart(tmp_path, maxBytes=1 << 20, limit=10**9)
    assert answer["reason"] == "bytes"
    assert grown_kib < 64 << 10


def test_a_file_too_large_for_multiline_is_counted(tmp_path: Path) -> None:
    """Multiline mode needs the whole file in memory, so it is bounded by size and says so."""
    (tmp_path / "big.txt").write_bytes(b"needle\nneedle\n" * (3 << 20))
    answer, _ = _apart(tmp_path, pattern=r"needle\nneedle", multiline=True)
    assert answer["skipped"] == {"binary": 0, "tooLarge": 1, "unreadable": 0}


def test_without_descriptors_the_search_fails_and_says_so(tmp_path: Path) -> None:
    """It does not answer that nothing was found."""
    (tmp_path / "a.txt").write_text("needle\n")
    answer, _ = _apart(tmp_path, descriptors=3)
    assert answer["data"]["kind"] == "failed"
    assert "open files" in answer["data"]["hint"]
