"""What a hello may say, and what it is told."""

from __future__ import annotations

import pytest

from sidecar.daemon.hello import as_path
from sidecar.errors import InvalidParams


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b"),
        ("/", "/"),
        ("file:///a/b", "/a/b"),
        ("file:///a/with%20space/%C3%A9", "/a/with space/é"),
        ("file://localhost/a", "/a"),
        ("/link/../b", "/link/../b"),
    ],
)
def test_a_root_is_a_path_or_a_file_uri(root: str, path: str) -> None:
    """Both forms name the same folder; `..` is left to the file system, which knows the symlinks."""
    assert as_path(root, "root") == path


@pytest.mark.parametrize("root", ["", "a/b", "~/x", "http://host/a", "file://elsewhere/a", "file:a", "/a\0b"])
def test_anything_else_is_refused_by_the_fields_name(root: str) -> None:
    """The error says which field, and what was expected."""
    with pytest.raises(InvalidParams, match=r"^root: expected an absolute path or a file URI"):
        as_path(root, "root")
