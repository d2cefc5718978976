"""ast-grep as a program: its argument list, its JSON, its complaints. Never by the name `sg`, which on most systems is another program.

A client's text is glued to its option by `=`, and paths stand behind `--` (features C4). The project's own `sgconfig.yml` is not read: it may
come from a stranger and load native code (design 3.19), and the native engine does not read it either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.engine import rgjson
from sidecar.engine.gathering import Gathering
from sidecar.engine.rgreading import MAX_EVENT_BYTES, Lines
from sidecar.engine.ripgrep import Place, Shown
from sidecar.engine.spec import PositionEncoding, Program
from sidecar.errors import Failed, InvalidParams, SidecarError

AST_GREP = Program("ast-grep", "ast-grep", (0, 51, 0), "Install ast-grep 0.51 or newer (https://ast-grep.github.io), or use engine `native`.")

RAW_FACTOR = 4
"""ast-grep's own JSON of a match has its whole lines too: some times as long as ours."""

MAX_FILE_BYTES = 16 << 20
"""Of a file that is looked into for a column; neither engine searches larger ones."""

_NO_PROJECT = ("--config=/dev/null", "--custom-languages=ignore")
_CANNOT = ("Cannot parse", "invalid value", "not a valid", "Error: ", "error: ")
_encode = msgspec.json.Encoder().encode


class Structure(msgspec.Struct, frozen=True):
    """What `ast_grep` looks for: its arguments, by the same names."""

    pattern: str | None
    rule: str | dict[str, Any] | None
    language: str | None
    selector: str | None
    strictness: str | None
    rewrite: str | None
    apply: bool
    paths: list[str]
    globs: list[str]


class _Span(msgspec.Struct, frozen=True):
    start: int
    end: int


class _Point(msgspec.Struct, frozen=True):
    line: int
    column: int


class _Range(msgspec.Struct, frozen=True, rename="camel"):
    byte_offset: _Span
    start: _Point
    end: _Point


class _Node(msgspec.Struct, frozen=True):
    text: str
    range: _Range


class _Variables(msgspec.Struct, frozen=True):
    single: dict[str, _Node]
    multi: dict[str, list[_Node]]
    transformed: dict[str, str]


class _Found(msgspec.Struct, frozen=True, rename="camel"):
    text: str
    range: _Range
    file: str
    lines: str
    language: str
    meta_variables: _Variables | None = None
    rule_id: str | None = None
    severity: str | None = None
    message: str | None = None
    note: str | None = None
    replacement: str | None = None


_decode = msgspec.json.Decoder(_Found).decode


def check(wanted: Structure) -> None:
    """Refuse what the program cannot do as the native engine does it.

    Raises:
        InvalidParams: names the argument.
    """
    if (wanted.pattern is None) == (wanted.rule is None):
        raise InvalidParams("pattern, rule: expected exactly one of them", hint="Send a pattern, or a rule as YAML text or object.")
    if wanted.rewrite is not None or wanted.apply:
        raise InvalidParams("rewrite: engine `cli` shows no diff", hint="Leave it out, or use engine `native`.")
    if wanted.rule is not None and (wanted.selector is not None or wanted.strictness is not None):
        raise InvalidParams("selector, strictness: belong to a pattern, not to a rule", hint="Say it in the rule: an object as its `pattern`.")


def words(wanted: Structure, places: Sequence[Place]) -> list[str]:
    """ast-grep's arguments."""
    if wanted.rule is not None:
        said = ["scan", f"--inline-rules={_yaml(wanted)}"]
    else:
        values = {"pattern": wanted.pattern, "lang": wanted.language, "selector": wanted.selector, "strictness": wanted.strictness}
        said = ["run", *(f"--{name}={value}" for name, value in values.items() if value is not None)]
    return [*said, *_NO_PROJECT, "--json=stream", *(f"--globs={glob}" for glob in wanted.globs), "--", *(place.word for place in places)]


def _yaml(wanted: Structure) -> str:
    if isinstance(wanted.rule, str):
        return wanted.rule
    language = {} if wanted.language is None else {"language": wanted.language}
    return _encode(language | (wanted.rule or {})).decode()


def complaint(stderr: bytes, exit_code: int | None, field: str) -> SidecarError | None:
    """The error that ast-grep ended with; its 1 says that nothing, or for a rule of severity `error` something, was found."""
    text = stderr.decode("utf-8", "replace").strip()
    if exit_code in (0, 1, None) and not text.startswith("Error: "):
        return None
    if "--lang" in text:
        field = "language"
    if any(sign in text for sign in _CANNOT):
        return InvalidParams(f"{field}: {text[:2000]}", hint="See https://ast-grep.github.io/reference/yaml.html and its pattern syntax guide.")
    return Failed(f"ast-grep failed: {text[:2000]}", hint="Try the same search with engine `native`.")


