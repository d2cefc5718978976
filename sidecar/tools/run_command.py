"""`run_command`: one program run to its end under our supervisor; the first and last bytes of what it said.

It never goes through a shell. A command whose time is up is a result, not an error: it may have had effects, and says so.
"""

from __future__ import annotations

import base64
import os
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sidecar.engine.spec import Context, Effect, Finished, LaneName, Outcome, Scope, Stream, Timeout, ToolSpec
from sidecar.errors import Crashed, InvalidParams

KEEP_BYTES = 65536
"""Of each output in the reply: what a person or a model reads at most; the whole text will be behind `output`."""

MAX_BROKEN = 3
"""A cut through a UTF-8 character leaves at most this many of its bytes (RFC 3629)."""


class RunCommandArgs(msgspec.Struct, frozen=True, rename="camel"):
    """What to run. `cwd` is relative to the root (default: the root); `timeoutMs` can only shorten the call's own."""

    argv: Annotated[list[str], Meta(min_length=1)]
    cwd: str = "."
    timeout_ms: Annotated[int, Meta(ge=1)] | None = None


class RawOutput(msgspec.Struct, frozen=True):
    """Output that is not UTF-8, in base64."""

    bytes: str


class RunCommandResult(msgspec.Struct, frozen=True, rename="camel"):
    """How a command ended and what it said.

    `exitCode` or `signal` is there, or neither if it could not be learned. `stdoutBytes` counts all it wrote;
    `stdoutOmitted` of them are left out between head and tail, where the text says so. `timedOut`: its whole process
    tree was killed, and what it had done by then stays done.
    """

    stdout: str | RawOutput
    stderr: str | RawOutput
    stdout_bytes: int
    stderr_bytes: int
    stdout_omitted: int
    stderr_omitted: int
    duration_ms: float
    timed_out: bool
    exit_code: int | UnsetType = UNSET
    signal: int | UnsetType = UNSET


async def run(context: Context, args: RunCommandArgs) -> Outcome:
    """Run the command until it ends or its time is up.

    Raises:
        InvalidParams: neither a root nor an absolute `cwd`.
        Crashed: its supervisor was killed; how it ended is unknown, and it may have had effects.
        SidecarError: it could not be started; it had no effect then.
    """
    deadline = context.deadline if args.timeout_ms is None else context.deadline.shortened_ms(args.timeout_ms)
    finished = await context.ports.processes.run(
        args.argv,
        cwd=folder_of(context.root, args.cwd),
        env=context.caller.env,
        deadline=deadline,
        slot=context.slot,
        keep_bytes=KEEP_BYTES,
    )
    if finished.exit_code is None and finished.signal is None and not finished.timed_out:
        raise Crashed(
            f"{args.argv[0]}: its supervisor was killed, so that nobody knows how it ended; it may have had effects",
            hint="Look at what it was to do before you run it again.",
        )
    return Outcome(result_of(finished))


def folder_of(root: str | None, cwd: str) -> str:
    """The absolute working directory.

    Raises:
        InvalidParams: neither a root nor an absolute `cwd`.
    """
    if root is None and not os.path.isabs(cwd):
        raise InvalidParams("cwd: expected an absolute path, as there is no root", hint="Send `root` in the params, or once in sidecar/hello.")
    return os.path.normpath(os.path.join(root or "/", cwd))


def result_of(finished: Finished) -> RunCommandResult:
    """The reply for a finished command."""
    stdout, stdout_omitted = shown(finished.stdout)
    stderr, stderr_omitted = shown(finished.stderr)
    return RunCommandResult(
        stdout=stdout,
        stderr=stderr,
        stdout_bytes=finished.stdout.total,
        stderr_bytes=finished.stderr.total,
        stdout_omitted=stdout_omitted,
        stderr_omitted=stderr_omitted,
        duration_ms=round(finished.duration_s * 1e3, 3),
        timed_out=finished.timed_out,
        exit_code=UNSET if finished.exit_code is None else finished.exit_code,
        signal=UNSET if finished.signal is None else finished.signal,
    )


def shown(stream: Stream) -> tuple[str | RawOutput, int]:
    """One output as text, or as base64 if it is no UTF-8; and how many bytes are left out of it."""
    head, tail = stream.head, stream.tail
    if stream.total > len(head) + len(tail):
        head, tail = _whole_end(head), _whole_start(tail)
    omitted = stream.total - len(head) - len(tail)
    note = f"\n[... {omitted} bytes left out ...]\n".encode() if omitted else b""
    try:
        return (head + note + tail).decode("utf-8"), omitted
    except UnicodeDecodeError:
        return RawOutput(base64.b64encode(head + note + tail).decode("ascii")), omitted


def _whole_end(head: bytes) -> bytes:
    """Without the first part of a character that the cut went through."""
    for back in range(1, min(MAX_BROKEN, len(head)) + 1):
        byte = head[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return head[:-back] if back < needed else head
        if byte < 0x80:
            break
    return head


def _whole_start(tail: bytes) -> bytes:
    """Without the last part of a character that the cut went through."""
    start = 0
    while start < min(MAX_BROKEN, len(tail)) and tail[start] & 0xC0 == 0x80:
        start += 1
    return tail[start:]


SPEC = ToolSpec(
    name="run_command",
    description="Run a program (an argv list, no shell) and return its exit code and the first and last part of its output.",
    lane=LaneName.PROCESS,
    timeout=Timeout(default_ms=60_000, max_ms=3_600_000),
    args=RunCommandArgs,
    result=RunCommandResult,
    run=run,
    effect=Effect.WRITE,
    scope=Scope.UNCONFINED,
)
