"""Where programs are and which version they say."""

from __future__ import annotations

import os
from pathlib import Path

from sidecar.doctor import programs
from sidecar.engine import proc
from tests.support.waiting import eventually_sync


def program(folder: Path, text: str) -> dict[str, str]:
    """An environment whose PATH holds a program `tool` of these shell lines."""
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_program_is_found_with_its_version(tmp_path: Path) -> None:
    """The first thing that looks like one."""
    found = programs.find("tool", ["tool", "--version"], program(tmp_path, "echo tool 15.2.0 rev abc"))
    assert (found.path, found.version, found.error) == (str(tmp_path / "tool"), "15.2.0", "")


def test_a_missing_program_has_no_path() -> None:
    """And no error: it was not asked."""
    assert programs.find("tool", ["no-such-tool"], {"PATH": "/nonexistent"}) == programs.Program("tool")


def test_a_program_that_fails_says_what_it_printed(tmp_path: Path) -> None:
    """As the reason."""
    assert programs.find("tool", ["tool"], program(tmp_path, "echo no libfoo >&2; exit 3")).error == "tool ended with 3: no libfoo"


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Doctor ends, and leaves nothing behind."""
    env = program(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 300 & wait")
    code, _ = programs.output([str(tmp_path / "tool")], env, 0.5)
    assert code == "no answer within 0.5 s"
    session = int((tmp_path / "pid").read_text())
    eventually_sync(lambda: not _living(session), what="the whole session is dead")


def _living(session: int) -> list[str]:
    """The processes of a session, but those that only wait to be collected by init."""
    return [pid for pid in os.listdir("/proc") if pid.isdecimal() and (fields := proc.stat_fields(int(pid))) and fields[3] == str(session) and fields[0] != "Z"]
