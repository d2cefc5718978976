"""Completion scripts for bash, zsh and fish from a description of the parser. Pure: values in, text out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.cli.parser import takes_value


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command: its spellings, its help, whether a value follows, and which values there are."""

    flags: tuple[str, ...]
    text: str
    takes_value: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `words` are what may stand where a file name may not."""

    name: str
    text: str
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()


def described(parser: argparse.ArgumentParser) -> list[Command]:
    """All commands of a parser; the first, without a name, is what may stand before any command."""
    subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    texts = {action.dest: action.help or "" for action in subparsers._choices_actions}
    commands = [Command("", "", _options(parser), tuple(subparsers.choices))]
    return commands + [Command(name, texts[name], _options(found), _words(found)) for name, found in subparsers.choices.items()]


def script(shell: str, commands: Sequence[Command]) -> str:
    """The script for one shell."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](commands)


def quoted(text: str) -> str:
    """`text` as one word of a POSIX shell, bash or zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def fish_quoted(text: str) -> str:
    r"""`text` as one word of fish, where \\ and \' count inside single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _options(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    shown = (action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS)
    return tuple(Option(tuple(one.option_strings), _text(one, parser), takes_value(one), _choices(one)) for one in shown)


def _text(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _choices(action: argparse.Action) -> tuple[str, ...]:
    return tuple(str(choice) for choice in action.choices or ())


def _words(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(word for action in parser._actions if not action.option_strings for word in _choices(action))


def _flags(command: Command) -> list[str]:
    return [flag for option in command.options for flag in option.flags]


def _bash(commands: Sequence[Command]) -> str:
    rows = [f"    {quoted(one.name)}) words={quoted(' '.join([*_flags(one), *one.words]))} ;;" for one in commands]
    values = [row for one in commands for row in _bash_values(one)]
    return "\n".join(
        [
            "# bash completion for sidecar; made by `sidecar completions bash`.",
            "_sidecar() {",
            "  local current=${COMP_WORDS[COMP_CWORD]} command='' words='' values='' index",
            "  local previous=${COMP_WORDS[COMP_CWORD-1]}",
            "  for ((index = 1; index < COMP_CWORD; index++)); do",
            "    [[ ${COMP_WORDS[index]} == -* ]] || { command=${COMP_WORDS[index]}; break; }",
            "  done",
            "  case $command in",
            *rows,
            "  esac",
            "  case $command:$previous in",
            *values,
            "  esac",
            "  [[ -n $values ]] && words=$values",
            '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
            "}",
            "complete -o default -o bashdefault -F _sidecar sidecar",
            "",
        ]
    )


def _bash_values(command: Command) -> list[str]:
    valued = [option for option in command.options if option.takes_value and option.choices]
    return [f"    {'|'.join(quoted(f'{command.name}:{flag}') for flag in one.flags)}) values={quoted(' '.join(one.choices))} ;;" for one in valued]


def _zsh(commands: Sequence[Command]) -> str:
    first = commands[0]
    names = [quoted(f"{_zsh_escaped(one.name)}:{one.text}") for one in commands[1:]]
    cases = [line for one in commands[1:] for line in _zsh_case(one)]
    return "\n".join(
        [
            "#compdef sidecar",
            "# zsh completion for sidecar; made by `sidecar completions zsh`.",
            "_sidecar() {",
            "  local context state state_descr line",
            "  typeset -A opt_args",
            "  local -a commands",
            f"  commands=({' '.join(names)})",
            f"  _arguments -C {' '.join(_zsh_options(first))} '1: :->command' '*:: :->rest'",
            "  case $state in",
            "  command) _describe -t commands command commands ;;",
            "  rest)",
            "    case $words[1] in",
            *cases,
            "    esac ;;",
            "  esac",
            "}",
            'if [ "$funcstack[1]" = _sidecar ]; then _sidecar "$@"; else compdef _sidecar sidecar; fi',
            "",
        ]
    )


def _zsh_case(command: Command) -> list[str]:
    rest = f"'*: :({' '.join(command.words)})'" if command.words else "'*: :_files'"
    return [f"    {quoted(command.name)}) _arguments -s {' '.join([*_zsh_options(command), rest])} ;;"]


def _zsh_options(command: Command) -> list[str]:
    words = []
    for option in command.options:
        value = (f": :({' '.join(option.choices)})" if option.choices else ": :_files") if option.takes_value else ""
        words += [quoted(f"*{flag}[{_zsh_escaped(option.text)}]{value}") for flag in option.flags]
    return words


def _zsh_escaped(text: str) -> str:
    r"""zshcompsys(1), _arguments: brackets and colons in an explanation need a \."""
    for special in ("\\", "[", "]", ":"):
        text = text.replace(special, "\\" + special)
    return text


def _fish(commands: Sequence[Command]) -> str:
    lines = ["# fish completion for sidecar; made by `sidecar completions fish`."]
    for one in commands[1:]:
        lines.append(f"complete -c sidecar -n __fish_use_subcommand -f -a {fish_quoted(one.name)} -d {fish_quoted(one.text)}")
    for one in commands:
        place = fish_quoted(f"__fish_seen_subcommand_from {one.name}") if one.name else "__fish_use_subcommand"
        lines += [f"complete -c sidecar -n {place} {_fish_option(option)}" for option in one.options]
        lines += [f"complete -c sidecar -n {place} -f -a {fish_quoted(' '.join(one.words))}"] if one.words and one.name else []
    return "\n".join([*lines, ""])


def _fish_option(option: Option) -> str:
    flags = [f"-l {fish_quoted(flag[2:])}" if flag.startswith("--") else f"-s {fish_quoted(flag[1:])}" for flag in option.flags]
    value = (" -x -a " + fish_quoted(" ".join(option.choices)) if option.choices else " -r") if option.takes_value else ""
    return f"{' '.join(flags)}{value} -d {fish_quoted(option.text)}"
