"""A real language-server process that can be told to be bad. Standard library only; shares no code with the daemon.

A hover is answered with a JSON object as its contents: {word, text, version, hovers, open}; `word` is what stands at the asked
position by the server's own count, and the range is that word's, in the server's own encoding. Every message that arrives is
written to the log, one JSON object a line, and so is every breach of the protocol (`{"breach": ...}`) and every start.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
ASKED = (
    ("client/registerCapability", {"registrations": [{"id": "1", "method": "textDocument/hover"}]}),
    ("client/unregisterCapability", {"unregisterations": [{"id": "2", "method": "textDocument/rename"}]}),
    ("workspace/configuration", {"items": [{"section": "bad.known"}, {"section": "no.such"}, {}]}),
    ("window/workDoneProgress/create", {"token": "t"}),
    ("window/showMessageRequest", {"type": 1, "message": "?", "actions": [{"title": "yes"}]}),
    ("window/showDocument", {"uri": "file:///etc/passwd"}),
    ("workspace/applyEdit", {"edit": {"changes": {}}}),
    ("workspace/workspaceFolders", None),
    ("workspace/semanticTokens/refresh", None),
    ("no/suchRequest", {"x": 1}),
)


def options() -> argparse.Namespace:
    """What it is told to be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--encoding", choices=CODECS, default=None, help="announced; without it nothing is announced and utf-16 holds")
    parser.add_argument("--die-in-initialize", type=int, default=0, metavar="N", help="in the first N starts")
    parser.add_argument("--hang-in-initialize", action="store_true")
    parser.add_argument("--refuse-initialize", action="store_true")
    parser.add_argument("--hang", action="store_true", help="no hover is ever answered")
    parser.add_argument("--gate", type=Path, help="hovers are answered when this file is there")
    parser.add_argument("--start-gate", type=Path, help="initialize is answered when this file is there")
    parser.add_argument("--crash-on", type=int, default=0, metavar="N", help="die at the Nth hover of each life")
    parser.add_argument("--answer", choices=("echo", "null", "twice", "late", "legacy", "error", "wrong"), default="echo")
    parser.add_argument("--modified", type=int, default=0, metavar="N", help="the first N hovers: ContentModified")
    parser.add_argument("--index", type=Path, help="reports progress, and answers null, until this file is there")
    parser.add_argument("--flood", type=int, default=0, metavar="BYTES", help="to stderr, at each hover")
    parser.add_argument("--huge", type=int, default=0, metavar="BYTES", help="of padding in each hover")
    parser.add_argument("--asks", action="store_true", help="asks the client everything there is to ask")
    parser.add_argument("--bare-null", action="store_true", help="sends messages that are just null")
    parser.add_argument("--garbage", action="store_true", help="prints a line that is no message at the first hover")
    parser.add_argument("--no-hover", action="store_true", help="does not announce hovers")
    parser.add_argument("--eat", type=int, default=0, metavar="BYTES", help="of memory, kept from the first hover on")
    parser.add_argument("--status", type=Path, help="rust-analyzer's dialect: reading until this file is there, answers null before")
    parser.add_argument("--health", default="ok", help="what that dialect says of it in the end")
    parser.add_argument("--stubborn", action="store_true", help="ignores TERM and exit, and has a child that does so too")
    return parser.parse_args()


