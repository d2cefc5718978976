"""Whether a language server really starts: one `initialize`, its answer, and its end. Blocking, for seconds; kills what it started."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from sidecar.doctor import programs
from sidecar.errors import SidecarError
from sidecar.wire.frames import FrameReader, Framing, frame

ANSWER_S = 30.0
READ_BYTES = 1 << 16
STDERR_BYTES = 4096
MOST_READS = 64


def server_version(argv: Sequence[str], env: Mapping[str, str], answer_s: float = ANSWER_S) -> tuple[str, str]:
    """(version, "") of a server that answered `initialize`, or ("", why it did not).

    Args:
        argv: its command.
        env: its environment.
        answer_s: seconds to wait for the answer.
    """
    words = Words()
    try:
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words.theirs, env=dict(env), cwd="/", start_new_session=True)
    except OSError as error:
        words.close()
        return "", str(error.strerror)
    try:
        version, why = _asked(child, words, time.monotonic() + answer_s)
    finally:
        programs.end(child)
        said = words.close()
    return version, f"{why}; it said: {said}" if why and said else why


class Words:
    """What a server says on stderr, of which only the end is kept: one that floods it costs no memory and no disk.

    Attributes:
        ours: the descriptor to wait on.
        theirs: the one for the server.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = os.pipe()
        os.set_blocking(self.ours, False)
        self._tail = b""

    def read(self) -> bool:
        """Take what is there; False at the end."""
        try:
            data = os.read(self.ours, READ_BYTES)
        except BlockingIOError:
            return True
        self._tail = (self._tail + data)[-STDERR_BYTES:]
        return bool(data)

    def close(self) -> str:
        """The last line, or the last that names an error: most servers tell the true reason there."""
        os.close(self.theirs)
        for _ in range(MOST_READS):  # a grandchild in a session of its own may still hold it, and flood it
            if not (select.select([self.ours], [], [], 0)[0] and self.read()):
                break
        os.close(self.ours)
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "")[:200]


def _asked(child: subprocess.Popen[bytes], words: Words, ends_at: float) -> tuple[str, str]:
    assert child.stdin and child.stdout  # both are pipes, see Popen above
    params: dict[str, Any] = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    try:
        child.stdin.write(b"".join(frame(Framing.HEADERS, [body])))
        child.stdin.flush()
        answer = _answer(child.stdout, words, ends_at)
    except OSError:
        answer = None
    except (SidecarError, ValueError) as error:
        return "", f"its output is no LSP: {error}"
    if answer is None:
        code = child.poll()
        return "", "it did not answer `initialize` in time" if code is None and time.monotonic() > ends_at else "it ended during `initialize`"
    if "error" in answer:
        return "", f"it refused `initialize`: {answer['error'].get('message')}"
    return str((answer.get("result") or {}).get("serverInfo", {}).get("version", "")), ""


def _answer(stdout: IO[bytes], words: Words, ends_at: float) -> dict[str, Any] | None:
    reader = FrameReader(Framing.HEADERS)
    while (left := ends_at - time.monotonic()) > 0:
        ready = select.select([stdout.fileno(), words.ours], [], [], left)[0]
        if words.ours in ready:
            words.read()
        if stdout.fileno() not in ready:
            continue
        data = os.read(stdout.fileno(), READ_BYTES)
        for body in reader.feed(data):
            message = json.loads(body)
            if message.get("id") == 1 and "method" not in message:
                return dict(message)
        if reader.error is not None:
            raise reader.error
        if not data:
            return None
    return None
