"""The machine-readable description and the daemon agree."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.daemon import PROJECT, Daemon, Refused

DESCRIPTION = json.loads((PROJECT / "docs" / "protocol.json").read_text())


def refusal(daemon: Daemon, method: str) -> Refused | None:
    """What the daemon says to params of the wrong type; None if the method looks at none."""
    try:
        daemon.call(method, [1])
    except Refused as refused:
        return refused
    return None


@pytest.mark.parametrize("check", ["protocol.py", "notices.py", "features.py"])
def test_generated_documents_are_current(check: str) -> None:
    """What docs/ and the notices say follows from the code and the lock file as they are now."""
    done = subprocess.run([sys.executable, f".ci/{check}", "--check"], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_every_described_method_is_served(daemon: Daemon) -> None:
    """No method of docs/protocol.json is unknown to the daemon: each answers, or says that params of the wrong type are wrong."""
    refusals = [refused for name in DESCRIPTION["methods"] if (refused := refusal(daemon, name))]
    assert {refused.code for refused in refusals} == {-32602}


def test_every_described_tool_is_listed_as_it_is_described(daemon: Daemon) -> None:
    """`sidecar/tools/list` and docs/protocol.json say the same of every tool of the shipped catalog."""
    listed = {tool["name"]: tool for tool in daemon.call("sidecar/tools/list")["tools"]}
    assert {name: listed.get(name) for name in DESCRIPTION["tools"]} == DESCRIPTION["tools"]
