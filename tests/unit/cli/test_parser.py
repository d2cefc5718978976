"""The one parser."""

from __future__ import annotations

import pytest

from sidecar.cli import entry, parser


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("needle -i src", {"words": ["needle", "src"], "args.case": "insensitive"}),
        ("-e -x -e y src", {"patterns": ["-x", "y"], "words": ["src"]}),
        ("--regexp -x", {"patterns": ["-x"]}),
        ("-g -x needle", {"args.globs": ["-x"], "words": ["needle"]}),
        ("-i -- -x -y", {"words": ["-x", "-y"], "args.case": "insensitive"}),
        ("-iw -C2 needle", {"args.word": True, "args.context": 2, "words": ["needle"]}),
        ("-i -s needle", {"args.case": "sensitive"}),
    ],
)
def test_grep_takes_words_and_options_in_any_order(words: str, expected: dict[str, object]) -> None:
    """As rg does; a value may begin with a dash, and the last of contrary options wins."""
    name, options = parser.parse(["grep", *words.split()])
    assert name == "grep"
    assert {key: options[key] for key in expected} == expected


@pytest.mark.parametrize("name", entry.COMMANDS)
def test_every_command_has_its_own_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With its own name in the usage line, and exit 0."""
    with pytest.raises(SystemExit) as left:
        parser.parse([name, "--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: sidecar {name} ")


def test_options_are_never_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    """A new option in a later version must not change what an old script means."""
    with pytest.raises(SystemExit) as left:
        parser.parse(["status", "--js"])
    assert left.value.code == 2
    assert "See `sidecar status --help`" in capsys.readouterr().err
