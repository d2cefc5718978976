"""Where the daemon is met, and which folders are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.client import address
from sidecar.errors import Failed, Forbidden, InvalidParams


def test_the_socket_is_the_one_that_the_environment_names() -> None:
    """SIDECAR_SOCKET comes before every folder."""
    assert address.socket_path({"SIDECAR_SOCKET": "/a/b.sock", "XDG_RUNTIME_DIR": "/run/user/7"}) == "/a/b.sock"


def test_the_socket_is_in_the_runtime_folder_if_there_is_one() -> None:
    """XDG_RUNTIME_DIR comes before the temporary folder."""
    assert address.socket_path({"XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/t"}) == "/run/user/7/sidecar/daemon.sock"


@pytest.mark.parametrize(("env", "parent"), [({"TMPDIR": "/t"}, "/t"), ({}, "/tmp"), ({"TMPDIR": "", "SIDECAR_SOCKET": ""}, "/tmp")])
def test_the_socket_is_in_a_folder_named_by_the_user_id_otherwise(env: dict[str, str], parent: str) -> None:
    """Two users never share a temporary folder; an empty variable counts as unset."""
    assert address.socket_path(env) == f"{parent}/sidecar-{os.getuid()}/daemon.sock"


@pytest.mark.parametrize("name", ["SIDECAR_SOCKET", "SIDECAR_STATE_DIR"])
def test_a_relative_path_is_refused(name: str) -> None:
    """It would mean another file in each folder, and the advice about that folder's mode would be dangerous."""
    with pytest.raises(InvalidParams, match=f"{name}: expected an absolute path, got x/d"):
        (address.socket_path if name == "SIDECAR_SOCKET" else address.state_dir)({name: "x/d"})


def test_a_path_of_95_bytes_is_taken_and_one_of_96_is_explained() -> None:
    """The bound is in bytes, and the error says how long the path is and what to set."""
    assert address.socket_path({"SIDECAR_SOCKET": "/tmp/" + "a" * 78 + "/daemon.sock"})
    with pytest.raises(InvalidParams, match=r"96 bytes.*95") as caught:
        address.socket_path({"SIDECAR_SOCKET": "/tmp/" + "a" * 79 + "/daemon.sock"})
    assert "SIDECAR_SOCKET" in caught.value.hint


def test_a_length_counts_in_bytes_and_not_in_characters() -> None:
    """sun_path holds bytes."""
    with pytest.raises(InvalidParams):
        address.socket_path({"SIDECAR_SOCKET": "/tmp/" + "ä" * 50})


def test_a_short_name_in_a_long_folder_is_refused_for_the_readers_sake() -> None:
    """The reader's socket beside it must fit too."""
    with pytest.raises(InvalidParams, match=r"reader\.sock"):
        address.socket_path({"SIDECAR_SOCKET": "/tmp/" + "a" * 80 + "/d"})


def test_the_state_follows_the_xdg_folders() -> None:
    """The order is our variable, XDG's, the home folder; a relative XDG folder is ignored as its specification says."""
    assert address.state_dir({"SIDECAR_STATE_DIR": "/s", "XDG_STATE_HOME": "/x"}) == "/s"
    assert address.state_dir({"XDG_STATE_HOME": "/x", "HOME": "/h"}) == "/x/sidecar"
    assert address.state_dir({"XDG_STATE_HOME": "x", "HOME": "/h"}) == "/h/.local/state/sidecar"


def test_a_runtime_folder_is_made_for_its_user_alone(short_tmp: Path) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        address.make_folder(str(short_tmp / "r"))
    finally:
        os.umask(before)
    assert (short_tmp / "r").stat().st_mode & 0o777 == 0o700
    assert address.check_folder(str(short_tmp / "r"))


def test_a_missing_parent_is_not_made(short_tmp: Path) -> None:
    """Nobody would own its mode; the error says what to set."""
    with pytest.raises(Failed, match="cannot be made") as caught:
        address.make_folder(str(short_tmp / "no" / "r"))
    assert "SIDECAR_SOCKET" in caught.value.hint


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_is_open_to_others_is_refused_with_the_fix(short_tmp: Path, mode: int) -> None:
    """Not every system honours a socket's own mode (field-notes 7.1)."""
    short_tmp.chmod(mode)
    with pytest.raises(Forbidden, match=f"{mode:04o}") as caught:
        address.check_folder(str(short_tmp))
    assert f"chmod 700 {short_tmp}" in caught.value.hint


def test_a_folder_that_is_a_symlink_is_refused(short_tmp: Path) -> None:
    """Who owns the link could turn it."""
    (short_tmp / "real").mkdir(mode=0o700)
    (short_tmp / "link").symlink_to(short_tmp / "real")
    with pytest.raises(Forbidden, match="symlink"):
        address.check_folder(str(short_tmp / "link"))


def test_a_folder_that_is_a_file_is_refused(short_tmp: Path) -> None:
    """The error says so, not the system's ENOTDIR."""
    (short_tmp / "file").touch()
    with pytest.raises(Forbidden, match="not a folder"):
        address.check_folder(str(short_tmp / "file"))


def test_another_users_folder_is_refused(short_tmp: Path) -> None:
    """A predictable name in a shared folder lets others impersonate the daemon (field-notes 4.30)."""
    if os.getuid() == 0:
        os.chown(short_tmp, 65534, 65534)
    folder = short_tmp if os.getuid() == 0 else Path("/")
    with pytest.raises(Forbidden, match="belongs to user"):
        address.check_folder(str(folder))


def test_a_state_folder_that_others_can_write_is_refused(short_tmp: Path) -> None:
    """It says what the daemon runs at its next start."""
    (short_tmp / "s").mkdir()
    (short_tmp / "s").chmod(0o777)
    with pytest.raises(Forbidden, match="0777"):
        address.make_state_dir(str(short_tmp / "s"))
