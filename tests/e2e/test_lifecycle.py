"""The real daemon's life: started by racing clients, killed, stopped, idle, robbed of its folder, and badly configured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sidecar.client import ndjson
from tests.support import processes
from tests.support.clients import Refused
from tests.support.daemon import PROJECT, Daemon, DaemonFactory
from tests.support.place import answers, stale_socket
from tests.support.waiting import PATIENCE_S, eventually, eventually_sync

# A client as cheap as can be (no site-packages, no environment for Python itself) that starts the real daemon if none runs.
CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from sidecar.client import ndjson
sys.stdin.read()
with ndjson.connect() as client:
    print(client.request("sidecar/hello")["pid"])
"""


@pytest.fixture
def place(make_daemon: DaemonFactory) -> Iterator[Daemon]:
    """The folders of a daemon that nobody has started; clients may. What they started is ended, and checked like any other."""
    place = make_daemon()
    del place.env["SIDECAR_NO_AUTOSTART"]
    yield place
    sidecar(place, "stop", "--now")
    eventually_sync(lambda: not place.processes(), 15, "the daemon that a client started has ended")


def sidecar(place: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    """One command line of the real client."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "sidecar", *words],
        cwd=place.base,
        env=place.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def client_process(place: Daemon, stdin: int) -> subprocess.Popen[bytes]:
    """One cheap client that waits until `stdin` ends."""
    command = [sys.executable, "-S", "-E", "-c", CLIENT, str(PROJECT)]
    return subprocess.Popen(command, env=place.env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def daemons(place: Daemon) -> list[int]:
    """Living daemons of a place."""
    return [pid for pid, line in place.processes().items() if line.endswith("sidecar run")]


@pytest.mark.timeout(240)
def test_a_hundred_racing_starters_leave_one_daemon_and_get_a_hundred_answers(place: Daemon) -> None:
    """On a stale socket, as after a crash (features H1, field-notes 1.4)."""
    stale_socket(place.socket)
    gate, opened = os.pipe()
    starters = [client_process(place, gate) for _ in range(100)]
    os.close(gate)
    os.close(opened)  # all of them go now
    ends = [starter.communicate(timeout=200) for starter in starters]
    assert [err.decode() for _, err in ends if err] == []
    assert {int(out) for out, _ in ends} == set(daemons(place))
    assert len(daemons(place)) == 1


def test_a_command_starts_the_daemon_and_the_next_one_uses_it(place: Daemon) -> None:
    """`sidecar start --json` prints its socket."""
    first, second = (json.loads(sidecar(place, "start", "--json").stdout) for _ in range(2))
    assert first["pid"] == second["pid"] == daemons(place)[0]
    assert first["socket"] == str(place.socket) and answers(place.reader)


def test_after_kill_9_the_next_command_is_served_and_nothing_is_left(daemon: Daemon) -> None:
    """The state goes on under the same journal id; the dead one's sockets are replaced."""
    before = daemon.call("sidecar/hello")
    daemon.kill9()
    assert len(daemon.sockets_left()) == 2
    daemon.start()
    after = daemon.call("sidecar/hello")
    assert (after["pid"] == before["pid"], after["daemonId"] == before["daemonId"]) == (False, False)
    assert uuid.UUID(after["journalId"]) == uuid.UUID(before["journalId"])
    assert sorted(path.name for path in daemon.sockets_left()) == ["daemon.sock", "reader.sock"]


def test_a_live_socket_is_not_stolen_by_a_second_start(daemon: Daemon) -> None:
    """The second daemon finds the first one serving, says so by ending well, and changes nothing."""
    inode = daemon.socket.stat().st_ino
    second = subprocess.run(daemon.argv, cwd=PROJECT, env=daemon.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S)
    assert second.returncode == 0, second.stderr
    assert f"pid {daemon.pid}".encode() in second.stdout
    assert daemon.socket.stat().st_ino == inode and daemon.call("sidecar/hello")["pid"] == daemon.pid


def test_a_second_daemon_on_the_same_state_names_the_owner(daemon: Daemon, short_tmp: Path) -> None:
    """Another socket, the same journal: refused at once, with the owner's pid and socket."""
    env = daemon.env | {"SIDECAR_SOCKET": str(short_tmp / "daemon.sock")}
    second = subprocess.run(daemon.argv, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    assert second.returncode == 2
    assert f"pid {daemon.pid}" in second.stderr and str(daemon.socket) in second.stderr
    assert not (short_tmp / "daemon.sock").exists()


def test_a_daemon_whose_state_was_taken_away_leaves(daemon: Daemon) -> None:
    """Without its lock another daemon could own the state too; the next start makes everything anew."""
    (daemon.state / "owner.lock").unlink()
    eventually_sync(lambda: daemon.process.poll() is not None, what="the daemon has left")
    daemon.start()
    assert (daemon.state / "owner.lock").exists() and daemon.call("sidecar/ping") == {}


async def test_a_removed_runtime_folder_comes_back(daemon: Daemon) -> None:
    """The living daemon is reachable again at its path, without one blocking call on its loop; old connections go on."""
    daemon.expected.append("published .* again")
    async with await daemon.connect() as before:
        shutil.rmtree(daemon.runtime)
        await eventually(lambda: answers(daemon.socket) and answers(daemon.reader), what="the sockets are back")
        async with await daemon.connect() as after:
            assert (await after.call("sidecar/hello"))["pid"] == (await before.call("sidecar/hello"))["pid"] == daemon.pid


async def test_a_stop_removes_the_socket_before_it_is_answered_and_lets_requests_end(daemon: Daemon) -> None:
    """New requests are refused as `shuttingDown`, running ones get their answer, then the daemon is gone (features H5)."""
    async with await daemon.connect() as client, await daemon.connect() as other:
        held = other.request("sidecar/tools/call", {"tool": "hold", "args": {"name": "g"}, "partialResultToken": 1})
        await eventually(lambda: other.notifications, what="the call runs")
        await client.call("sidecar/stop", {"mode": "drain"})
        assert daemon.sockets_left() == []
        with pytest.raises(Refused) as refused:
            await client.tool("noop", {})
        assert refused.value.kind == "shuttingDown"
        assert not held.done()
        await client.call("sidecar/stop", {"mode": "now"})
        assert "result" in await held or "error" in await held
    assert daemon.wait_exit() == 0


def test_an_idle_daemon_never_fails_an_arriving_client(place: Daemon) -> None:
    """Three streams of clients against a daemon that leaves whenever it is alone: each is served, by it or by the next one."""
    place.write_config("[daemon]\nidle_exit_s = 0.005\n")
    served: list[int] = []
    failed: list[str] = []

    def come_and_go() -> None:
        for _ in range(8):
            client = client_process(place, subprocess.DEVNULL)
            out, err = client.communicate(timeout=60)
            if client.returncode:
                failed.append(err.decode())
            else:
                served.append(int(out))

    with ThreadPoolExecutor(3) as streams:
        for stream in [streams.submit(come_and_go) for _ in range(3)]:
            stream.result(200)
    assert failed == [] and len(served) == 24
    assert len(set(served)) > 1, "no daemon left in between: the race was not run"
    eventually_sync(lambda: not place.processes(), 15, "the last one leaves too")


@pytest.mark.parametrize(("section", "said"), [("[daemon]\nno_such_key = 1\n", "no_such_key"), ("[daemon\n", "config.toml")])
def test_an_error_in_the_configuration_reaches_who_starts_the_daemon(place: Daemon, section: str, said: str) -> None:
    """Not a silent wait: the message, the hint, exit code 2 (field-notes 4.4)."""
    place.write_config(section)
    result = sidecar(place, "start")
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr and len(result.stderr.splitlines()) >= 2
    eventually_sync(lambda: not place.processes(), 15, "nothing runs")


def change(place: Daemon, what: str) -> dict[str, Any]:
    """Make a place unusable; the environment of who tries all the same."""
    if what == "folder":
        place.socket.mkdir()
    elif what == "open":
        place.runtime.chmod(0o777)
    elif what == "symlink":
        place.runtime.rmdir()
        place.runtime.symlink_to(place.home)
    elif what == "foreign":
        os.chown(place.runtime, 65534, 65534) if os.getuid() == 0 else place.runtime.chmod(0o701)
    return {"SIDECAR_SOCKET": str(place.runtime / ("x" * 90))} if what == "long" else {}


@pytest.mark.parametrize(
    ("what", "said"),
    [("folder", "is a folder"), ("open", "chmod 700"), ("symlink", "symlink"), ("long", "95"), ("foreign", "SIDECAR_SOCKET")],
)
def test_an_unusable_socket_path_is_explained_with_its_fix(place: Daemon, what: str, said: str) -> None:
    """By the client already, or by the daemon through the start-up pipe; nothing runs afterwards."""
    place.env |= change(place, what)
    result = sidecar(place, "start")
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    eventually_sync(lambda: not place.processes(), 15, "nothing runs")


async def test_a_client_over_the_bound_is_told_and_the_others_are_served_on(make_daemon: DaemonFactory) -> None:
    """One -32001 without an id, then the end."""
    daemon = make_daemon(config="[limits]\nclients = 3\n").start()
    async with await daemon.connect() as one, await daemon.connect() as two, await daemon.connect() as three:
        for client in (one, two, three):
            await client.call("sidecar/ping")
        async with await daemon.connect() as refused:
            await eventually(refused.ended.is_set)
            assert refused.orphans[0]["error"]["code"] == -32001
        assert await one.call("sidecar/ping") == {}


def test_status_through_the_client_alone_imports_next_to_nothing(daemon: Daemon) -> None:
    """A client of the standard library: no asyncio, argparse, subprocess, typing, logging or dataclasses (design 2)."""
    script = "import sys\nfrom sidecar.client import ndjson\nndjson.connect().request('sidecar/status')\nprint(*sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-S", "-c", script], env=daemon.env, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    heavy = {"asyncio", "argparse", "subprocess", "typing", "logging", "dataclasses", "inspect", "msgspec", "uvloop"}
    assert not heavy & set(found.stdout.split())


def test_a_daemon_does_not_keep_its_starters_descriptors_or_folder(place: Daemon) -> None:
    """Nor is it the starter's child (field-notes 4.6)."""
    with ndjson.connect(env=place.env) as client:
        pid = client.hello["pid"]
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert not [target for target in processes.descriptors(pid) if target.startswith("pipe:") and target in own_pipes()]


def own_pipes() -> set[str]:
    """Pipes that this test process has open."""
    return {target for target in processes.descriptors(os.getpid()) if target.startswith("pipe:")}
