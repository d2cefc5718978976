"""The table of checks: values in, findings out, and every trouble has a reason and a fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.doctor import checks
from sidecar.doctor.facts import Facts, Native
from sidecar.doctor.meeting import Meeting, Probe, Socket
from sidecar.doctor.outcome import State
from sidecar.doctor.programs import Program
from sidecar.doctor.settings import Configuration, Setting
from sidecar.doctor.storage import Disk, Folder, Lock
from sidecar.doctor.toolbox import Toolbox

SOCKET = "/run/user/1/sidecar/daemon.sock"
READER = "/run/user/1/sidecar/reader.sock"
THERE = Socket(SOCKET, Folder(SOCKET, 0o600, 1, is_socket=True))
STATUS: dict[str, Any] = {
    "pid": 42,
    "version": "1.2.3",
    "build": {"commit": "abc"},
    "startedAt": "2026-01-02T00:00:00+00:00",
    "loopLag": {"p999": 2.0, "max": 3.0, "worst": []},
    "openFiles": 60,
    "openFilesLimit": {"soft": 8192, "hard": 20_000},
    "servers": [{"name": "ty", "root": "/p", "running": True, "lastError": None}],
}
TOOLS = Toolbox(
    rg=Program("rg", "/bin/rg", "15.2.0", said="ripgrep 15.2.0 (rev abc)"),
    ast_grep=Program("ast-grep", "/bin/ast-grep", "0.51.1", said="ast-grep 0.51.1"),
    sg=Program("sg", "/bin/sg", "0.51.1", said="ast-grep 0.51.1"),
    servers=(Program("basedpyright", "/bin/basedpyright-langserver", "1.40.2"),),
)
HEALTHY = Facts(
    version="1.2.3",
    python=(3, 11, 7),
    system="Linux",
    uid=1,
    met=Meeting(THERE, daemon=STATUS, probe=Probe(25, 0.2, 1.0)),
    locks=(Lock("/state/owner.lock", True, 42, SOCKET), Lock("/run/user/1/sidecar/daemon.lock", True, 42, SOCKET)),
    state=Folder("/state", 0o700, 1, is_folder=True),
    stale_runs=(),
    native=Native("1.2.3", "abc"),
    supervisor="/bin/sidecar-supervisor",
    tools=TOOLS,
    open_files=(1024, 1_048_576),
    inotify={"max_user_watches": 524_288, "max_user_instances": 128},
    disk=Disk(10 << 30),
    config=Configuration(),
)
FREE = (Lock("/state/owner.lock", False), Lock("/x/daemon.lock", False))


def nobody(socket: Socket = THERE, **more: Any) -> dict[str, Any]:
    """No daemon runs."""
    return {"met": Meeting(socket, **more), "locks": FREE}


def running(**status: Any) -> dict[str, Any]:
    """A daemon that says this of itself."""
    return {"met": replace(HEALTHY.met, daemon=STATUS | status)}


def tools(**changes: Any) -> dict[str, Any]:
    """Other programs."""
    return {"tools": replace(TOOLS, **changes)}


def states(**changes: Any) -> dict[str, State]:
    """How each check comes out for a healthy machine with these changes; the worst of each id."""
    order = [State.OK, State.SKIP, State.WARN, State.FAIL]
    found: dict[str, State] = {}
    for check in checks.run(replace(HEALTHY, **changes)):
        found[check.id] = max(found.get(check.id, State.OK), check.state, key=order.index)
    return found


def test_nothing_is_wrong_with_a_healthy_machine() -> None:
    """Every check of the table is fine."""
    assert states() == dict.fromkeys(checks.CHECKS, State.OK)


def test_that_no_daemon_runs_is_no_trouble() -> None:
    """It starts when it is needed."""
    found = states(**nobody(Socket(SOCKET, Folder(SOCKET), refused="No such file or directory")))
    assert (found["socket"], found["owner"], found["daemon"], found["loopLag"]) == (State.OK, State.OK, State.SKIP, State.SKIP)


TROUBLES: list[tuple[str, State, dict[str, Any]]] = [
    ("python", State.FAIL, {"python": (3, 10, 1)}),
    ("python", State.WARN, {"system": "Darwin"}),
    ("native", State.FAIL, {"native": Native(error="cannot be imported")}),
    ("native", State.FAIL, {"native": Native("1.2.2", "abc")}),
    ("supervisor", State.FAIL, {"supervisor": ""}),
    ("config", State.FAIL, {"config": Configuration(problems=("config.toml:3: daemon.x: unknown key. Did you mean y?",))}),
    ("config", State.WARN, {"config": Configuration(notices=("SIDECAR_X is no setting",))}),
    ("config", State.WARN, {"config": Configuration(changed_at=2e9)}),
    ("socket", State.FAIL, nobody(Socket("", Folder(""), error="too long", hint="shorter"))),
    ("socket", State.FAIL, nobody(Socket(SOCKET, Folder(SOCKET, 0o755, 1, is_folder=True), refused="refused"))),
    ("socket", State.WARN, nobody(replace(THERE, refused="refused"))),
    ("sandbox", State.FAIL, nobody(replace(THERE, error="forbidden", by_system=True), denied="Operation not permitted")),
    ("sandbox", State.WARN, {"met": replace(HEALTHY.met, denied="Permission denied", reader=READER)}),
    ("owner", State.FAIL, {"met": Meeting(THERE)}),
    ("owner", State.FAIL, {"locks": (Lock("/state/owner.lock", False),)}),
    ("owner", State.FAIL, {"locks": (Lock("/state/owner.lock", True, 43, SOCKET),)}),
    ("owner", State.FAIL, {"met": Meeting(THERE), "locks": (Lock("/state/owner.lock", True, 43, "/elsewhere"),)}),
    ("daemon", State.WARN, running(version="1.2.2")),
    ("daemon", State.WARN, running(version="1.10.0")),
    ("daemon", State.WARN, running(build={"commit": "abd"})),
    ("loopLag", State.WARN, running(loopLag={"p999": 80.0, "max": 200.0, "worst": [{"ms": 200, "stack": "a\n in b"}]})),
    ("loopLag", State.WARN, {"met": replace(HEALTHY.met, probe=Probe(25, 90.0, 300.0))}),
    ("state", State.FAIL, {"state": Folder("/state", 0o700, 2, is_folder=True)}),
    ("state", State.FAIL, {"state": Folder("/state", 0o720, 1, is_folder=True)}),
    ("state", State.WARN, {"state": Folder("/state", 0o750, 1, is_folder=True)}),
    ("state", State.FAIL, {"state": Folder("/state", 0o600, 1)}),
    ("runs", State.WARN, nobody() | {"stale_runs": ("r1", "r2")}),
    ("rg", State.WARN, tools(rg=Program("rg"))),
    ("rg", State.WARN, tools(rg=Program("rg", "/bin/rg", error="ended with 127"))),
    ("rg", State.WARN, tools(rg=Program("rg", "/bin/rg", "9.0.0", said="ripgrep 9.0.0"))),
    ("rg", State.WARN, tools(rg=Program("rg", "/bin/rg", "99.0", said="rgrep 99.0"))),
    ("astGrep", State.WARN, tools(ast_grep=Program("ast-grep"))),
    ("astGrep", State.WARN, tools(ast_grep=Program("ast-grep", "/bin/ast-grep", "0.3.1", said="ast-grep 0.3.1"))),
    ("sg", State.WARN, tools(sg=Program("sg", "/bin/sg", error="ended with 1", said="Usage: sg group [[-c] command]"))),
    ("servers", State.FAIL, tools(servers=(Program("ty", "/bin/x", error="it ended during initialize", deep=True),))),
    ("servers", State.WARN, tools(servers=(Program("ty", "/bin/x", error="no such component"),))),
    ("servers", State.FAIL, tools(servers=(*TOOLS.servers, Program("ty", said="not found", chosen=True)))),
    ("openFiles", State.WARN, {"met": Meeting(THERE), "locks": FREE, "open_files": (256, 256)}),
    ("openFiles", State.WARN, running(openFilesLimit={"soft": 512, "hard": 512})),
    ("openFiles", State.WARN, running(openFiles=8000)),
    ("watches", State.WARN, {"inotify": {"max_user_watches": 8192, "max_user_instances": 128}}),
    ("watches", State.WARN, {"inotify": {"max_user_watches": 524_288, "max_user_instances": 8}}),
    ("disk", State.WARN, {"disk": Disk(100 << 20)}),
    ("disk", State.FAIL, {"disk": Disk(1 << 10)}),
    ("disk", State.FAIL, {"disk": Disk(10 << 30, "File too large")}),
]


@pytest.mark.parametrize(("name", "state", "changes"), TROUBLES)
def test_a_trouble_is_found_with_reason_and_fix(name: str, state: State, changes: dict[str, Any]) -> None:
    """A check that only says "bad" helps nobody (features H6)."""
    found = [check for check in checks.run(replace(HEALTHY, **changes)) if check.id == name and check.state is not State.OK]
    assert [check.state for check in found] == [state]
    assert found[0].summary and found[0].reason and found[0].fix


def test_every_check_has_a_trouble_in_the_table_above() -> None:
    """A new check comes with its test."""
    assert {name for name, _, _ in TROUBLES} == set(checks.CHECKS)


def test_what_a_system_gives_by_default_is_enough() -> None:
    """A fresh Linux has no warning about open files: the daemon raises its own soft limit; unlimited is fine too."""
    assert states(**nobody(), open_files=(256, 4096))["openFiles"] is State.OK
    assert states(**nobody(), open_files=(-1, -1))["openFiles"] is State.OK
    assert states(**running(openFilesLimit={"soft": None, "hard": None}))["openFiles"] is State.OK


def test_each_problem_of_the_configuration_is_a_line_of_its_own() -> None:
    """The user sees all of them at once."""
    found = checks.run(replace(HEALTHY, config=Configuration(problems=("a", "b"))))
    assert [check.reason for check in found if check.id == "config"] == ["a", "b"]


def test_each_setting_that_is_not_default_is_told_with_its_origin() -> None:
    """H7: where did that value come from?"""
    settings = (Setting("limits.clients", "7", "SIDECAR_LIMITS_CLIENTS"),)
    found = [check.summary for check in checks.run(replace(HEALTHY, config=Configuration(settings=settings))) if check.id == "config"]
    assert found == ["configuration is valid, 1 set", "limits.clients = 7  (SIDECAR_LIMITS_CLIENTS)"]


def test_an_old_daemon_is_told_from_a_newer_one() -> None:
    """The first needs a restart; the second is another installation's."""
    told = {version: next(one for one in checks.run(replace(HEALTHY, **running(version=version))) if one.id == "daemon") for version in ("1.2.2", "1.10.0")}
    assert "older" in told["1.2.2"].summary and "sidecar restart" in told["1.2.2"].fix
    assert "newer" in told["1.10.0"].summary and "Another installation" in told["1.10.0"].fix


