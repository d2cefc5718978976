"""H1, H8, H10: the commands as a user types them, against a real daemon."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.daemon import logfile
from tests.support.daemon import PROJECT, Daemon, DaemonFactory
from tests.support.trees import wide_tree, write_tree

COMMAND = [sys.executable, "-m", "sidecar"]
TREE = {
    "a.py": "import os\nneedle = 1\nother\nneedle = 2\nlast\n",
    "b/c.txt": "no\nNeedle two needle\r\nlast needle\n\n\n\nneedle again\n",
    "b/d.md": "nothing\n",
    ".hidden": "needle\n",
    ".ignore": "ignored.txt\n",
    "ignored.txt": "needle\n",
    "long.txt": "x" * 50_000 + "needle" + "y" * 50_000 + "\n",
    "latin1.txt": b"needle \xe9t\xe9\n",
    "z.rs": "fn needle() {\n  needles\n}\n",
}


def sidecar(daemon: Daemon, *words: str, cwd: Path = PROJECT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """One command to its end."""
    return subprocess.run([*COMMAND, *words], cwd=cwd, env=daemon.env | (env or {}), stdin=subprocess.DEVNULL, capture_output=True, timeout=90)


@pytest.fixture
def tree(short_tmp: Path) -> Path:
    """A small tree with everything that confuses searches."""
    return write_tree(short_tmp / "tree", TREE)


GREPS = [
    "needle",
    "-i NEEDLE",
    "-S needle",
    "-S Needle",
    "-s needle",
    "-w needle",
    "-F needle(",
    "-g *.py needle",
    "-g !*.py needle",
    "-t py needle",
    "-A 1 needle",
    "-B 1 needle",
    "-C 1 needle",
    "-C 2 needle",
    "-m 1 needle",
    "-U needle.*\\n.*needle",
    "-v needle",
    "-l needle",
    "-c needle",
    "--hidden needle",
    "--no-ignore needle",
    "--vimgrep needle",
    "-e needle -e nothing",
    "-N needle",
    "needle b z.rs",
    "NEEDLE -i b -w z.rs",
    "-e -none -e needle",
    "-- -none",
    "-i NEEDLE -w -- b z.rs",
    "--heading needle",
    "--color always needle",
    "--color always --heading -i -C 1 needle",
    "no-such-thing",
]


@pytest.mark.parametrize("line", GREPS)
def test_grep_prints_what_rg_prints(shared_daemon: Daemon, tree: Path, line: str) -> None:
    """Byte for byte, and the exit code too."""
    rg = shutil.which("rg") or str(Path(sys.executable).with_name("rg"))
    words = line.split(" ")
    expected = subprocess.run([rg, "--no-config", "--sort", "path", "-n", "-H", *words], cwd=tree, stdin=subprocess.DEVNULL, capture_output=True)
    done = sidecar(shared_daemon, "grep", "--sort", "path", *words, cwd=tree)
    assert done.stderr == b""
    assert done.stdout == expected.stdout.replace(b"\r\n", b"\n")
    assert done.returncode == expected.returncode


def test_grep_with_json_prints_the_result_as_it_came(shared_daemon: Daemon, tree: Path) -> None:
    """One object, the tool's own."""
    done = sidecar(shared_daemon, "grep", "--json", "--sort", "path", "needle", "a.py", cwd=tree)
    result = json.loads(done.stdout)
    assert [match["line"] for match in result["matches"]] == [2, 4]
    assert "meta" in result


def test_grep_of_a_wrong_pattern_is_exit_2_with_the_place(shared_daemon: Daemon, tree: Path) -> None:
    """The engine's own message, and no traceback."""
    done = sidecar(shared_daemon, "grep", "a(b", cwd=tree)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"sidecar: pattern" in done.stderr


def test_grep_on_a_terminal_has_headings_and_colour(shared_daemon: Daemon, tree: Path) -> None:
    """A person sees what rg would show."""
    done = on_terminal(shared_daemon, ["grep", "--sort", "path", "needle", "a.py"], tree)
    assert done.splitlines() == [
        b"\x1b[0m\x1b[35ma.py\x1b[0m",
        *(b"\x1b[0m\x1b[32m%d\x1b[0m:\x1b[0m\x1b[1m\x1b[31mneedle\x1b[0m = %d" % pair for pair in ((2, 1), (4, 2))),
    ]


def on_terminal(daemon: Daemon, words: list[str], cwd: Path) -> bytes:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *words], cwd=cwd, env=daemon.env | {"TERM": "xterm"}, stdin=theirs, stdout=theirs) as child:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 65536):
                said += data
        except OSError:  # Linux: EIO once nobody holds the other end
            child.wait(60)
        os.close(ours)
    return said.replace(b"\r\n", b"\n")


