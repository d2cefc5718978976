"""The command's entry: which command runs, and what every kind of error becomes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.cli import entry

PROJECT = Path(__file__).resolve().parents[3]


def sidecar(*words: str, env: dict[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    full = {**os.environ, "PYTHONPATH": str(PROJECT), **(env or {})}
    return subprocess.run([sys.executable, "-m", "sidecar", *words], env=full, input=stdin, capture_output=True, text=True, timeout=60)


@pytest.fixture
def nowhere(short_tmp: Path) -> dict[str, str]:
    """An environment in which no daemon runs."""
    return {"SIDECAR_SOCKET": str(short_tmp / "daemon.sock"), "SIDECAR_STATE_DIR": str(short_tmp / "state"), "HOME": str(short_tmp), "XDG_CONFIG_HOME": ""}


@pytest.mark.parametrize("name", entry.COMMANDS)
def test_every_command_has_help_arguments_and_run(name: str) -> None:
    """A command is a module with these three."""
    module = entry.command(name)
    assert module.HELP and callable(module.arguments) and callable(module.run)


@pytest.mark.parametrize("name", entry.QUICK)
def test_a_quick_command_imports_neither_argparse_nor_msgspec(name: str) -> None:
    """Its start is about Python's own."""
    slow = {"argparse", "msgspec", "typing", "asyncio", "subprocess", "shutil"}
    code = f"import sys; from sidecar.cli import entry; entry.command({name!r}); print(sorted({slow!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(("name", "words"), [("call", ["sidecar/status"]), ("call", ["a", "{}"]), ("status", ["--json"]), ("stop", ["--now"])])
def test_the_quick_way_and_the_parser_mean_the_same(name: str, words: list[str]) -> None:
    """The short cut may not change a meaning."""
    from sidecar.cli import parser

    parsed_name, options = parser.parse([name, *words])
    quick = entry.command(name).quick(words)
    assert parsed_name == name
    assert {key: options[key] for key in quick} == quick


@pytest.mark.parametrize("words", [["call"], ["call", "--json", "a"], ["call", "a", "{}", "b"], ["status", "--watch"], ["stop", "--json"]])
def test_what_is_not_simple_goes_to_the_parser(words: list[str]) -> None:
    """No second parser beside the first."""
    assert entry.command(words[0]).quick(words[1:]) is None


WRONG = ("", "unknown", "call", "grep --nonsense x", "status --nonsense", "completions tcsh", "--json status")


@pytest.mark.parametrize("words", [line.split() for line in WRONG])
def test_wrong_usage_is_exit_2_with_one_message_and_a_hint(words: list[str]) -> None:
    """Never a traceback, and stdout stays empty."""
    done = sidecar(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sidecar: ")
    assert "--help" in done.stderr


def test_help_is_exit_0_and_names_every_command() -> None:
    """`sidecar --help` is the table of contents."""
    done = sidecar("--help")
    assert done.returncode == 0
    assert [name for name in entry.COMMANDS if f"\n    {name}" not in done.stdout] == []


def test_version_says_commit_and_engines() -> None:
    """The first line is for scripts, the rest for bug reports."""
    done = sidecar("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sidecar 0.")
    assert "python" in done.stdout
    about = json.loads(sidecar("--version", "--json").stdout)
    assert set(about) == {"version", "commit", "python", "engines"}


def test_an_error_is_exit_2_with_message_and_hint_on_stderr(nowhere: dict[str, str]) -> None:
    """A client command that may not start a daemon says what to do."""
    done = sidecar("status", env=nowhere | {"SIDECAR_NO_AUTOSTART": "1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"sidecar: no daemon listens at {nowhere['SIDECAR_SOCKET']}\n  Start one with `sidecar start`.\n"


@pytest.mark.parametrize("words", [["stop"], ["config", "show"], ["logs", "--path"], ["trust", "--list"], ["doctor"]])
def test_commands_that_are_no_clients_start_no_daemon(nowhere: dict[str, str], words: list[str]) -> None:
    """doctor, stop, logs, config and trust look, and leave things alone."""
    done = sidecar(*words, env=nowhere | {"SIDECAR_NO_AUTOSTART": ""})
    assert done.returncode in (0, 1), done.stderr
    assert not Path(nowhere["SIDECAR_SOCKET"]).exists()


def test_a_reader_that_has_gone_is_no_error(nowhere: dict[str, str]) -> None:
    """`sidecar config show | head -1` is quiet."""
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "PYTHONPATH": str(PROJECT), **nowhere}
    with subprocess.Popen([sys.executable, "-m", "sidecar", "config", "show"], env=env, stdout=writing, stderr=subprocess.PIPE) as child:
        os.close(writing)
        assert child.communicate(timeout=60)[1] == b""
        assert child.returncode == 0


def test_interrupting_is_exit_130_without_a_traceback(nowhere: dict[str, str]) -> None:
    """Ctrl-C while a log is followed."""
    log = Path(nowhere["SIDECAR_STATE_DIR"], "logs", "daemon.log")
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    env = {**os.environ, "PYTHONPATH": str(PROJECT), **nowhere}
    with subprocess.Popen([sys.executable, "-m", "sidecar", "logs", "-f"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline() == b"first\n"
        child.send_signal(signal.SIGINT)
        assert child.stderr.read() == b""
        assert child.wait(timeout=60) == 130


def test_a_defect_of_ours_is_explained_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The one boundary catches what nobody foresaw."""
    monkeypatch.delenv("SIDECAR_DEBUG", raising=False)
    monkeypatch.setattr(entry, "COMMANDS", ("nothing-of-this-name",))
    assert entry.main(["--help"]) == 2
    assert "internal error: ModuleNotFoundError" in capsys.readouterr().err
