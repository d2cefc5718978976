"""Cancel, deadline and panic: counted in units of work, not in milliseconds (design 3.6, invariants 5 and 7)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar import errors, native
from tests.native.oracle import search
from tests.support.waiting import PATIENCE_S, eventually_sync


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 sparse MB to read, in four files, without a match."""
    root = tmp_path_factory.mktemp("big")
    for number in range(4):
        with open(root / f"f{number}.txt", "wb") as file:
            for _ in range(50):
                file.write((b"x" * 1023 + b"\n") * 1024)
    return root


# The four files, named so often that no machine is done with them before the test has acted.
_ENDLESS = ["."] * 500


def _request(root: Path, **args: Any) -> bytes:
    return json.dumps({"root": str(root), "pattern": r"\w{5}y\s+z", "stream": False, "paths": _ENDLESS} | args).encode()


def _overrun(before: dict[str, int]) -> int:
    return native.stats()["unitsAfterStop"] - before["unitsAfterStop"]


@pytest.mark.parametrize("order", ["path", "any"])
def test_a_cancelled_search_ends_with_the_units_that_were_running(big: Path, order: str) -> None:
    """After the flag each worker ends its unit and starts none."""
    before = native.stats()
    flag = native.cancel(time.monotonic() + 60)

    def cancel_when_it_runs() -> None:
        eventually_sync(lambda: native.stats()["units"] - before["units"] >= 20, PATIENCE_S, "the search runs")
        flag.set()

    canceller = threading.Thread(target=cancel_when_it_runs)
    canceller.start()
    try:
        with pytest.raises(errors.Cancelled):
            native.run("grep", _request(big, order=order), flag)
    finally:
        flag.set()
        canceller.join()
    after = native.stats()
    assert _overrun(before) <= after["workers"]
    assert after["activeSearches"] == 0


def test_a_search_that_was_cancelled_before_does_no_unit(big: Path) -> None:
    """A flag that is set already lets nothing start."""
    before = native.stats()
    flag = native.cancel(time.monotonic() + 60)
    flag.set()
    with pytest.raises(errors.Cancelled):
        native.run("grep", _request(big), flag)
    assert native.stats()["units"] == before["units"]


def test_a_deadline_is_a_success_that_says_so(big: Path) -> None:
    """A deadline in the past gives an empty, marked result, not an error."""
    answer = search(big, "zzz", timeout_s=-1)
    assert (answer["matches"], answer["truncated"], answer["reason"]) == ([], True, "timeout")


@pytest.mark.parametrize("order", ["path", "any"])
def test_what_was_found_by_the_deadline_is_returned(big: Path, order: str) -> None:
    """Matches found before it stay in the result."""
    before = native.stats()
    (big / "a.txt").write_text("xxxxxy z\n")
    answer = search(big, r"\w{5}y\s+z", timeout_s=0.3, order=order, paths=_ENDLESS)
    assert (answer["truncated"], answer["reason"]) == (True, "timeout")
    assert {match["path"] for match in answer["matches"]} == {"a.txt"}
    assert _overrun(before) <= native.stats()["workers"]


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Rust prints panics on stderr; that is not this test's output."""
    yield
    capfd.readouterr()


@pytest.mark.usefixtures("quiet")
def test_a_panic_fails_its_own_call_and_the_workers_live_on(tmp_path: Path) -> None:
    """More panics than there are workers, and the next search is answered."""
    before = native.stats()
    for _ in range(2 * before["workers"] + 2):
        with pytest.raises(errors.Failed, match="panic"):
            native.run("fault", b'{"panic": true}', native.cancel(time.monotonic() + 60))
    (tmp_path / "a.txt").write_text("needle\n")
    assert len(search(tmp_path, "needle")["matches"]) == 1
    # A worker answers before it is idle again.
    after = eventually_sync(lambda: (now := native.stats())["busy"] == 0 and now, PATIENCE_S, "the workers are idle again")
    assert after["activeSearches"] == 0
    assert after["workers"] >= before["workers"]
    assert after["panics"] - before["panics"] == 2 * before["workers"] + 2


def test_a_small_search_is_not_queued_behind_big_ones(big: Path, tmp_path: Path) -> None:
    """Searches take turns unit by unit: with more big ones than workers running, a small one ends while they still run."""
    (tmp_path / "a.txt").write_text("needle\n")
    before = native.stats()
    flags = [native.cancel(time.monotonic() + 60) for _ in range(6)]

    def run_big(flag: Any) -> None:
        with pytest.raises(errors.Cancelled):
            native.run("grep", _request(big), flag)

    threads = [threading.Thread(target=run_big, args=(flag,)) for flag in flags]
    for thread in threads:
        thread.start()
    try:
        eventually_sync(lambda: native.stats()["activeSearches"] == 6 and native.stats()["units"] - before["units"] >= 50, PATIENCE_S, "six searches run")
        assert len(search(tmp_path, "needle")["matches"]) == 1
        assert native.stats()["activeSearches"] == 6
    finally:
        for flag in flags:
            flag.set()
        for thread in threads:
            thread.join()


def test_the_gil_is_free_while_rust_works() -> None:
    """Python goes on counting while a worker spins."""
    done = threading.Event()

    def spin() -> None:
        native.run("fault", b'{"spinMs": 200, "deaf": true}', native.cancel(time.monotonic() + 60))
        done.set()

    worker = threading.Thread(target=spin)
    worker.start()
    counted = 0
    while not done.is_set():
        counted += 1
    worker.join()
    assert counted > 1000
