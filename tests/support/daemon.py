"""One real daemon process for tests: its own socket, state and home folder, its own mark; and the checks that nothing of it is left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support import audit, processes
from tests.support.clients import Client, LspClient, Message, Refused, result_of
from tests.support.waiting import PATIENCE_S, eventually_sync

PROJECT = Path(__file__).resolve().parents[2]
# What no healthy daemon writes to its log.
_TROUBLE = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|never retrieved|never awaited|was destroyed but|ResourceWarning|RuntimeWarning|panicked")


class Daemon:
    """A daemon process of one test.

    Args:
        config: the user's `config.toml`.
        env: further environment variables.
        argv: what to start in place of the test entry point.
        wrapper: words before the command, e.g. `prlimit --nofile=64`.

    Attributes:
        base: folder under /tmp that holds everything of this daemon.
        socket, reader, state, home: where things are.
        expected: regular expressions of log lines that this test provokes on purpose.
        expected_audit: the same for the audit's records.
    """

    def __init__(self, *, config: str = "", env: dict[str, str] | None = None, argv: Sequence[str] | None = None, wrapper: Sequence[str] = ()) -> None:
        # Short: a socket path may have 95 bytes (protocol.md).
        self.base = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))
        self.mark = uuid.uuid4().hex
        self.runtime = self._folder("r")
        self.state = self._folder("s")
        self.home = self._folder("h")
        self.socket = self.runtime / "daemon.sock"
        self.reader = self.runtime / "reader.sock"
        self.expected: list[str] = []
        self.expected_audit: list[str] = []
        self.expect_exit_code = 0
        self.argv = list(argv or [sys.executable, "-m", "tests.support.daemon_main"])
        self.wrapper = list(wrapper)
        self.env = self._environment() | (env or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._started = False
        self.idle: dict[str, int] = {}
        self.write_config(config)

    def _folder(self, name: str) -> Path:
        path = self.base / name
        path.mkdir(mode=0o700)
        return path

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ}
        own = {name: str(self._folder(name)) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")}
        named = {
            "HOME": str(self.home),
            "SIDECAR_SOCKET": str(self.socket),
            "SIDECAR_STATE_DIR": str(self.state),
            "SIDECAR_NO_AUTOSTART": "1",
            processes.MARK: self.mark,
            audit.LOG_VARIABLE: str(self.base / "audit.log"),
            "PYTHONPATH": str(PROJECT),
            "PYTHONWARNINGS": "default",
        }
        return kept | own | named

    def write_config(self, text: str) -> None:
        """Write the user's configuration; it counts from the next start."""
        folder = Path(self.env["XDG_CONFIG_HOME"], "sidecar")
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(text)

    # Life

    @property
    def pid(self) -> int:
        """Process id of the running daemon."""
        assert self.process is not None, "the daemon was not started"
        return self.process.pid

    def start(self) -> Daemon:
        """Start it and wait until it answers a hello."""
        self.spawn()
        eventually_sync(self._answers, what=f"the daemon answers; its log:\n{self.log_text()}")
        self.idle = eventually_sync(self.held_when_idle, what="the first connections have gone")
        self._started = True
        return self

    def spawn(self) -> None:
        """Start it without waiting for anything."""
        with open(self.base / "stderr.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, *self.argv], cwd=PROJECT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended at once with {self.process.returncode}; its log:\n{self.log_text()}")
        try:
            self.call("sidecar/status")
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except Refused as refused:
            raise AssertionError(f"no status: {refused}; its log:\n{self.log_text()}") from refused
        return True

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until the process has ended; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon does not end; its log:\n{self.log_text()}") from None

    def stop(self) -> int:
        """Ask it to leave by SIGTERM and wait; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_exit()

    def kill9(self) -> None:
        """Kill it without a chance to clean up. The next `start` is its successor on the same folders."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def restart(self) -> Daemon:
        """Stop, then start on the same folders."""
        self.stop()
        return self.start()

    # Talking to it

    def call(self, method: str, params: Any = None, timeout_s: float = PATIENCE_S) -> Any:
        """One request on a connection of its own, blocking; its result.

        Raises:
            Refused: the answer is an error.
        """
        with self._session(timeout_s) as ask:
            return ask(method, params)

    @contextlib.contextmanager
    def _session(self, timeout_s: float = PATIENCE_S) -> Iterator[Callable[[str, Any], Any]]:
        """A blocking connection, as a function from method and params to result."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(self.socket))
            with connection.makefile("rb") as lines:

                def ask(method: str, params: Any) -> Any:
                    connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode() + b"\n")
                    for line in lines:
                        message = json.loads(line)
                        if message.get("id") == 1 and "method" not in message:
                            return result_of(message)
                    raise ConnectionResetError(f"no answer to {method}")

                yield ask

    async def connect(self, path: Path | None = None) -> Client:
        """A newline-JSON client."""
        return await Client.open(path or self.socket)

    async def connect_lsp(self, path: Path | None = None) -> LspClient:
        """An LSP client, not initialized yet."""
        client = await LspClient.open(path or self.socket)
        assert isinstance(client, LspClient)
        return client

    def status(self) -> Message:
        """`sidecar/status`."""
        found: Message = self.call("sidecar/status")
        return found

    def lane(self, name: str) -> Message:
        """One lane of `sidecar/status`."""
        return next(lane for lane in self.status()["lanes"] if lane["name"] == name)

    def processes(self) -> dict[int, str]:
        """Living processes of this daemon, itself included: pid to command line."""
        return processes.marked(self.mark)

    # Looking at what it left

    def log_text(self) -> str:
        """Everything it wrote: its standard output and error, and its log files."""
        files = [self.base / "stderr.log", *sorted(self.state.rglob("*.log"))]
        return "\n".join(path.read_text("utf-8", "replace") for path in files if path.exists())

    def audit_text(self) -> str:
        """What the audit recorded."""
        path = Path(self.env[audit.LOG_VARIABLE])
        return path.read_text() if path.exists() else ""

    def check_idle(self) -> None:
        """Nothing of the clients that have left is left: no connection, no call, no busy native thread, no descriptor of theirs."""
        eventually_sync(self._is_idle, what=f"the daemon is idle as before {self.idle}, not {self.held_when_idle()}: {self.status()}")

    def _is_idle(self) -> bool:
        held = self.held_when_idle()
        return bool(held) and all(count <= self.idle.get(kind, 0) for kind, count in held.items() if kind in ("socket", "pipe", "pidfd"))

    def held_when_idle(self) -> dict[str, int]:
        """How many descriptors of each kind it has while one connection, ours, is open and nothing runs; empty if that is not so now."""
        with self._session() as ask:
            status = ask("sidecar/status", None)
            busy = [lane for lane in status["lanes"] if lane["running"] or lane["queued"]]
            if busy or len(status["clients"]) > 1 or status["native"].get("activeSearches"):
                return {}
            # A language server that stays has three pipes, its supervisor's control socket and a pidfd.
            own = {"pipe": 3, "socket": 1, "pidfd": 1}
            return {kind: count - own.get(kind, 0) * status["processes"]["count"] for kind, count in processes.descriptor_kinds(self.pid).items()}

    def finish(self) -> None:
        """Stop it if it runs, and check that nothing is left: process, socket file, trouble in the log, blocking call."""
        try:
            self._check_end()
        finally:
            self._kill_rest()
            shutil.rmtree(self.base, ignore_errors=True)

    def _check_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            if self._started:
                self.check_idle()
            code = self.stop()
            assert code == self.expect_exit_code, f"exit code {code}; its log:\n{self.log_text()}"
        eventually_sync(lambda: not self.processes(), 10, f"no process is left: {self.processes()}")
        assert not self.sockets_left(), "socket files are left"
        assert not (trouble := self.trouble()), "\n".join(trouble) + f"\n\nlog:\n{self.log_text()}"
        assert not (calls := self.blocking_calls()), "blocking calls on the loop:\n" + "\n\n".join(calls)

    def sockets_left(self) -> list[Path]:
        """Socket files in the runtime folder."""
        return [path for path in self.runtime.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)] if self.runtime.exists() else []

    def trouble(self) -> list[str]:
        """Lines of the log that no healthy daemon writes, but for those that the test expects."""
        return [line for line in self.log_text().splitlines() if _TROUBLE.search(line) and not _any(self.expected, line)]

    def blocking_calls(self) -> list[str]:
        """Records of the audit, but for those that the test expects."""
        return [record for record in self.audit_text().split("\n\n") if record.strip() and not _any(self.expected_audit, record)]

    def _kill_rest(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)


DaemonFactory = Callable[..., Daemon]

__all__ = ["Daemon", "DaemonFactory", "Refused"]
