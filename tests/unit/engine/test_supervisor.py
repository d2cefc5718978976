"""How the supervisor is called, and what a run folder holds."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.engine import supervisor
from sidecar.engine.deadline import Deadline
from sidecar.engine.supervisor import RunFolder, command_line, environment, find_binary
from sidecar.errors import NotInstalled
from tests.support.supervised import ground

WORDS = st.lists(
    st.one_of(
        st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), st.sampled_from(["--", "--detached", "--run", "-c", "", "$(id)"])
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS)
def test_the_programs_words_arrive_as_they_are(short_tmp: Path, words: list[str]) -> None:
    """No word, not even the program's own name, becomes an option of ours or a shell's (C4)."""
    link = short_tmp / "--detached"
    if not link.exists():
        link.symlink_to("/bin/sh")

    async def check() -> None:
        async with ground(short_tmp) as place:
            finished = await place.processes.run(
                ["--detached", "-c", "cat /proc/$$/cmdline; :", "sh", *words],
                cwd="/",
                env=place.env | {"PATH": f"{short_tmp}:{os.environ['PATH']}"},
                deadline=Deadline.after_ms(30_000),
                slot=place.slot,
            )
            assert finished.stdout.head == b"".join(os.fsencode(word) + b"\0" for word in ["--detached", "-c", "cat /proc/$$/cmdline; :", "sh", *words])

    asyncio.run(check())


def test_our_options_end_before_the_program() -> None:
    """Everything after the marker is the program's."""
    line = command_line("/b", RunFolder(Path("/s/run/r1")), 3, 4, 0.5, True, ["--grace-ms", "--"])
    assert line == ["/b", "--run", "/s/run/r1", "--lock", "3", "--control", "4", "--grace-ms", "500", "--detached", "--", "--grace-ms", "--"]


def test_a_new_run_folder_is_private_and_holds_its_intent(short_tmp: Path) -> None:
    """Committed before anything starts, readable by nobody else."""
    folder = RunFolder.create(short_tmp, ["a", "b\udcff"], "/tmp", detached=True)
    meta = folder.meta()
    assert meta is not None
    assert (meta.id, meta.argv, meta.cwd, meta.detached) == (folder.run_id, ["a", "b\\udcff"], "/tmp", True)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / "meta.json").stat().st_mode) == 0o600
    assert [path.name for path in folder.path.iterdir()] == ["meta.json"]


def test_a_held_lock_means_alive(short_tmp: Path) -> None:
    """The lock belongs to whoever has the descriptor, however it was passed on."""
    folder = RunFolder.create(short_tmp, ["a"], "/", detached=False)
    assert not folder.is_alive()
    lock = folder.lock()
    assert lock is not None
    passed_on = os.dup(lock)
    os.close(lock)
    assert folder.is_alive()
    assert folder.lock() is None
    os.close(passed_on)
    assert not folder.is_alive()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code": "x"}'])
def test_a_broken_record_is_no_record(short_tmp: Path, text: str) -> None:
    """A record that was cut off or garbled says nothing, and breaks nothing."""
    folder = RunFolder.create(short_tmp, ["a"], "/", detached=False)
    (folder.path / "exit.json").write_text(text)
    assert folder.exit() is None


def test_a_padded_record_is_read(short_tmp: Path) -> None:
    """The space that was reserved for it stays behind it."""
    folder = RunFolder.create(short_tmp, ["a"], "/", detached=False)
    (folder.path / "exit.json").write_text('{"code":3,"signal":null,"finishedAt":1.5}      ')
    assert folder.exit() == supervisor.Exit(3, None, 1.5)


def test_the_binary_is_found_where_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named binary is used or refused, never replaced by another."""
    monkeypatch.setenv("SIDECAR_SUPERVISOR", "/bin/sh")
    assert find_binary() == "/bin/sh"
    monkeypatch.setenv("SIDECAR_SUPERVISOR", "/nowhere/supervisor")
    with pytest.raises(NotInstalled):
        find_binary()


def test_the_environment_is_ours_with_the_callers_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks are always our own; a call id comes from the caller or not at all."""
    monkeypatch.setenv("SIDECAR_CALL", "outer")
    monkeypatch.setenv("SIDECAR_RUN", "outer")
    env = environment({"HOME": "/h", "SIDECAR_SOCKET": "/forged"}, "/s.sock", "r7")
    assert (env["HOME"], env["SIDECAR_SOCKET"], env["SIDECAR_RUN"], env["SIDECAR_NO_AUTOSTART"]) == ("/h", "/s.sock", "r7", "1")
    assert "SIDECAR_CALL" not in env
    assert environment({"SIDECAR_CALL": "c1"}, "/s", "r7")["SIDECAR_CALL"] == "c1"
