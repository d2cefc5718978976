"""ripgrep as a program: its argument list, its complaints, and its words for files and counts. Pure but for `places`, which looks at files.

What a client said never becomes an option: a value is glued to its option by `=`, and paths stand behind `--` (features C4).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from sidecar.engine.spec import Program
from sidecar.errors import Failed, InvalidParams, NotFound, SidecarError, TooLarge

RG = Program("rg", "ripgrep", (14, 0, 0), "Install ripgrep 14 or newer (https://github.com/BurntSushi/ripgrep), or use engine `native`.")

COMPILED = "10M"
"""A pattern's compiled size at most: the native engine's own bound, not rg's tenfold one."""

MAX_GLOBS, MAX_GLOB_BYTES, MAX_BRACES = 1000, 64 << 10, 100
"""Of one request, together, in one glob: the native engine's bounds (`native_rs/src/rules.rs`), as compiling cannot be cancelled."""

_CASES = {"sensitive": "--case-sensitive", "insensitive": "--ignore-case", "smart": "--smart-case"}
_MODES = {"matches": ("--json",), "files": ("--files-with-matches", "--null"), "count": ("--count", "--with-filename", "--null")}


class Covered(msgspec.Struct, frozen=True):
    """Which files: the arguments that `grep` and `glob` share."""

    paths: list[str]
    types: list[str]
    hidden: bool
    no_ignore: bool
    follow: bool


class Wanted(Covered, frozen=True):
    """What `grep` looks for: its arguments, by the same names."""

    pattern: str | list[str]
    fixed_strings: bool
    case: str
    word: bool
    multiline: bool
    invert: bool
    globs: list[str]
    before: int
    after: int
    mode: str
    max_per_file: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """One path of a request.

    Attributes:
        word: as rg is given it, and as its output's paths begin.
        shown: what stands in its place in the reply (ends with `/` for a folder, unless empty).
        is_folder: whether it is one.
    """

    word: str
    shown: str
    is_folder: bool


def grep_words(wanted: Wanted, places: Sequence[Place]) -> list[str]:
    """rg's arguments for a search."""
    words = ["--no-config", "--color=never", f"--regex-size-limit={COMPILED}", _CASES[wanted.case], *_MODES[wanted.mode]]
    switches = {"--fixed-strings": wanted.fixed_strings, "--word-regexp": wanted.word, "--multiline": wanted.multiline, "--invert-match": wanted.invert}
    words += [switch for switch, is_on in switches.items() if is_on]
    if wanted.mode == "matches":
        words += [f"--before-context={wanted.before}", f"--after-context={wanted.after}"]
    if wanted.max_per_file is not None:
        words.append(f"--max-count={wanted.max_per_file}")
    words += [f"--regexp={one}" for one in ([wanted.pattern] if isinstance(wanted.pattern, str) else wanted.pattern)]
    return [*words, *_covered_words(wanted, wanted.globs), "--", *(place.word for place in places)]


def files_words(covered: Covered, patterns: Sequence[str], places: Sequence[Place]) -> list[str]:
    """rg's arguments for a list of files."""
    return ["--files", "--no-config", "--color=never", "--null", *_covered_words(covered, patterns), "--", *(place.word for place in places)]


def _covered_words(covered: Covered, globs: Sequence[str]) -> Iterator[str]:
    switches = {"--hidden": covered.hidden, "--no-ignore": covered.no_ignore, "--follow": covered.follow}
    yield from (switch for switch, is_on in switches.items() if is_on)
    yield from (f"--glob={glob}" for glob in globs)
    yield from (f"--type-not={name[1:]}" if name.startswith("!") else f"--type={name}" for name in covered.types)


