"""The log file: private, rotated, without secrets, and never in the loop's way."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.daemon import logfile

log = logging.getLogger("tests.logfile")


@pytest.fixture(autouse=True)
def root_level() -> Iterator[None]:
    """The root logger as it was."""
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def test_what_is_logged_is_in_the_file_after_stop(tmp_path: Path) -> None:
    """Level, logger and text, one line; less severe ones are left out."""
    listener = logfile.configure(tmp_path, "info")
    log.info("hello %s", "world")
    log.debug("not this")
    listener.stop()
    line = logfile.path(tmp_path).read_text()
    assert line.endswith(" INFO    tests.logfile: hello world\n")
    assert line.count("\n") == 1


def test_stopping_twice_is_harmless_and_the_thread_has_ended(tmp_path: Path) -> None:
    """Every way out of the daemon may call it."""
    before = threading.active_count()
    listener = logfile.configure(tmp_path, "info")
    listener.stop()
    listener.stop()
    assert threading.active_count() == before


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_the_users_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """0600, in a folder 0700."""
    old = os.umask(umask)
    try:
        listener = logfile.configure(tmp_path / "state", "info")
        log.info("x")
        listener.stop()
    finally:
        os.umask(old)
    name = logfile.path(tmp_path / "state")
    assert stat.S_IMODE(name.stat().st_mode) == 0o600
    assert stat.S_IMODE(name.parent.stat().st_mode) == 0o700


def test_it_rotates_and_keeps_a_bounded_number_of_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy daemon does not fill the disk; every part is private."""
    monkeypatch.setattr(logfile, "MAX_BYTES", 1000)
    listener = logfile.configure(tmp_path, "info")
    for number in range(200):
        log.info("line %d %s", number, "x" * 50)
    listener.stop()
    parts = sorted(path.name for path in logfile.path(tmp_path).parent.iterdir())
    assert parts == ["daemon.log", "daemon.log.1", "daemon.log.2", "daemon.log.3"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in logfile.path(tmp_path).parent.iterdir()} == {0o600}
    assert "line 199" in logfile.path(tmp_path).read_text()


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    """Nobody turns our log into a way to write elsewhere; the daemon goes on without a log."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "other").write_text("mine")
    logfile.path(tmp_path).symlink_to(tmp_path / "other")
    listener = logfile.configure(tmp_path, "info")
    log.info("x")
    listener.stop()
    assert (tmp_path / "other").read_text() == "mine"


def test_a_disk_that_does_not_answer_costs_records_and_never_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue drops and counts: the loop never waits for a disk."""
    monkeypatch.setattr(logfile, "MAX_QUEUED", 10)
    logs = tmp_path / "logs"
    logs.mkdir()
    os.mkfifo(logs / "daemon.log")  # opening it for writing waits for a reader: a disk that hangs
    listener = logfile.configure(tmp_path, "info")
    for _ in range(30):
        log.info("x")
    assert listener.dropped >= 10
    with open(logs / "daemon.log", "rb") as reader:
        listener.stop()
        assert reader.read().count(b"\n") >= 10


def test_an_exception_is_logged_with_its_traceback(tmp_path: Path) -> None:
    """The log is where tracebacks belong."""
    listener = logfile.configure(tmp_path, "info")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("it failed")
    listener.stop()
    text = logfile.path(tmp_path).read_text()
    assert "it failed\nTraceback" in text
    assert text.endswith("ValueError: boom\n")


def test_a_huge_message_is_cut(tmp_path: Path) -> None:
    """A frame that got into a message is not logged whole."""
    listener = logfile.configure(tmp_path, "info")
    log.info("x" * 1_000_000)
    listener.stop()
    assert logfile.path(tmp_path).stat().st_size == logfile.MAX_MESSAGE + 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("api_key=abc123 rest", "api_key=*** rest"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ('{"OPENAI_API_KEY": "abc", "x": 1}', '{"OPENAI_API_KEY": "***", "x": 1}'),
        ("https://user:pw@host/x", "https://user:***@host/x"),
        ("key sk-abcdefghijklmnopqrstuvwx end", "key *** end"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123", "***"),
        ("--password hunter2 --token --x", "--password *** --token --x"),
        ("5 tokens of 9, line 3: x", "5 tokens of 9, line 3: x"),
    ],
)
def test_what_looks_like_a_secret_is_replaced(tmp_path: Path, said: str, kept: str) -> None:
    """Names stay, values go (field-notes 7.7)."""
    listener = logfile.configure(tmp_path, "info")
    log.info("%s", said)
    listener.stop()
    assert logfile.path(tmp_path).read_text().endswith(f": {kept}\n")
