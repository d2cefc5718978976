"""The table of checks: values in, findings out, and every trouble has a reason and a fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.doctor import checks
from sidecar.doctor.facts import Facts, Folder, Lock, Native, Socket
from sidecar.doctor.outcome import State
from sidecar.doctor.programs import Program

SOCKET = "/run/user/1/sidecar/daemon.sock"
HEALTHY = Facts(
    version="1.2.3",
    python=(3, 11, 7),
    system="Linux",
    uid=1,
    socket=Socket(SOCKET, Folder(SOCKET, 0o600, 1, is_socket=True)),
    locks=(Lock("/state/owner.lock", True, 42, SOCKET), Lock("/run/user/1/sidecar/daemon.lock", True, 42, SOCKET)),
    state=Folder("/state", 0o700, 1, is_folder=True),
    stale_runs=(),
    native=Native("1.2.3", "abc"),
    supervisor="/bin/sidecar-supervisor",
    rg=Program("rg", "/bin/rg", "15.2.0"),
    servers=(Program("basedpyright", "/bin/basedpyright-langserver"),),
    open_files=(1024, 1_048_576),
    inotify_watches=524_288,
    free_bytes=10 << 30,
    config_problems=(),
    config_notices=(),
    daemon={"pid": 42, "version": "1.2.3", "build": {"commit": "abc"}, "loopLag": {"p999": 2.0, "max": 3.0, "worst": []}},
)
NOBODY = {"daemon": None, "locks": (Lock("/state/owner.lock", False), Lock("/x/daemon.lock", False))}


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
    found = states(**NOBODY, socket=Socket(SOCKET, Folder(SOCKET), refused="No such file or directory"))
    assert (found["socket"], found["owner"], found["daemon"], found["loopLag"]) == (State.OK, State.OK, State.SKIP, State.SKIP)


TROUBLES: list[tuple[str, State, dict[str, Any]]] = [
    ("python", State.FAIL, {"python": (3, 10, 1)}),
    ("python", State.WARN, {"system": "Darwin"}),
    ("native", State.FAIL, {"native": Native(error="cannot be imported")}),
    ("native", State.FAIL, {"native": Native("1.2.2", "abc")}),
    ("supervisor", State.FAIL, {"supervisor": ""}),
    ("config", State.FAIL, {"config_problems": ("config.toml:3: daemon.x: unknown key. Did you mean y?",)}),
    ("config", State.WARN, {"config_notices": ("SIDECAR_X is no setting",)}),
    ("socket", State.FAIL, {"daemon": None, "socket": Socket("", Folder(""), error="too long", hint="shorter")}),
    ("socket", State.FAIL, {"daemon": None, "socket": Socket(SOCKET, Folder(SOCKET, 0o755, 1, is_folder=True), refused="refused")}),
    ("socket", State.WARN, {**NOBODY, "socket": Socket(SOCKET, Folder(SOCKET, 0o600, 1, is_socket=True), refused="refused")}),
    ("owner", State.FAIL, {"daemon": None}),
    ("owner", State.FAIL, {"locks": (Lock("/state/owner.lock", False),)}),
    ("owner", State.FAIL, {"locks": (Lock("/state/owner.lock", True, 43, SOCKET),)}),
    ("daemon", State.WARN, {"daemon": {"pid": 42, "version": "1.2.2"}}),
    ("daemon", State.WARN, {"daemon": {"pid": 42, "version": "1.2.3", "build": {"commit": "abd"}}}),
    ("loopLag", State.WARN, {"daemon": {"pid": 42, "version": "1.2.3", "loopLag": {"p999": 80.0, "max": 200.0, "worst": [{"ms": 200, "stack": "a\n in b"}]}}}),
    ("state", State.FAIL, {"state": Folder("/state", 0o700, 2, is_folder=True)}),
    ("state", State.FAIL, {"state": Folder("/state", 0o720, 1, is_folder=True)}),
    ("state", State.WARN, {"state": Folder("/state", 0o750, 1, is_folder=True)}),
    ("state", State.FAIL, {"state": Folder("/state", 0o600, 1)}),
    ("runs", State.WARN, {**NOBODY, "stale_runs": ("r1", "r2")}),
    ("rg", State.WARN, {"rg": Program("rg")}),
    ("rg", State.WARN, {"rg": Program("rg", "/bin/rg", error="ended with 127")}),
    ("servers", State.WARN, {"servers": (Program("basedpyright", hint="pip install basedpyright"),)}),
    ("servers", State.FAIL, {"servers": (Program("basedpyright", "/bin/x", error="it ended during initialize", deep=True),)}),
    ("openFiles", State.WARN, {"open_files": (256, 256)}),
    ("watches", State.WARN, {"inotify_watches": 8192}),
    ("disk", State.WARN, {"free_bytes": 1 << 20}),
]


@pytest.mark.parametrize(("name", "state", "changes"), TROUBLES)
def test_a_trouble_is_found_with_reason_and_fix(name: str, state: State, changes: dict[str, Any]) -> None:
    """A check that only says "bad" helps nobody (features H6)."""
    found = [check for check in checks.run(replace(HEALTHY, **changes)) if check.id == name]
    assert [check.state for check in found] == [state]
    assert found[0].summary and found[0].reason and found[0].fix


def test_every_check_has_a_trouble_in_the_table_above() -> None:
    """A new check comes with its test."""
    assert {name for name, _, _ in TROUBLES} == set(checks.CHECKS)


def test_what_a_system_gives_by_default_is_enough() -> None:
    """A fresh Linux has no warning about open files; unlimited is fine too."""
    assert states(open_files=(1024, 4096))["openFiles"] is State.OK
    assert states(open_files=(-1, -1))["openFiles"] is State.OK


def test_each_problem_of_the_configuration_is_a_line_of_its_own() -> None:
    """The user sees all of them at once."""
    found = checks.run(replace(HEALTHY, config_problems=("a", "b")))
    assert [check.reason for check in found if check.id == "config"] == ["a", "b"]
