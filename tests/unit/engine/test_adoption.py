"""What a new daemon does with what an old one left: real processes, whose real owner is killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.engine.adoption import Adopted, Fate, Found, _hurry, adopt, fate_of
from sidecar.engine.supervisor import Exit, Meta, RunFolder
from tests.support.processes import MARK, marked
from tests.support.waiting import eventually_sync

REPOSITORY = Path(__file__).parents[3]


@contextmanager
def _killed_owner(state: Path, *deeds: str) -> Iterator[str]:
    """The mark of the processes that an owner started before it was killed; at the end none may be left."""
    mark = secrets.token_hex(8)
    env = os.environ | {MARK: mark, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.support.owner", str(state), "/nowhere", *deeds]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, start_new_session=True) as owner:
        assert owner.stdout is not None
        try:
            assert owner.stdout.readline() == b"ready\n"
            assert "storm" in deeds or len(marked(mark)) > 2 * len(deeds)
        finally:
            owner.kill()
    try:
        yield mark
    finally:
        left = marked(mark)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert not left


def test_attached_trees_die_with_their_daemon(short_tmp: Path) -> None:
    """After `kill -9` of the daemon every attached tree ends by itself, whatever it does."""
    with _killed_owner(short_tmp, "silent", "ignores_term", "daemonises", "closes", "nameless") as mark:
        eventually_sync(lambda: not marked(mark), what="every tree is dead")


def test_attached_trees_are_dead_when_adoption_returns(short_tmp: Path) -> None:
    """The next daemon waits for nothing: it ends what is left and removes every trace."""
    with _killed_owner(short_tmp, "silent", "ignores_term", "daemonises") as mark:
        adopted = adopt(short_tmp)
        assert marked(mark) == {}
        assert len(adopted.removed) == 3
        assert list((short_tmp / "run").iterdir()) == []


def test_a_daemon_killed_in_the_middle_of_its_starts_leaves_nothing(short_tmp: Path) -> None:
    """Whatever moment of a start the kill hits, the next daemon finds nothing running and nothing to remove twice."""
    for _ in range(5):
        with _killed_owner(short_tmp, "storm") as mark:
            adopt(short_tmp)
            assert marked(mark) == {}
            assert list((short_tmp / "run").iterdir()) == []


def test_a_pid_that_was_used_again_is_not_signalled(short_tmp: Path) -> None:
    """A run folder names a pid; only its start time proves that it is still the supervisor's (C5)."""
    folder = RunFolder.create(short_tmp, ["x"], "/", detached=False)
    with subprocess.Popen([sys.executable, "-ISc", "import time; time.sleep(3600)"], start_new_session=True) as stranger:
        try:
            (folder.path / "supervisor.json").write_text(f'{{"pid":{stranger.pid},"startTicks":1}}')
            lock = folder.lock()
            assert lock is not None
            _hurry(folder.identity())
            os.close(lock)
            assert adopt(short_tmp).removed == (folder.run_id,)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_attached_trees_whose_supervisors_hang_are_killed(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that is stopped cannot end its tree: it is killed with all that carries its mark."""
    monkeypatch.setattr("sidecar.engine.adoption.LEAVE_S", 0.05)
    with _stopped_supervisors(short_tmp) as mark:
        adopt(short_tmp)
        eventually_sync(lambda: not marked(mark), what="every tree is dead")


@contextmanager
def _stopped_supervisors(state: Path) -> Iterator[str]:
    with _killed_owner(state, "+ignores_term", "+forks") as mark:
        for folder in map(RunFolder, (state / "run").iterdir()):
            identity, meta = folder.identity(), folder.meta()
            assert identity is not None and meta is not None
            os.kill(identity.pid, signal.SIGSTOP)
            (folder.path / "meta.json").unlink()  # as if they had been attached
        yield mark


def test_a_detached_tree_lives_on_and_is_adopted_with_its_output(short_tmp: Path) -> None:
    """It is alive as long as its lock is held; ended later, its record and its output are there."""
    with _killed_owner(short_tmp, "+silent") as mark:
        adopted = adopt(short_tmp)
        assert (len(adopted.alive), adopted.removed) == (1, ())
        assert marked(mark)
        folder = adopted.alive[0].folder
        identity = folder.identity()
        assert identity is not None
        eventually_sync(lambda: (folder.path / "stdout").read_bytes() == b"ready\n")
        os.kill(identity.pid, signal.SIGTERM)
        eventually_sync(lambda: not folder.is_alive())
        ended = adopt(short_tmp).ended[0].exit
        assert ended is not None and (ended.code, ended.signal) == (None, signal.SIGTERM)
        eventually_sync(lambda: not marked(mark))


def test_a_detached_tree_whose_supervisor_was_killed_is_lost_and_dead(short_tmp: Path) -> None:
    """Nobody can say how it ended; nothing of it runs, its output stays."""
    with _killed_owner(short_tmp, "+daemonises") as mark:
        folder = RunFolder(next((short_tmp / "run").iterdir()))
        identity = folder.identity()
        assert identity is not None
        eventually_sync(lambda: (folder.path / "stdout").read_bytes() == b"ready\n")
        os.kill(identity.pid, signal.SIGKILL)
        eventually_sync(lambda: not folder.is_alive())
        adopted = adopt(short_tmp)
        assert [found.folder for found in adopted.lost] == [folder]
        assert marked(mark) == {}
        assert (folder.path / "stdout").exists()


def test_nothing_to_adopt_is_nothing(short_tmp: Path) -> None:
    """A first start has no run folder."""
    assert adopt(short_tmp) == Adopted((), (), (), ())


def _found(*, committed: bool = True, detached: bool = True, held: bool = False, record: bool = False) -> Found:
    meta = Meta("r1", ["x"], "/", detached, 0.0, "boot") if committed else None
    return Found(RunFolder(Path("/run/r1")), meta, held, Exit(0, None, 0.0) if record else None)


@pytest.mark.parametrize(
    ("found", "fate"),
    [
        (_found(committed=False, held=True), Fate.END),
        (_found(detached=False, held=True), Fate.END),
        (_found(detached=False, record=True), Fate.END),
        (_found(held=True), Fate.ALIVE),
        (_found(record=True), Fate.ENDED),
        (_found(), Fate.LOST),
    ],
)
def test_the_fate_of_a_run_follows_from_its_folder(found: Found, fate: Fate) -> None:
    """Attached or uncommitted runs end; detached ones live while their lock is held, then have a record or are lost."""
    assert fate_of(found) is fate
