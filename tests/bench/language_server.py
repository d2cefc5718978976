"""A language server asked directly, over its own pipes and with nothing of ours between: what a hover costs anyhow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

COMMAND = [str(Path(sys.executable).parent / "basedpyright-langserver"), "--stdio"]


class Direct:
    """One language server of our own, with one open document."""

    def __init__(self, root: Path, path: str) -> None:
        self._root, self._uri = root.as_uri(), (root / path).as_uri()
        self._text = (root / path).read_text()
        self._number = 0

    def __enter__(self) -> Direct:
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/")
        folders = [{"uri": self._root, "name": "root"}]
        self.ask("initialize", {"processId": None, "rootUri": self._root, "capabilities": {}, "workspaceFolders": folders})
        self._send({"method": "initialized", "params": {}})
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": self._text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ask("shutdown", None)
        self._send({"method": "exit"})
        self._process.communicate(timeout=10)

    def hover(self, line: int, character: int) -> float:
        """Seconds of one hover."""
        started = time.perf_counter()
        self.ask("textDocument/hover", {"textDocument": {"uri": self._uri}, "position": {"line": line, "character": character}})
        return time.perf_counter() - started

    def ask(self, method: str, params: Any) -> Any:
        """Ask and wait; what the server asks meanwhile is answered with nothing."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                return message.get("result")
            if "id" in message and "method" in message:
                items = message.get("params", {}).get("items", []) if message["method"] == "workspace/configuration" else None
                self._send({"id": message["id"], "result": None if items is None else [{} for _ in items]})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        length = 0
        while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message
