"""H6: doctor on a fresh machine, and in ten broken set-ups, each made for real: what it finds, why, and what to do."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sidecar
from tests.support import audit, processes
from tests.support.daemon import PROJECT, Daemon, DaemonFactory
from tests.support.place import stale_socket

SANDBOX = (sys.executable, str(PROJECT / "tests" / "support" / "sandbox.py"))
BAD_SERVER = PROJECT / "tests" / "support" / "bad_server.py"
OTHER_UID = 65_534  # nobody


def doctor(daemon: Daemon, *words: str, env: dict[str, str] | None = None, wrapper: tuple[str, ...] = (), **more: Any) -> tuple[int, dict[str, Any]]:
    """The exit code, and of each check its worst finding."""
    done = run(daemon, "--json", *words, env=env, wrapper=wrapper, **more)
    assert done.returncode in (0, 1), done
    worst: dict[str, Any] = {}
    for check in json.loads(done.stdout)["checks"]:
        if check["id"] not in worst or ORDER[check["state"]] > ORDER[worst[check["id"]]["state"]]:
            worst[check["id"]] = check
    return done.returncode, worst


ORDER = {"ok": 0, "skip": 1, "warn": 2, "fail": 3}


def run(
    daemon: Daemon, *words: str, env: dict[str, str] | None = None, wrapper: tuple[str, ...] = (), python: str = sys.executable, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """`sidecar doctor` to its end, without the variables of the tests themselves: they are no settings, and doctor would say so."""
    variables = {name: value for name, value in (daemon.env | (env or {})).items() if name not in (processes.MARK, audit.LOG_VARIABLE)}
    argv = [*wrapper, python, "-m", "sidecar", "doctor", *words]
    return subprocess.run(argv, cwd=PROJECT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=110, **more)


def program(folder: Path, name: str, text: str) -> None:
    """A program of these shell lines."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def path(short_tmp: Path) -> Path:
    """A folder that is the whole PATH of a fresh machine: new search engines, a language server, no `sg`."""
    folder = short_tmp / "bin"
    folder.mkdir()
    program(folder, "rg", "echo ripgrep 15.2.0")
    program(folder, "ast-grep", "echo ast-grep 0.51.1")
    return folder


@pytest.fixture
def fresh(make_daemon: DaemonFactory, path: Path) -> Daemon:
    """A machine on which no daemon has ever run; its state folder is not there yet."""
    daemon = make_daemon(env={"PATH": str(path)})
    daemon.state.rmdir()
    return daemon


@pytest.fixture
def machine(make_daemon: DaemonFactory, path: Path) -> Daemon:
    """A machine with a running daemon."""
    return make_daemon(env={"PATH": f"{path}:/usr/bin:/bin"}).start()


# All is well


def test_a_fresh_machine_is_fine_at_one_glance(fresh: Daemon) -> None:
    """One line a finding, none of them explained, fits on a screen, exit 0; and nothing has been made."""
    done = run(fresh)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b""), done
    assert {line.split()[0] for line in lines[:-1]} == {"ok", "skip"}, lines
    assert lines[-1].startswith("Nothing fails: ") and len(lines) <= 40
    assert not fresh.state.exists() and list(fresh.runtime.iterdir()) == []


def test_the_running_daemon_is_asked_and_compared(machine: Daemon) -> None:
    """Exit 0; the command and the daemon run the same checks; the loop is probed; both sides' limits are told."""
    code, checks = doctor(machine)
    assert code == 0, checks
    assert checks["daemon"]["state"] == "ok"
    assert checks["owner"]["summary"] == f"locks are held by the daemon, pid {machine.pid}"
    assert "25 pings now" in checks["loopLag"]["summary"]
    assert "the daemon has " in checks["openFiles"]["summary"] and "; here " in checks["openFiles"]["summary"]
    assert list(dict.fromkeys(check["id"] for check in machine.call("sidecar/doctor")["checks"])) == list(checks)


def test_deep_starts_the_language_servers(machine: Daemon) -> None:
    """And says which version answered."""
    asked = json.loads(run(machine, "--deep", "--json").stdout)["checks"]
    servers = {check["summary"].split()[0]: check for check in asked if check["id"] == "servers"}
    assert servers["basedpyright"]["state"] == "ok" and " answers at " in servers["basedpyright"]["summary"]


def test_the_daemon_raises_its_own_limit_of_open_files(make_daemon: DaemonFactory) -> None:
    """From what its starter had towards the hard limit; doctor shows both."""
    daemon = make_daemon(wrapper=["prlimit", "--nofile=256:4096"]).start()
    assert daemon.status()["openFilesLimit"] == {"soft": 4096, "hard": 4096}
    _, checks = doctor(daemon)
    assert f"of 4096 open files; here {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} of" in checks["openFiles"]["summary"]