def test_interrupting_grep_cancels_the_search(daemon: Daemon, short_tmp: Path) -> None:
    """Exit 130, nothing on stderr, and the daemon's lane is free again (the fixture checks)."""
    wide_tree(short_tmp / "wide", 400, lines=200)
    with subprocess.Popen([*COMMAND, "grep", "needle"], cwd=short_tmp / "wide", env=daemon.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        assert b"needle" in child.stdout.readline()
        child.send_signal(signal.SIGINT)  # it stands in a write that nobody reads
        assert child.wait(60) == 130
        assert child.stderr.read() == b""


def test_what_could_not_be_searched_is_said_and_is_exit_2(shared_daemon: Daemon, short_tmp: Path) -> None:
    """A file with a line over the bound is left out: that is not "nothing found", for people and for programs."""
    (short_tmp / "huge.txt").write_bytes(b"x" * (17 << 20) + b"\nneedle\n")
    done = sidecar(shared_daemon, "grep", "needle", "huge.txt", cwd=short_tmp)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"1 files were not searched" in done.stderr
    answer = shared_daemon.call("sidecar/grep", {"root": str(short_tmp), "pattern": "needle"})
    assert (answer["skipped"]["tooLarge"], answer["meta"]["complete"]) == (1, False)


def test_a_reader_that_has_enough_is_no_error(daemon: Daemon, short_tmp: Path) -> None:
    """`sidecar grep needle | head -1`."""
    wide_tree(short_tmp / "wide", 200, lines=100)
    with subprocess.Popen([*COMMAND, "grep", "needle"], cwd=short_tmp / "wide", env=daemon.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 0


def test_hover_counts_as_compilers_print(daemon: Daemon, short_tmp: Path) -> None:
    """Line and column from 1, in characters: an emoji before the name is one."""
    text = 'def greet(name: str) -> str:\n    """Say hello."""\n    return name\n\n\nx = "🎉"; greet("y")\n'
    write_tree(short_tmp / "p", {"m.py": text, "pyproject.toml": ""})
    done = sidecar(daemon, "hover", "m.py:6:10", cwd=short_tmp / "p")
    assert done.returncode == 0, done.stderr
    assert b"def greet" in done.stdout and b"Say hello." in done.stdout
    empty = sidecar(daemon, "hover", "m.py:4:1", cwd=short_tmp / "p")
    assert (empty.returncode, empty.stdout) == (1, b"")


def test_call_prints_the_result_as_json(shared_daemon: Daemon, tree: Path) -> None:
    """Any method; the current folder is the root of those that need one."""
    status = json.loads(sidecar(shared_daemon, "call", "sidecar/status").stdout)
    assert status["pid"] == shared_daemon.pid
    found = json.loads(sidecar(shared_daemon, "call", "sidecar/grep", '{"pattern": "needles"}', cwd=tree).stdout)
    assert [match["path"] for match in found["matches"]] == ["z.rs"]


def test_call_prints_what_is_streamed_before_the_result(shared_daemon: Daemon, tree: Path) -> None:
    """One JSON value a line, in the order it came."""
    done = sidecar(shared_daemon, "call", "sidecar/grep", '{"pattern": "needles", "partialResultToken": "t"}', cwd=tree)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["params"]["value"]["matches"][0]["path"] == "z.rs"
    assert lines[-1]["truncated"] is False


def test_status_opens_no_root(daemon: Daemon) -> None:
    """A root that a client names is opened to the read-only socket: only calls that need one name it."""
    sidecar(daemon, "status", cwd=Path("/"))
    sidecar(daemon, "call", "sidecar/status", cwd=Path("/"))
    assert daemon.status()["roots"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["call", "sidecar/nothing"], b"sidecar/nothing"),
        (["call", "sidecar/status", "{"], b"the params are not JSON"),
        (["call", "sidecar/status", "[]"], b"must be a JSON object"),
        (["call", "sidecar/grep", '{"pattern": 3}'], b"pattern"),
    ],
)
def test_a_refused_call_is_exit_2_with_message_and_hint(shared_daemon: Daemon, words: list[str], said: bytes) -> None:
    """On stderr; stdout stays empty."""
    done = sidecar(shared_daemon, *words)
    assert (done.returncode, done.stdout) == (2, b"")
    message, hint = done.stderr.splitlines()
    assert message.startswith(b"sidecar: ") and said in message
    assert hint.startswith(b"  ")


