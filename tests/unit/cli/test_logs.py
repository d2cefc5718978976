"""`sidecar logs`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.daemon import logfile
from tests.unit.cli.test_entry import PROJECT, sidecar


@pytest.fixture
def log(short_tmp: Path) -> Path:
    """A log of three lines, in a state folder of this test."""
    path = logfile.path(short_tmp)
    path.parent.mkdir()
    path.write_text("one\ntwo\nthree\n")
    return path


def test_the_last_lines_are_printed(log: Path) -> None:
    """-n counts them."""
    env = {"SIDECAR_STATE_DIR": str(log.parent.parent)}
    assert sidecar("logs", env=env).stdout == "one\ntwo\nthree\n"
    assert sidecar("logs", "-n", "2", env=env).stdout == "two\nthree\n"
    assert sidecar("logs", "-n", "0", env=env).stdout == ""


def test_the_path_is_told(log: Path) -> None:
    """For an editor, or a bug report."""
    assert sidecar("logs", "--path", env={"SIDECAR_STATE_DIR": str(log.parent.parent)}).stdout == f"{log}\n"


def test_no_log_is_exit_1(short_tmp: Path) -> None:
    """Nothing found."""
    done = sidecar("logs", env={"SIDECAR_STATE_DIR": str(short_tmp)})
    assert done.returncode == 1
    assert "there is no log" in done.stderr


def test_following_goes_over_to_the_new_file_when_the_log_is_rotated(log: Path) -> None:
    """No line is lost: the rest of the old file first."""
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "SIDECAR_STATE_DIR": str(log.parent.parent)}
    with subprocess.Popen([sys.executable, "-m", "sidecar", "logs", "-f", "-n", "1"], env=env, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"three\n"
        with log.open("a") as file:
            file.write("four\n")
        assert child.stdout.readline() == b"four\n"
        log.rename(log.with_name("daemon.log.1"))
        log.write_text("five\n")
        assert child.stdout.readline() == b"five\n"
        child.terminate()