def check_globs(globs: Sequence[str]) -> None:
    """Refuse globs that would take long to compile.

    Raises:
        TooLarge: too many, too long, too many braces.
    """
    if len(globs) > MAX_GLOBS or sum(len(glob.encode()) for glob in globs) > MAX_GLOB_BYTES or any(glob.count("{") > MAX_BRACES for glob in globs):
        raise TooLarge(f"globs: more than {MAX_GLOBS}, {MAX_GLOB_BYTES} bytes together, or {MAX_BRACES} braces in one", hint="Use fewer or simpler globs.")


def places(root: str, paths: Sequence[str]) -> list[Place]:
    """The paths of a request, sorted by how they are shown. Blocking: it looks at each.

    Raises:
        NotFound: one of them, or the root, does not exist.
        InvalidParams: a path that no file can have.
    """
    if not os.path.isdir(root):
        raise NotFound(f"{root} does not exist", hint="Name a path that exists, relative to root or absolute.", path=root)
    return sorted((_place(root, path) for path in paths or ["."]), key=lambda place: os.fsencode(place.shown))


def _place(root: str, given: str) -> Place:
    parts = [part for part in given.split("/") if part not in ("", ".")]
    plain = ("/" if given.startswith("/") else "") + "/".join(parts)
    path = os.path.join(root, plain) if plain else root
    if "\0" in given or not os.path.exists(path):
        raise NotFound(f"{given} does not exist", hint="Name a path that exists, relative to root or absolute.", path=given)
    is_folder = os.path.isdir(path)
    base = root
    if ".." in parts:
        base, path = os.path.realpath(root), os.path.realpath(path)
    shown = path[len(base) :].lstrip("/") if path == base or path.startswith(base.rstrip("/") + "/") else path
    if is_folder and shown and not shown.endswith("/"):
        shown += "/"
    # Alone, `-` is rg's word for its standard input.
    word = "./-" if plain == "-" else plain or "."
    return Place(word + "/" if is_folder and not word.endswith("/") else word, shown, is_folder)


class Shown:
    """From rg's paths to the reply's.

    Args:
        found: the request's places, in their order.
    """

    def __init__(self, found: Sequence[Place]) -> None:
        numbered = [(os.fsencode(place.word), os.fsencode(place.shown), number, place.is_folder) for number, place in enumerate(found)]
        self._by_length = sorted(numbered, key=lambda one: -len(one[0]))

    def __call__(self, path: bytes) -> tuple[int, bytes, bool]:
        """The place's number, the path as the reply shows it, and whether the path itself was named."""
        for word, shown, number, is_folder in self._by_length:
            if is_folder and path.startswith(word):
                return number, shown + path[len(word) :], False
            if path == word:
                return number, shown, True
        return 0, path, False


def complaint(stderr: bytes, exit_code: int | None) -> SidecarError | None:
    """The error that rg ended with; None where it only could not read something (each such line names the system's error number)."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    if exit_code != 2 or not lines or any("(os error " in line or "File system loop" in line for line in lines):
        return None
    text = "\n".join(lines).removeprefix("rg: ")
    if "size limit" in text:
        return TooLarge(f"pattern: {text}", hint="Use smaller repetitions or fewer patterns.")
    for sign, field, hint in _REFUSED:
        if sign in text:
            return InvalidParams(f"{field}: {text}", hint=hint)
    return Failed(f"rg failed: {text}", hint="Try the same search with engine `native`.")


_REFUSED = (
    ("not allowed in a regex", "pattern", "Set multiline to match across line ends."),
    ("regex parse error", "pattern", "Escape it, or set fixedStrings to search for it literally."),
    ("error parsing glob", "globs", "See `rg --help` for globs."),
    ("file type", "types", "See `rg --type-list` for types."),
)


def unreadable(stderr: bytes) -> int:
    """How many files and folders rg could not read."""
    return sum(b"(os error " in line or b"File system loop" in line for line in stderr.splitlines())


def nul_ended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What stands before each NUL of a stream; for tests and small outputs."""
    *whole, _ = b"".join(chunks).split(b"\0")
    yield from whole