def test_what_times_out_is_exit_124(shared_daemon: Daemon) -> None:
    """As of timeout(1)."""
    done = sidecar(shared_daemon, "grep", "--timeout", "0.001", "--no-ignore", "--hidden", "z{50}", cwd=Path("/usr"))
    assert done.returncode == 124, done


def test_tools_and_status_are_for_people_and_for_programs(shared_daemon: Daemon) -> None:
    """Aligned text, or the reply's result."""
    assert b"grep " in sidecar(shared_daemon, "tools").stdout
    assert {"grep", "hover", "run_command"} <= {tool["name"] for tool in json.loads(sidecar(shared_daemon, "tools", "--json").stdout)["tools"]}
    assert b"lane search" in sidecar(shared_daemon, "status").stdout
    assert json.loads(sidecar(shared_daemon, "status", "--json").stdout)["pid"] == shared_daemon.pid


def test_the_log_has_the_daemons_first_line(shared_daemon: Daemon) -> None:
    """`sidecar logs` reads the file that the daemon writes, which is the user's alone."""
    assert b"serving " in sidecar(shared_daemon, "logs").stdout
    assert logfile.path(shared_daemon.state).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def autostart(make_daemon: DaemonFactory) -> Iterator[Daemon]:
    """Folders in which no daemon runs yet, and one may be started; it is stopped at the end."""
    daemon = make_daemon(env={"SIDECAR_NO_AUTOSTART": "0"})
    yield daemon
    assert sidecar(daemon, "stop", "--now").returncode == 0


def test_start_stop_and_restart(autostart: Daemon) -> None:
    """`start` prints the socket's path; a second `start` finds the same daemon; `stop` waits until it has gone."""
    assert sidecar(autostart, "start").stdout == f"{autostart.socket}\n".encode()
    first = json.loads(sidecar(autostart, "start", "--json").stdout)
    assert first["socket"] == str(autostart.socket)
    assert json.loads(sidecar(autostart, "start", "--json").stdout)["daemonId"] == first["daemonId"]
    again = json.loads(sidecar(autostart, "restart", "--json").stdout)
    assert again["daemonId"] != first["daemonId"]
    assert sidecar(autostart, "stop").stdout == b"stopped\n"
    assert autostart.sockets_left() == []
    assert sidecar(autostart, "stop").stdout == b"no daemon runs\n"


def test_a_client_command_starts_the_daemon_when_none_runs(autostart: Daemon, tree: Path) -> None:
    """The first grep of the day."""
    done = sidecar(autostart, "grep", "--sort", "path", "needles", cwd=tree)
    assert done.stdout == b"z.rs:2:  needles\n"


def test_a_daemon_that_cannot_start_says_why_to_its_starter(autostart: Daemon) -> None:
    """A wrong setting is named with its line, not as a timeout."""
    autostart.write_config("[lanes]\nserch = 3\n")
    done = sidecar(autostart, "start")
    assert done.returncode == 2
    assert b"config.toml:2: lanes.serch: unknown key" in done.stderr
    assert b"lanes.search" in done.stderr


def test_run_is_a_daemon_in_the_foreground(make_daemon: DaemonFactory) -> None:
    """Settings from `--set` count; SIGTERM ends it with 0 (the fixture checks)."""
    daemon = make_daemon(argv=[*COMMAND, "run", "--set", "limits.clients=77"]).start()
    assert daemon.call("sidecar/hello")["limits"]["clients"] == 77
    assert daemon.stop() == 0


def test_a_strangers_repository_chooses_no_command_until_it_is_trusted(daemon: Daemon, short_tmp: Path) -> None:
    """H7: `.sidecar.toml` names a language server; it runs only after `sidecar trust`."""
    root = write_tree(short_tmp / "p", {"m.py": "x = 1\n", "pyproject.toml": "", ".sidecar.toml": '[servers.basedpyright]\ncommand = ["/nonexistent/evil"]\n'})
    assert sidecar(daemon, "hover", "m.py:1:1", cwd=root).returncode == 0
    shown = sidecar(daemon, "config", "show", cwd=root)
    assert b"is not trusted" in shown.stderr and b"evil" not in shown.stdout
    assert sidecar(daemon, "trust", str(root)).stdout == f"{root}\n".encode()
    assert b"/nonexistent/evil" in sidecar(daemon, "config", "show", cwd=root).stdout
    daemon.restart()
    refused = sidecar(daemon, "hover", "m.py:1:1", cwd=root)
    assert refused.returncode == 2
    assert b"/nonexistent/evil" in refused.stderr
