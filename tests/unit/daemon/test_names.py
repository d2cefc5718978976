"""The two names as one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.daemon import locks
from sidecar.daemon.names import Names, Seen
from sidecar.engine.spec import Rights
from sidecar.errors import SidecarError
from tests.support.place import answers, stale_socket


@pytest.fixture
def claim(short_tmp: Path) -> Iterator[locks.Claim]:
    """The locks of a daemon that is this test."""
    claim = locks.claim(str(short_tmp / "r" / "daemon.sock"), str(short_tmp / "s"))
    assert isinstance(claim, locks.Claim)
    yield claim
    claim.release()


@pytest.fixture
def names(claim: locks.Claim) -> Iterator[Names]:
    """Published, and closed at the end."""
    names = Names(claim)
    names.publish()
    yield names
    names.close()


def sockets(claim: locks.Claim) -> list[str]:
    """Names in the runtime folder, without the lock."""
    return sorted(name for name in os.listdir(os.path.dirname(claim.socket)) if name != "daemon.lock")


def test_both_sockets_are_there_or_none(claim: locks.Claim) -> None:
    """A folder where the second one belongs takes the first one back."""
    os.mkdir(claim.socket)
    with pytest.raises(SidecarError):
        Names(claim).publish()
    assert sockets(claim) == ["daemon.sock"]


def test_both_sockets_go_together(claim: locks.Claim, names: Names) -> None:
    """And come back together."""
    assert sockets(claim) == ["daemon.sock", "reader.sock"] and names.look() is Seen.OURS
    names.withdraw()
    assert names.look() is Seen.GONE
    names.restore()
    assert names.look() is Seen.OURS
    names.close()
    assert sockets(claim) == []


@pytest.mark.parametrize("lost", ["daemon.sock", "reader.sock"])
def test_one_lost_name_is_renewed_and_the_other_one_stays(claim: locks.Claim, names: Names, lost: str) -> None:
    """Clients of the other socket notice nothing."""
    os.unlink(os.path.join(os.path.dirname(claim.socket), lost))
    assert names.look() is Seen.GONE
    renewed = names.renew()
    assert renewed is not None and list(renewed) == [Rights.FULL if lost == "daemon.sock" else Rights.READER]
    for rights, listener in renewed.items():
        names.replace(rights, listener).close()
    assert names.look() is Seen.OURS


def test_a_removed_folder_is_made_again_with_everything(claim: locks.Claim, names: Names) -> None:
    """Folder, lock and both sockets."""
    shutil.rmtree(os.path.dirname(claim.socket))
    assert names.look() is Seen.GONE
    for rights, listener in (names.renew() or {}).items():
        names.replace(rights, listener).close()
    assert names.look() is Seen.OURS and answers(Path(claim.socket))


def test_a_removed_lock_alone_is_noticed(claim: locks.Claim, names: Names) -> None:
    """Else a second daemon could lock a new file in the same folder."""
    os.unlink(os.path.join(os.path.dirname(claim.socket), "daemon.lock"))
    assert names.look() is Seen.GONE
    assert names.renew() == {} and names.look() is Seen.OURS


def test_another_daemons_lock_in_a_recreated_folder_means_lost(claim: locks.Claim, names: Names) -> None:
    """We don't publish into its folder."""
    shutil.rmtree(os.path.dirname(claim.socket))
    os.mkdir(os.path.dirname(claim.socket), 0o700)
    other = locks.try_lock(claim.folder_lock.path, claim.owner)
    assert other and names.renew() is None
    other.release()


def test_anothers_socket_under_a_name_means_lost(claim: locks.Claim, names: Names) -> None:
    """Living or dead."""
    os.unlink(claim.socket)
    stale_socket(Path(claim.socket))
    assert names.look() is Seen.LOST
    os.unlink(claim.socket)