class Pieces:
    """`ast-grep --json=stream`: its lines, as they come, until there are enough of them.

    Args:
        limit: matches at most.
        max_bytes: of our reply; so many of ast-grep's longer lines that they certainly fill it are kept.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self.binary = 0
        self.too_large = 0
        self._raw = Gathering(limit, RAW_FACTOR * max_bytes + (1 << 20), sort=True)
        self._lines = Lines(MAX_EVENT_BYTES)
        self._shown: Shown

    def begin(self, shown: Shown) -> None:
        """How its paths are shown."""
        self._shown = shown

    def feed(self, data: bytes) -> bool:
        """The next bytes; False: enough."""
        for line in self._lines.feed(data):
            if line is None:
                self.too_large += 1
            elif line:
                found = _decode(line)
                number, shown, _ = self._shown(found.file.encode())
                at = found.range.byte_offset
                key = (number, shown, at.start, at.end, found.rule_id or "")
                if self._raw.admits(key):
                    self._raw.add(key, [line])
        return self._raw.goes_on()

    def end(self) -> None:
        """It ended: every line was taken as it came."""

    def rendered(self, root: str, gathering: Gathering, encoding: PositionEncoding) -> None:
        """Put our matches into `gathering`. Blocking: for columns outside a match it looks into the file.

        Raises:
            InvalidParams: a rule has a `fix`.
        """
        texts = _Texts(root)
        for key, lines in self._raw.taken():
            gathering.add(key, [_encode(_match(key[1], _decode(line), encoding, texts)) for line in lines])

    def reason(self) -> str | None:
        """Why not every line was kept."""
        return self._raw.reason()


class _Texts:
    """Lines of files that matches name; the last file is kept, as matches come file by file."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._file = ""
        self._lines: list[bytes] = []

    def start_of(self, file: str, line: int, characters: int) -> str:
        """The first characters of a line; shorter where the file has changed since."""
        if file != self._file:
            self._file, self._lines = file, _lines_of(os.path.join(self._root, file))
        text = self._lines[line] if line < len(self._lines) else b""
        return text.decode("utf-8", "replace")[:characters]


def _lines_of(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES).split(b"\n")
    except OSError:
        return []


def _match(shown: bytes, found: _Found, encoding: PositionEncoding, texts: _Texts) -> dict[str, Any]:
    if found.replacement is not None:
        raise InvalidParams("rule: has a `fix`, and engine `cli` shows no diff", hint="Leave the fix out, or use engine `native`.")
    columns = _Columns(found, encoding, texts)
    match = rgjson.path_member(shown) | {"line": found.range.start.line + 1} | columns.piece(_Node(found.text, found.range)) | {"language": found.language}
    about = {"ruleId": found.rule_id, "severity": found.severity, "message": found.message, "note": found.note}
    match |= {name: value for name, value in about.items() if value is not None}
    variables = found.meta_variables
    if variables is not None and (variables.single or variables.multi or variables.transformed):
        match["metaVariables"] = {
            "single": {name: columns.piece(node) for name, node in sorted(variables.single.items())},
            "multi": {name: [columns.piece(node) for node in nodes] for name, nodes in sorted(variables.multi.items())},
            "transformed": dict(sorted(variables.transformed.items())),
        }
    return match


class _Columns:
    """Columns of one match in the caller's encoding; ast-grep counts characters."""

    def __init__(self, found: _Found, encoding: PositionEncoding, texts: _Texts) -> None:
        self._file = found.file
        self._first = found.range.start.line
        self._lines = found.lines.split("\n")
        self._encoding = encoding
        self._texts = texts

    def piece(self, node: _Node) -> dict[str, Any]:
        offsets = node.range.byte_offset
        place = {"start": self._position(node.range.start), "end": self._position(node.range.end)}
        return {"range": place, "byteRange": {"start": offsets.start, "end": offsets.end}, "text": node.text}

    def _position(self, point: _Point) -> dict[str, int]:
        return {"line": point.line, "character": point.column if self._encoding is PositionEncoding.UTF32 else self._column(point)}

    def _column(self, point: _Point) -> int:
        at = point.line - self._first
        before = self._lines[at][: point.column] if 0 <= at < len(self._lines) else self._texts.start_of(self._file, point.line, point.column)
        return rgjson.units(self._encoding, before.encode())
