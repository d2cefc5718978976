"""Whether a language server really starts: one `initialize`, its answer, and its end. Blocking, for seconds; kills what it started."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from sidecar.doctor import programs
from sidecar.errors import SidecarError
from sidecar.wire.frames import FrameReader, Framing, frame

ANSWER_S = 30.0
READ_BYTES = 1 << 16
STDERR_BYTES = 4096


def server_version(argv: Sequence[str], env: Mapping[str, str], answer_s: float = ANSWER_S) -> tuple[str, str]:
    """(version, "") of a server that answered `initialize`, or ("", why it did not).

    Args:
        argv: its command.
        env: its environment.
        answer_s: seconds to wait for the answer.
    """
    with tempfile.TemporaryFile() as words:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, env=dict(env), start_new_session=True)
        except OSError as error:
            return "", str(error.strerror)
        try:
            version, why = _asked(child, time.monotonic() + answer_s)
        finally:
            programs.end(child)
        return version, f"{why}{_last_line(words)}" if why else ""


def _last_line(words: IO[bytes]) -> str:
    """What it said last on stderr, or its last line that names an error: most servers tell the true reason there."""
    words.seek(max(0, words.seek(0, os.SEEK_END) - STDERR_BYTES))
    lines = [line.strip() for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "")
    return f"; it said: {last[:200]}" if last else ""


def _asked(child: subprocess.Popen[bytes], ends_at: float) -> tuple[str, str]:
    assert child.stdin and child.stdout  # both are pipes, see Popen above
    params: dict[str, Any] = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    try:
        child.stdin.write(b"".join(frame(Framing.HEADERS, [body])))
        child.stdin.flush()
        answer = _answer(child.stdout, ends_at)
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


def _answer(stdout: IO[bytes], ends_at: float) -> dict[str, Any] | None:
    reader = FrameReader(Framing.HEADERS)
    while (left := ends_at - time.monotonic()) > 0 and select.select([stdout], [], [], left)[0]:
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