def test_each_setting_is_told_with_where_it_was_set(make_daemon: DaemonFactory) -> None:
    """H7: a file's line, or a variable."""
    daemon = make_daemon(config="[limits]\nclients = 77\n")
    checks = json.loads(run(daemon, "--json", env={"SIDECAR_DAEMON_LOG_LEVEL": "debug"}).stdout)["checks"]
    told = [check["summary"] for check in checks if check["id"] == "config"]
    file = Path(daemon.env["XDG_CONFIG_HOME"], "sidecar", "config.toml")
    assert sorted(told[1:]) == ['daemon.log_level = "debug"  (SIDECAR_DAEMON_LOG_LEVEL)', f"limits.clients = 77  ({file}:2)"]


# Ten broken set-ups


def test_a_stale_socket_is_told_and_removed_by_fix(make_daemon: DaemonFactory) -> None:
    """Its daemon was killed; `--fix` says what it removed, and then there is nothing to warn about."""
    daemon = make_daemon().start()
    daemon.kill9()
    code, checks = doctor(daemon)
    assert (code, checks["socket"]["state"]) == (0, "warn")
    assert checks["socket"]["reason"] == "a daemon was killed; the next one replaces it"
    assert checks["socket"]["fix"] == "sidecar doctor --fix removes it."
    said = run(daemon, "--fix").stdout.decode()
    assert f"removed {daemon.socket}\n" in said and f"removed {daemon.reader}\n" in said
    assert daemon.sockets_left() == []
    assert doctor(daemon)[1]["socket"]["state"] == "ok"
    assert b"nothing stale to remove\n" in run(daemon, "--fix").stdout


def test_fix_leaves_a_living_daemon_alone(machine: Daemon) -> None:
    """Nothing of it is stale."""
    done = json.loads(run(machine, "--fix", "--json").stdout)
    assert done["fixed"] == []
    assert machine.status()["pid"] == machine.pid


@pytest.fixture
def foreign(make_daemon: DaemonFactory) -> Iterator[Daemon]:
    """A runtime folder that is another user's, or, where we cannot give it away, open to others."""
    daemon = make_daemon()
    if os.geteuid() == 0:
        os.chown(daemon.runtime, OTHER_UID, -1)
    else:
        daemon.runtime.chmod(0o777)
    yield daemon
    if os.geteuid() == 0:
        os.chown(daemon.runtime, os.getuid(), -1)
    daemon.runtime.chmod(0o700)


def test_a_folder_of_another_owner_fails_with_whose_it_is(foreign: Daemon) -> None:
    """Nobody connects to a socket that another user may have planted; `--fix` touches nothing there."""
    stale_socket(foreign.socket)
    code, checks = doctor(foreign)
    assert (code, checks["socket"]["state"]) == (1, "fail")
    assert f"belongs to user {OTHER_UID}" in checks["socket"]["reason"] or "is open to others" in checks["socket"]["reason"]
    assert "SIDECAR_SOCKET" in checks["socket"]["fix"]
    done = run(foreign, "--fix")
    assert done.returncode == 1 and b"nothing more was removed: the runtime folder" in done.stderr
    assert foreign.socket.exists()
    foreign.socket.unlink()


def test_a_missing_rg_is_a_warning_that_says_what_works_without_it(fresh: Daemon, path: Path) -> None:
    """The native grep needs none. Run with a Python that has no rg beside it either."""
    (path / "rg").unlink()
    lonely = path.parent / "venv" / "bin"
    lonely.mkdir(parents=True)
    (lonely / "python").symlink_to(sys.executable)
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), lonely.parent)
    (lonely.parent / "lib").symlink_to(Path(sys.prefix, "lib"))
    rg = doctor(fresh, python=str(lonely / "python"))[1]["rg"]
    assert (rg["state"], rg["summary"]) == ("warn", "rg not found")
    assert "native grep works without it" in rg["reason"] and rg["fix"].startswith("Install ripgrep")


def test_an_sg_of_another_kind_is_a_warning_and_is_never_used(fresh: Daemon, path: Path) -> None:
    """Debian's runs a command in another group; sidecar says which program that is."""
    program(path, "sg", 'echo "Usage: sg group [[-c] command]"; exit 1')
    code, checks = doctor(fresh)
    assert (code, checks["sg"]["state"]) == (0, "warn")
    assert checks["sg"]["summary"] == f"sg at {path / 'sg'} is not ast-grep"
    assert "in another group; sidecar never calls it" in checks["sg"]["reason"]
    assert checks["sg"]["fix"] == "Call it by its full name: ast-grep."
    assert checks["astGrep"]["state"] == "ok"


