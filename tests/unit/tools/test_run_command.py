"""The tool `run_command`: its shapes; that processes die is tested in `engine/test_process.py`."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.deadline import Deadline
from sidecar.engine.output import HeadTail
from sidecar.engine.spec import Caller, Context, Effect, Ports, Scope, Stream
from sidecar.errors import InvalidParams
from sidecar.tools.run_command import SPEC, RawOutput, RunCommandArgs, folder_of, run, shown
from sidecar.trace import Trace
from tests.support.supervised import Ground, ground


def _context(place: Ground, root: str | None, env: dict[str, str]) -> Context:
    nothing: Any = None  # this tool asks for processes alone
    ports = Ports(nothing, place.processes, nothing)
    return Context(Caller("c1", env=place.env | env), root, Deadline.after_ms(30_000), Trace(time.monotonic()), place.slot, ports)


def _call(short_tmp: Path, **args: Any) -> dict[str, Any]:
    async def call() -> dict[str, Any]:
        async with ground(short_tmp) as place:
            outcome = await run(_context(place, str(short_tmp), {"GREETING": "hello"}), msgspec.convert(args, RunCommandArgs))
            return msgspec.to_builtins(outcome.body)

    return asyncio.run(call())


def test_a_command_runs_in_the_root_with_the_clients_environment(short_tmp: Path) -> None:
    """The working directory and the environment are the caller's."""
    result = _call(short_tmp, argv=["sh", "-c", "pwd; echo $GREETING; exit 4"])
    assert result == {
        "stdout": f"{short_tmp}\nhello\n",
        "stderr": "",
        "stdoutBytes": len(f"{short_tmp}\nhello\n"),
        "stderrBytes": 0,
        "stdoutOmitted": 0,
        "stderrOmitted": 0,
        "durationMs": result["durationMs"],
        "timedOut": False,
        "exitCode": 4,
    }


def test_a_command_whose_time_is_up_is_a_result(short_tmp: Path) -> None:
    """What it said before, how it was ended, and that its time was up."""
    result = _call(short_tmp, argv=["sh", "-c", "echo begun; exec sleep 3600"], timeoutMs=300)
    assert (result["stdout"], result["timedOut"], result["signal"], "exitCode" in result) == ("begun\n", True, 15, False)


@pytest.mark.parametrize(("root", "cwd", "folder"), [("/r", ".", "/r"), ("/r", "a/../b", "/r/b"), ("/r", "/else", "/else"), (None, "/else", "/else")])
def test_a_relative_cwd_starts_at_the_root(root: str | None, cwd: str, folder: str) -> None:
    """Relative to the root, absolute as it is."""
    assert folder_of(root, cwd) == folder


def test_a_relative_cwd_without_a_root_is_refused() -> None:
    """There is nothing that it could be relative to; the daemon's own folder is nobody's business."""
    with pytest.raises(InvalidParams, match="cwd"):
        folder_of(None, ".")


@given(st.text(max_size=60), st.integers(8, 40))
def test_text_stays_text_however_it_is_clipped(text: str, keep: int) -> None:
    """A cut through a character costs that character, never the whole output's being text."""
    kept = HeadTail(keep)
    kept.feed(text.encode())
    out, omitted = shown(kept.stream())
    assert isinstance(out, str)
    if omitted == 0:
        assert out == text
    else:
        head, _, tail = out.partition(f"\n[... {omitted} bytes left out ...]\n")
        assert text.startswith(head) and text.endswith(tail)
        assert len(head.encode()) + omitted + len(tail.encode()) == len(text.encode())


def test_output_that_is_no_text_comes_in_base64() -> None:
    """As in ripgrep's JSON: `bytes` where `text` is impossible."""
    out, omitted = shown(Stream(b"a\xff", b"", 2))
    assert (out, omitted) == (RawOutput(base64.b64encode(b"a\xff").decode()), 0)


def test_an_empty_argv_is_no_argument() -> None:
    """The field is named before anything starts."""
    with pytest.raises(msgspec.ValidationError, match="argv"):
        msgspec.convert({"argv": []}, RunCommandArgs)


def test_it_is_declared_as_what_it_is() -> None:
    """A command may change anything anywhere, and no reader may run one."""
    assert (SPEC.effect, SPEC.scope, SPEC.reader_may) == (Effect.WRITE, Scope.UNCONFINED, False)
