"""C1: the audit that guards every end-to-end test catches what it must, and the source has no blocking call to catch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.daemon import PROJECT, Daemon, DaemonFactory

# The command line and client have no loop; locks and start-up come before there is one; processes start in the spawn lane's threads (design 3.7).
_MAY_BLOCK = ("cli/", "client/", "doctor/", "bridges/", "daemon/locks.py", "daemon/startup.py", "engine/spawn.py", "engine/bare.py", "engine/adoption.py")
_FORBIDDEN = {
    "os.system", "os.popen", "os.fork", "os.posix_spawn", "subprocess.run", "subprocess.call", "subprocess.check_call",
    "subprocess.check_output", "subprocess.getoutput", "subprocess.Popen", "time.sleep", "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell", "socket.create_connection", "socket.getaddrinfo",
}  # fmt: skip


async def test_a_file_opened_on_the_loop_is_caught_with_its_stack(daemon: Daemon) -> None:
    """The audit names the call, its argument and the function that made it."""
    daemon.expected_audit.append("BLOCKING open .*constraints.txt")
    async with await daemon.connect() as client:
        await client.tool("block", {"name": str(PROJECT / "constraints.txt")})
    [record] = [record for record in daemon.audit_text().split("\n\n") if "constraints.txt" in record]
    assert "extra_tools.py" in record
    assert record.startswith("BLOCKING open")


async def test_an_unexpected_blocking_call_fails_the_test_that_made_it(make_daemon: DaemonFactory) -> None:
    """The fixture's own end reports what the audit recorded."""
    daemon = make_daemon().start()
    async with await daemon.connect() as client:
        await client.tool("block", {"name": str(PROJECT / "constraints.txt")})
    assert daemon.blocking_calls()
    daemon.expected_audit.append("constraints.txt")
    assert not daemon.blocking_calls()


def _called(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", sorted((PROJECT / "sidecar").rglob("*.py")), ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_module_of_the_daemon_calls_what_would_block_it(path: Path) -> None:
    """Only the modules named here may start or wait for processes, and they do it in threads."""
    name = str(path.relative_to(PROJECT / "sidecar"))
    assert name.startswith(_MAY_BLOCK) or not _called(path) & _FORBIDDEN
