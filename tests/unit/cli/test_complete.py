"""Completion scripts, in the shells that are here."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from sidecar.cli import complete, entry, parser


def scripts() -> dict[str, str]:
    """All three."""
    described = complete.described(parser.build())
    return {shell: complete.script(shell, described) for shell in ("bash", "zsh", "fish")}


def bash_completions(line: str) -> list[str]:
    """What bash itself offers behind `line`."""
    words = line.split(" ")
    ask = f"COMP_WORDS=({' '.join(map(complete.quoted, words))}); COMP_CWORD={len(words) - 1}; _sidecar; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "--norc", "-c", scripts()["bash"] + ask], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sidecar st", ["start", "stop", "status"]),
        ("sidecar --v", ["--version"]),
        ("sidecar stop --", ["--help", "--drain", "--now", "--json"]),
        ("sidecar completions ", ["-h", "--help", "bash", "zsh", "fish"]),
        ("sidecar grep --color a", ["auto", "always"]),
        ("sidecar grep --sort ", ["path", "none"]),
    ],
)
def test_bash_offers_commands_options_and_values(line: str, offered: list[str]) -> None:
    """Sourced and asked in a real bash."""
    assert bash_completions(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_in_every_script(shell: str) -> None:
    """They come from the one parser."""
    assert [name for name in entry.COMMANDS if f"'{name}" not in scripts()[shell] and f" {name} " not in scripts()[shell]] == []


@pytest.mark.parametrize(("shell", "check"), [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_the_script_is_valid_in_its_shell(shell: str, check: list[str]) -> None:
    """As far as that shell is installed here; bash always is."""
    found = shutil.which(check[0])
    assert found or shell != "bash"
    if found:
        done = subprocess.run(check, input=scripts()[shell], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


NASTY = 'it\'s [a] `test`: $HOME "x" \\ ; rm -rf'


def test_quoting_for_bash_and_zsh_keeps_every_character() -> None:
    """A help text can hold anything; the real shell gives it back."""
    done = subprocess.run(["bash", "--norc", "-c", f"printf %s {complete.quoted(NASTY)}"], capture_output=True, text=True, check=True)
    assert done.stdout == NASTY


def test_quoting_for_fish_escapes_backslashes_and_quotes() -> None:
    """fish(1), Quotes: only these two count inside single quotes."""
    assert complete.fish_quoted(NASTY) == "'it\\'s [a] `test`: $HOME \"x\" \\\\ ; rm -rf'"


def test_brackets_and_colons_of_a_help_text_are_escaped_for_zsh() -> None:
    """zshcompsys(1): they would end the explanation."""
    command = complete.Command("x", "", (complete.Option(("--y",), "a [b]: c", takes_value=False),))
    assert r"'*--y[a \[b\]\: c]'" in complete.script("zsh", [complete.Command("", "", ()), command])