def test_servers_that_nobody_installed_are_skipped_but_one_is_wanted() -> None:
    """A machine without Go is no trouble; one without any language server has no hover."""
    found = [check.state for check in checks.run(replace(HEALTHY, **tools(servers=(*TOOLS.servers, Program("gopls"))))) if check.id == "servers"]
    assert found == [State.OK, State.SKIP]
    found = [check.state for check in checks.run(replace(HEALTHY, **tools(servers=(Program("gopls"),)))) if check.id == "servers"]
    assert found == [State.SKIP, State.WARN]


def test_a_server_that_the_running_daemon_cannot_keep_alive_is_told() -> None:
    """With what it said last: the installation alone looks fine."""
    dead = {"name": "ty", "root": "/p", "running": False, "lastError": "ty ended with 1", "stderr": "a\nno licence\n"}
    told = checks.run(replace(HEALTHY, **running(servers=[dead])))[-1]
    assert (told.id, told.state, told.reason) == ("servers", State.WARN, "ty ended with 1; it said: no licence")


def test_in_a_sandbox_one_check_fails_and_not_all_of_them() -> None:
    """What cannot be seen from there is skipped, not guessed."""
    found = states(**nobody(replace(THERE, error="forbidden", by_system=True), denied="Operation not permitted") | {"locks": HEALTHY.locks})
    assert [name for name, state in found.items() if state is State.FAIL] == ["sandbox"]
