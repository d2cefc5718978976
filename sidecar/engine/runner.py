"""One call from its arguments to its reply's bytes: decode, lane, deadline, tool, encode.

The only caller of a tool. It never retries and never answers a client itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sidecar import config
from sidecar.engine.deadline import Deadline
from sidecar.engine.lanes import Lanes
from sidecar.engine.spec import Caller, Context, Outcome, Ports, Rights, ToolSpec
from sidecar.errors import Forbidden, InvalidParams, TimedOut
from sidecar.trace import Trace

# A tool that stops by itself at its deadline (Rust does) has this long to hand over what it found: half of the 100 ms of features B1.
GRACE_S = 0.05
_UNSET = config.Timeout()

_encode = msgspec.json.Encoder().encode


class Call(msgspec.Struct, frozen=True):
    """One tool call as it was asked.

    Attributes:
        tool: its name in the catalog.
        args: its arguments, a JSON object.
        caller: who asks.
        root: absolute path, or None.
        timeout_ms: asked budget; None = the tool's default.
        trace: its times, made at accept.
        emit: takes one `$/progress` value as JSON bytes; see `Context`.
    """

    tool: str
    args: msgspec.Raw
    caller: Caller
    root: str | None
    timeout_ms: float | None
    trace: Trace
    emit: Callable[[bytes], bool] | None = None


class Runner:
    """Runs calls.

    Args:
        catalog: every tool by name.
        lanes: where they wait for a slot.
        ports: what tools may use.
        timeouts: configured timeouts of tools, by tool; 0 = the tool's own.
    """

    def __init__(self, catalog: Mapping[str, ToolSpec[Any]], lanes: Lanes, ports: Ports, timeouts: Mapping[str, config.Timeout]) -> None:
        self.catalog = catalog
        self._lanes = lanes
        self._ports = ports
        self._timeouts = timeouts
        self._decoders = {name: msgspec.json.Decoder(spec.args) for name, spec in catalog.items()}

    async def run(self, call: Call) -> list[bytes | memoryview]:
        """The result object with its `meta`, as JSON in parts.

        Raises:
            SidecarError: whatever went wrong, to be answered as it is.
        """
        spec = self._spec(call)
        args = decode(self._decoders[spec.name], call.args)
        deadline = self._deadline(spec, call)
        outcome = await self._in_lane(spec, call, args, deadline)
        return _encoded(outcome, call.trace)

    def _spec(self, call: Call) -> ToolSpec[Any]:
        spec = self.catalog.get(call.tool)
        if spec is None:
            raise InvalidParams(f"tool: there is no tool named {call.tool!r}", hint="sidecar/tools/list names them: " + ", ".join(sorted(self.catalog)) + ".")
        if call.caller.rights is Rights.READER and not spec.reader_may:
            raise Forbidden(f"{spec.name} is not allowed on the read-only socket", hint="Connect to the full socket.")
        return spec

    def _deadline(self, spec: ToolSpec[Any], call: Call) -> Deadline:
        configured = self._timeouts.get(spec.name, _UNSET)
        most_ms = min(spec.timeout.max_ms, configured.max_ms or spec.timeout.max_ms)
        asked_ms = call.timeout_ms or configured.default_ms or spec.timeout.default_ms
        return Deadline.after_ms(min(asked_ms, most_ms), call.trace.accepted_at)

    async def _in_lane(self, spec: ToolSpec[Any], call: Call, args: msgspec.Struct, deadline: Deadline) -> Outcome:
        trace = call.trace
        queued_at = time.monotonic()
        lane = self._lanes[spec.lane]
        slot = lane.try_acquire(call.caller.client_id) or await lane.acquire(call.caller.client_id, deadline)
        started_at = time.monotonic()
        trace.queued_s = started_at - queued_at
        context = Context(call.caller, call.root, deadline, trace, slot, self._ports, call.emit)
        limit = _Limit(deadline.remaining_s(started_at) + GRACE_S)
        try:
            return await spec.run(context, args)
        except asyncio.CancelledError as cancelled:
            if not limit.caused_cancel():
                raise
            raise TimedOut(f"{spec.name} was not done in time", hint="Ask with a larger timeoutMs, or for less.") from cancelled
        finally:
            limit.end()
            slot.release()
            trace.run_s = time.monotonic() - started_at


class _Limit:
    """`asyncio.timeout` for the task at hand, at a third of its cost: every call of a tool passes here.

    Args:
        delay_s: seconds until the task is cancelled.
    """

    __slots__ = ("_before", "_passed", "_task", "_timer")

    def __init__(self, delay_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._before = task.cancelling()
        self._passed = False
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._pass)

    def _pass(self) -> None:
        self._passed = True
        self._task.cancel()

    def caused_cancel(self) -> bool:
        """Whether the task was cancelled by this alone; then the cancel is taken back."""
        return self._passed and self._task.uncancel() <= self._before

    def end(self) -> None:
        """The work is done."""
        self._timer.cancel()


def decode(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw | bytes) -> Any:
    """Decode one JSON value.

    Raises:
        InvalidParams: names the field and what was expected.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as wrong:
        raise InvalidParams(_named(str(wrong)), hint="docs/protocol.md lists the fields and their types.") from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise InvalidParams(f"params: {wrong}", hint="Send one JSON object in UTF-8.") from wrong


def _named(message: str) -> str:
    """`Expected `str`, got `int` - at `$.root`` as `root: expected `str`, got `int``."""
    what, separator, where = message.partition(" - at `$")
    field = where.rstrip("`").lstrip(".") if separator else ""
    return f"{field or 'params'}: {what[:1].lower()}{what[1:]}"


def _encoded(outcome: Outcome, trace: Trace) -> list[bytes | memoryview]:
    started_at = time.monotonic()
    body = outcome.body if isinstance(outcome.body, bytes) else _encode(outcome.body)
    trace.encode_s += time.monotonic() - started_at
    meta = _encode(trace.meta(outcome.notes))
    glue = b'"meta":' if body == b"{}" else b',"meta":'
    return [memoryview(body)[:-1], glue, meta, b"}"]