def test_an_old_daemon_after_an_upgrade_is_told_to_be_restarted(make_daemon: DaemonFactory, short_tmp: Path) -> None:
    """It lives on with the old code until somebody restarts it."""
    old = short_tmp / "old"
    shutil.copytree(PROJECT / "sidecar", old / "sidecar", ignore=shutil.ignore_patterns("__pycache__"))
    file = old / "sidecar" / "__init__.py"
    file.write_text(file.read_text().replace(f'__version__ = "{sidecar.__version__}"', '__version__ = "0.0.9"'))
    # -P: the package of the working folder, ours, must not win over the copy.
    daemon = make_daemon(argv=[sys.executable, "-P", "-m", "sidecar", "run"], env={"PYTHONPATH": str(old)}).start()
    code, checks = doctor(daemon, env={"PYTHONPATH": str(PROJECT)})
    assert (code, checks["daemon"]["state"]) == (0, "warn")
    assert checks["daemon"]["summary"] == "the daemon is older than the installation"
    assert checks["daemon"]["reason"] == f"pid {daemon.pid} runs 0.0.9, installed is {sidecar.__version__}"
    assert checks["daemon"]["fix"].startswith("sidecar restart")


@pytest.mark.parametrize("how", ["a folder", "not UTF-8", "not readable"])
def test_an_unreadable_configuration_fails_with_the_file(make_daemon: DaemonFactory, how: str) -> None:
    """A folder in its place, bytes that are no text, or a mode that forbids it."""
    daemon = make_daemon()
    file = Path(daemon.env["XDG_CONFIG_HOME"], "sidecar", "config.toml")
    if how == "a folder":
        file.unlink()
        file.mkdir()
    elif how == "not UTF-8":
        file.write_bytes(b"[daemon]\n# \xff\n")
    else:
        file.chmod(0)
    code, checks = doctor(daemon, wrapper=(*SANDBOX, "rights"))
    assert (code, checks["config"]["state"]) == (1, "fail")
    assert str(file) in checks["config"]["reason"]
    assert checks["config"]["fix"].startswith("Correct it")


def test_an_unknown_key_fails_with_file_line_and_the_nearest_key(make_daemon: DaemonFactory) -> None:
    """No daemon is needed for that; all of them are told."""
    daemon = make_daemon(config="[daemon]\nidle_exits = 3\nnothing = 1\n")
    done = run(daemon)
    assert done.returncode == 1
    assert b"config.toml:2: daemon.idle_exits: unknown key. Did you mean daemon.idle_exit_s?" in done.stdout
    assert b"config.toml:3: daemon.nothing: unknown key. Known keys here: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith(b"2 failed, ") and b"First: config: Correct it" in done.stdout.splitlines()[-1]


@pytest.fixture(params=["small file system", "limit of file size"])
def full(request: pytest.FixtureRequest, make_daemon: DaemonFactory) -> Iterator[tuple[Daemon, dict[str, Any]]]:
    """A state folder in which nothing more can be written, and what to run doctor with; where nothing may be mounted, both by the limit."""
    daemon = make_daemon()
    mounted = request.param == "small file system" and not _mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(daemon.state))
    if mounted:
        with open(daemon.state / "fill", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))
    limit = {} if mounted else {"wrapper": ("prlimit", "--fsize=0")}
    yield daemon, limit
    if mounted:
        subprocess.run(["umount", str(daemon.state)], check=True)


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], stderr=subprocess.DEVNULL).returncode


def test_a_full_disk_fails(full: tuple[Daemon, dict[str, Any]]) -> None:
    """Journal, logs and output could not be kept; looking leaves nothing there."""
    daemon, limit = full
    before = sorted(daemon.state.iterdir())
    code, checks = doctor(daemon, **limit)
    assert (code, checks["disk"]["state"]) == (1, "fail")
    assert checks["disk"]["summary"] == f"nothing can be written where {daemon.state} is"
    assert checks["disk"]["reason"] in ("No space left on device", "File too large")
    assert "SIDECAR_STATE_DIR" in checks["disk"]["fix"]
    assert sorted(daemon.state.iterdir()) == before


def test_a_state_folder_of_another_daemon_fails_with_that_daemon(machine: Daemon, short_tmp: Path) -> None:
    """Its pid and its socket, which is the way out."""
    mine = short_tmp / "mine"
    mine.mkdir(mode=0o700)
    code, checks = doctor(machine, env={"SIDECAR_SOCKET": str(mine / "daemon.sock")})
    assert (code, checks["owner"]["state"]) == (1, "fail")
    assert checks["owner"]["summary"] == "another daemon owns the state folder"
    assert checks["owner"]["reason"] == f"pid {machine.pid} holds {machine.state}/owner.lock and serves {machine.socket}"
    assert f"SIDECAR_SOCKET={machine.socket}" in checks["owner"]["fix"]


