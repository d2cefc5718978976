"""rg's argument list, and what its complaints mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.engine import ripgrep
from sidecar.engine.ripgrep import Covered, Shown, Wanted
from sidecar.errors import Failed, InvalidParams, NotFound, TooLarge
from sidecar.tools.grep import GrepArgs


def wanted(**args: Any) -> Wanted:
    """As the tool makes it of its arguments."""
    return msgspec.convert(msgspec.convert({"pattern": "x"} | args, GrepArgs), Wanted, from_attributes=True)


def test_every_value_is_glued_to_its_option_and_paths_stand_behind_two_dashes(tmp_path: Path) -> None:
    """C4: nothing that a client says can be read as an option."""
    (tmp_path / "--files").touch()
    asked = wanted(pattern=["--pre=x", "-e"], globs=["-g", "--hidden"], types=["!-t"], paths=["--files"])
    words = ripgrep.grep_words(asked, ripgrep.places(str(tmp_path), asked.paths))
    at = words.index("--")
    assert words[at + 1 :] == ["--files"]
    assert {"--regexp=--pre=x", "--regexp=-e", "--glob=-g", "--glob=--hidden", "--type-not=-t"} <= set(words[:at])
    assert all(word.startswith("--") and word != "--files" for word in words[:at])


def test_a_file_named_dash_is_no_standard_input(tmp_path: Path) -> None:
    """Alone, `-` is rg's word for it."""
    (tmp_path / "-").touch()
    assert [place.word for place in ripgrep.places(str(tmp_path), ["-"])] == ["./-"]


def test_modes_and_switches_have_their_words() -> None:
    """Counts and names carry a NUL, so that any name can be read back."""
    assert {"--count", "--with-filename", "--null"} <= set(ripgrep.grep_words(wanted(mode="count"), []))
    assert {"--files-with-matches", "--null", "--max-count=3"} <= set(ripgrep.grep_words(wanted(mode="files", maxPerFile=3), []))
    words = ripgrep.grep_words(wanted(word=True, multiline=True, invert=True, follow=True, noIgnore=True, case="smart", before=2), [])
    assert {"--json", "--word-regexp", "--multiline", "--invert-match", "--follow", "--no-ignore", "--smart-case", "--before-context=2"} <= set(words)
    covered = msgspec.convert(wanted(types=["py"]), Covered, from_attributes=True)
    assert {"--files", "--glob=*.c", "--type=py"} <= set(ripgrep.files_words(covered, ["*.c"], []))


def test_paths_are_shown_relative_unless_they_leave_the_root(tmp_path: Path) -> None:
    """As the native engine shows them, whichever way they were named."""
    root = tmp_path / "root"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "a.py").touch()
    (tmp_path / "out").mkdir()
    asked = ["./src/", "src/../src/deep", str(root / "a.py"), str(tmp_path / "out")]
    shown = Shown(ripgrep.places(str(root), asked))
    assert shown(b"src/x.py")[1:] == (b"src/x.py", False)
    assert shown(b"src/../src/deep/y.py")[1:] == (b"src/deep/y.py", False)
    assert shown(str(root / "a.py").encode())[1:] == (b"a.py", True)
    assert shown(f"{tmp_path}/out/z".encode())[1:] == (f"{tmp_path}/out/z".encode(), False)
    assert Shown(ripgrep.places(str(root), ["."]))(b"./src/x.py")[1] == b"src/x.py"


@pytest.mark.parametrize("path", ["gone", "gone/../x", "a\0b"])
def test_a_path_that_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    """Before anything is started, as in the native engine."""
    with pytest.raises(NotFound):
        ripgrep.places(str(tmp_path), [path])


@pytest.mark.parametrize(
    ("stderr", "kind", "said"),
    [
        ("rg: regex parse error:\n    (?:a(b)\nerror: unclosed group", InvalidParams, "pattern"),
        ('rg: the literal "\\n" is not allowed in a regex', InvalidParams, "pattern"),
        ("rg: Compiled regex exceeds size limit of 10485760 bytes.", TooLarge, "pattern"),
        ("rg: error parsing glob '{a': unclosed alternate group", InvalidParams, "globs"),
        ("rg: unrecognized file type: klingon", InvalidParams, "types"),
        ("rg: something new", Failed, "something new"),
    ],
)
def test_a_complaint_becomes_the_error_that_names_the_argument(stderr: str, kind: type[Exception], said: str) -> None:
    """By rg's own words."""
    error = ripgrep.complaint(stderr.encode(), 2)
    assert type(error) is kind
    assert said in str(error)


def test_a_file_that_cannot_be_read_is_counted_and_is_no_error() -> None:
    """rg's exit code is 2 then too."""
    stderr = b"rg: ./secret: Permission denied (os error 13)\nrg: File system loop found: ./a/b points to an ancestor ./a\n"
    assert ripgrep.complaint(stderr, 2) is None
    assert ripgrep.unreadable(stderr) == 2
    assert ripgrep.complaint(b"", 1) is None


def test_globs_have_the_native_engines_bounds() -> None:
    """Compiling cannot be cancelled."""
    for globs in (["{a,b}" * 101], ["x"] * 1001, ["x" * 70_000]):
        with pytest.raises(TooLarge, match="globs"):
            ripgrep.check_globs(globs)
    ripgrep.check_globs(["{a,b}" * 100])