class Server:
    """One conversation over standard input and output."""

    def __init__(self, told: argparse.Namespace) -> None:
        self.told = told
        self.texts: dict[str, tuple[int, str]] = {}
        self.hovers = 0
        self.eaten = b""
        self._writing = threading.Lock()
        self._asked = 100
        self._held: list[Any] = []
        self.log({"start": os.getpid(), "env": {name: os.environ.get(name) for name in ("PATH", "HOME", "VIRTUAL_ENV", "SECRET")}, "cwd": os.getcwd()})

    def log(self, entry: dict[str, Any]) -> None:
        """One line."""
        with open(self.told.log, "a") as file:
            file.write(json.dumps(entry) + "\n")

    def starts(self) -> int:
        """Which start this is, from 1."""
        return sum(line.startswith('{"start"') for line in self.told.log.read_text().splitlines())

    def send(self, message: Any) -> None:
        """One message."""
        body = json.dumps(message).encode()
        with self._writing:
            sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            sys.stdout.buffer.flush()

    def reply(self, id: Any, result: Any) -> None:
        """A response."""
        self.send({"jsonrpc": "2.0", "id": id, "result": result})

    def fail(self, id: Any, code: int, message: str) -> None:
        """An error response."""
        self.send({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})

    def run(self) -> None:
        """Until the end of input."""
        while (message := self.read()) is not None:
            self.log({name: _short(message[name]) for name in ("id", "method", "params", "result", "error") if name in message})
            handle = getattr(self, "on_" + message.get("method", "reply").replace("/", "_").replace("$", ""), None)
            if handle is not None:
                handle(message)

    def read(self) -> Any:
        """The next message, or None."""
        length = 0
        while (line := sys.stdin.buffer.readline()) not in (b"\r\n", b""):
            length = int(line.partition(b":")[2])
        return json.loads(sys.stdin.buffer.read(length)) if line else None

    def on_initialize(self, message: Any) -> None:
        """The greeting."""
        told = self.told
        if told.stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            subprocess.Popen([sys.executable, "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"], start_new_session=True)
        if self.starts() <= told.die_in_initialize:
            print("bad_server: I die now", file=sys.stderr, flush=True)
            os._exit(3)
        if told.hang_in_initialize:
            return
        if told.refuse_initialize:
            self.fail(message["id"], -32603, "I will not")
            return
        _wait_for(told.start_gate)
        capabilities: dict[str, Any] = {} if told.no_hover else {"hoverProvider": True}
        if told.encoding:
            capabilities["positionEncoding"] = told.encoding
        self.reply(message["id"], {"capabilities": capabilities, "serverInfo": {"name": "bad", "version": "0.1"}})

    def on_initialized(self, message: Any) -> None:
        """What it has to say of itself."""
        if self.told.asks:
            for method, params in ASKED:
                self._asked += 1
                self.send({"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params})
        if self.told.bare_null:
            self.send(None)
            self.send([])
            self.send({"jsonrpc": "2.0", "id": None, "result": None})
        if self.told.status:
            self.status("ok", quiescent=False)
            threading.Thread(target=self._status, daemon=True).start()
        if self.told.index:
            self.progress("begin")
            threading.Thread(target=self._index, daemon=True).start()

    def progress(self, kind: str) -> None:
        """`$/progress`."""
        self.send({"jsonrpc": "2.0", "method": "$/progress", "params": {"token": "index", "value": {"kind": kind, "title": "reading"}}})

    def _index(self) -> None:
        _wait_for(self.told.index)
        self.progress("end")

    def status(self, health: str, *, quiescent: bool) -> None:
        """`experimental/serverStatus`."""
        self.send({"jsonrpc": "2.0", "method": "experimental/serverStatus", "params": {"health": health, "quiescent": quiescent, "message": None}})

    def _status(self) -> None:
        _wait_for(self.told.status)
        self.status(self.told.health, quiescent=True)

    def on_shutdown(self, message: Any) -> None:
        """Answered."""
        self.reply(message["id"], None)

    def on_exit(self, message: Any) -> None:
        """Obeyed, or not."""
        if not self.told.stubborn:
            sys.exit(0)

    def on_textDocument_didOpen(self, message: Any) -> None:
        """A text."""
        document = message["params"]["textDocument"]
        if document["uri"] in self.texts:
            self.log({"breach": "opened twice"})
        self.texts[document["uri"]] = document["version"], document["text"]

    def on_textDocument_didChange(self, message: Any) -> None:
        """Another text."""
        uri, version = message["params"]["textDocument"]["uri"], message["params"]["textDocument"]["version"]
        if uri not in self.texts or self.texts[uri][0] >= version:
            self.log({"breach": f"version {version} after {self.texts.get(uri)}"})
        if self._held:
            self.log({"breach": "text switched under a request"})
        for change in message["params"]["contentChanges"]:
            self.texts[uri] = version, change["text"]

    def on_textDocument_didClose(self, message: Any) -> None:
        """No text."""
        if self.texts.pop(message["params"]["textDocument"]["uri"], None) is None:
            self.log({"breach": "closed what was not open"})

    def on_cancelRequest(self, message: Any) -> None:
        """A late server answers now; the others have forgotten."""
        self.on__cancelRequest(message)

    def on__cancelRequest(self, message: Any) -> None:
        """See above."""
        for held in [held for held in self._held if held["id"] == message["params"]["id"]]:
            self._held.remove(held)
            if self.told.answer == "late":
                self.reply(held["id"], {"contents": {"kind": "plaintext", "value": "late"}})

    def on_textDocument_hover(self, message: Any) -> None:
        """As told."""
        told = self.told
        self.hovers += 1
        if message["params"]["textDocument"]["uri"] not in self.texts:
            self.log({"breach": "hover in a document that is not open"})
        if told.flood:
            sys.stderr.write("flood " * (told.flood // 6))
            sys.stderr.flush()
        if told.eat and not self.eaten:
            self.eaten = b"x" * told.eat
        if told.crash_on == self.hovers:
            print("bad_server: I crash now", file=sys.stderr, flush=True)
            os._exit(4)
        if told.garbage:
            sys.stdout.write("this is a log line on standard output\r\n\r\n")
            sys.stdout.flush()
        if told.hang or told.answer == "late":
            self._held.append(message)
        elif told.gate:
            self._held.append(message)
            threading.Thread(target=self._answer_at_gate, args=(message,), daemon=True).start()
        else:
            self.answer(message)

    def _answer_at_gate(self, message: Any) -> None:
        _wait_for(self.told.gate)
        if message in self._held:
            self._held.remove(message)
            self.answer(message)

    def answer(self, message: Any) -> None:
        """The answer to one hover."""
        told, id = self.told, message["id"]
        if self.hovers <= told.modified:
            self.fail(id, -32801, "content modified")
        elif told.answer == "error":
            self.fail(id, -32603, "I cannot")
        elif told.answer == "wrong":
            self.reply(id, ["no", "hover"])
        elif told.answer == "null" or any(gate and not gate.exists() for gate in (told.index, told.status)):
            self.reply(id, None)
        else:
            self.reply(id, self.hover(message["params"]))
            if told.answer == "twice":
                self.reply(id, None)

    def hover(self, params: Any) -> Any:
        """The echo."""
        version, text = self.texts[params["textDocument"]["uri"]]
        lines = re.split(r"\r\n|\r|\n", text)
        line = params["position"]["line"]
        word, start, end = self.word(lines[line] if line < len(lines) else "", params["position"]["character"])
        echo = {"word": word, "text": text[:2000], "version": version, "hovers": self.hovers, "open": sorted(self.texts), "pad": "x" * self.told.huge}
        span = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        if self.told.answer == "legacy":
            return {"contents": [{"language": "bad", "value": word}, "a string"], "range": span}
        return {"contents": {"kind": "plaintext", "value": json.dumps(echo)}, "range": span}

    def word(self, line: str, character: int) -> tuple[str, int, int]:
        """The word at a position, and its start and end, all counted in its own encoding."""
        codec, width = CODECS[self.told.encoding or "utf-16"]
        index = len(line.encode(codec)[: character * width].decode(codec, "ignore"))
        for found in re.finditer(r"\w+", line):
            if found.start() <= index <= found.end():
                return found[0], *(len(line[:at].encode(codec)) // width for at in found.span())
        return "", character, character


def _short(value: Any) -> Any:
    text = json.dumps(value)
    return value if len(text) < 20_000 else f"{len(text)} characters"


def _wait_for(gate: Path | None) -> None:
    while gate is not None and not gate.exists():
        time.sleep(0.002)


if __name__ == "__main__":
    Server(options()).run()