def test_a_daemon_answers_but_the_state_folder_is_another_daemons(machine: Daemon, make_daemon: DaemonFactory) -> None:
    """Two daemons: the one that we talk to is not the one whose state is configured here."""
    other = make_daemon().start()
    code, checks = doctor(machine, env={"SIDECAR_STATE_DIR": str(other.state)})
    assert (code, checks["owner"]["state"]) == (1, "fail")
    assert f"pid {other.pid}" in checks["owner"]["reason"] and f"pid {machine.pid}" in checks["owner"]["reason"]


def test_a_daemon_that_hangs_is_told_from_none(machine: Daemon) -> None:
    """It holds the locks, and its socket takes connections that nobody answers."""
    os.kill(machine.pid, signal.SIGSTOP)
    code, checks = doctor(machine)
    os.kill(machine.pid, signal.SIGCONT)
    assert (code, checks["socket"]["state"], checks["owner"]["state"]) == (1, "fail", "fail")
    assert checks["socket"]["reason"] == "the daemon did not answer in time"
    assert checks["owner"]["summary"] == "a daemon holds the locks and does not answer"
    assert f"pid {machine.pid} holds" in checks["owner"]["reason"] and "sidecar logs" in checks["owner"]["fix"]


def test_a_server_that_dies_fails_when_it_is_really_started(make_daemon: DaemonFactory, path: Path, short_tmp: Path) -> None:
    """With its last words, and which setting names it; without `--deep` a program of the user's own is not run."""
    words = ", ".join(json.dumps(word) for word in (sys.executable, str(BAD_SERVER), "--log", str(short_tmp / "log"), "--die-in-initialize", "9"))
    daemon = make_daemon(config=f"[servers.basedpyright]\ncommand = [{words}]\n", env={"PATH": str(path)})
    assert doctor(daemon)[1]["servers"]["state"] != "fail"
    assert not (short_tmp / "log").exists()
    code, checks = doctor(daemon, "--deep")
    assert (code, checks["servers"]["state"]) == (1, "fail")
    assert checks["servers"]["summary"] == f"basedpyright at {sys.executable} does not work"
    assert checks["servers"]["reason"].startswith("it ended during `initialize`")
    assert "servers.basedpyright.command" in checks["servers"]["fix"]


# Sandboxes


def test_a_sandbox_that_forbids_every_connection_is_told_with_the_way_out(machine: Daemon) -> None:
    """EPERM from seccomp, as Codex does it: one check fails, and names reader.sock; nothing else is guessed."""
    code, checks = doctor(machine, wrapper=(*SANDBOX, "seccomp"))
    assert (code, checks["sandbox"]["state"]) == (1, "fail")
    assert checks["sandbox"]["reason"] == f"{machine.socket}: Operation not permitted"
    assert "reader.sock" in checks["sandbox"]["fix"]
    assert [name for name, check in checks.items() if check["state"] == "fail"] == ["sandbox"]


def test_a_sandbox_that_leaves_the_readers_socket_open_is_told_to_use_it(machine: Daemon) -> None:
    """And the daemon is asked by that way."""
    machine.socket.chmod(0)
    code, checks = doctor(machine, wrapper=(*SANDBOX, "rights"))
    machine.socket.chmod(0o600)
    assert (code, checks["sandbox"]["state"]) == (0, "warn"), checks
    assert f"SIDECAR_SOCKET={machine.reader}" in checks["sandbox"]["fix"]
    assert checks["daemon"]["state"] == "ok"


AS_NOBODY = f"""
import os, sys
from sidecar.cli import entry
entry.main(["doctor", "--json"])  # imports everything: the interpreter itself may be in a folder that is closed to others
os.setgroups([]), os.setgid({OTHER_UID}), os.setuid({OTHER_UID})
sys.exit(entry.main(["doctor", "--json"]))
"""


def test_another_user_is_told_that_the_daemon_is_not_theirs(machine: Daemon) -> None:
    """A process of another uid, where we can have one; else a folder that is closed to us too."""
    if os.geteuid() == 0:
        machine.base.chmod(0o755)
        argv = [sys.executable, "-c", AS_NOBODY]
        done = subprocess.run(argv, cwd=PROJECT, env=machine.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        assert done.returncode == 1, done
        code, found = done.returncode, json.loads(done.stdout.splitlines()[-1])["checks"]
        checks = {check["id"]: check for check in found}
        assert checks["socket"]["state"] == "fail" and "belongs to user 0" in checks["socket"]["reason"]
    else:
        machine.runtime.chmod(0)
        code, checks = doctor(machine)
        machine.runtime.chmod(0o700)
    assert (code, checks["sandbox"]["state"]) == (1, "fail")
    assert checks["sandbox"]["reason"] == f"{machine.socket}: Permission denied"
