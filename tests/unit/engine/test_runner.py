"""One call through the runner: arguments checked, deadline kept, errors as they are, times in `meta`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pytest

from sidecar import config
from sidecar.engine.lanes import LaneLimits, Lanes
from sidecar.engine.runner import Call, Runner
from sidecar.engine.spec import Caller, Context, LaneName, Outcome, Ports, Rights, Timeout, ToolSpec
from sidecar.errors import Forbidden, InvalidParams, TimedOut
from sidecar.trace import Trace


class EchoArgs(msgspec.Struct, frozen=True, rename="camel"):
    """What to say, and whether to hang."""

    text: str = ""
    wait_s: float = 0.0


class EchoResult(msgspec.Struct, frozen=True):
    """What was said."""

    text: str


async def echo(context: Context, args: EchoArgs) -> Outcome:
    """A tool that repeats, or never ends."""
    if args.wait_s:
        await asyncio.get_running_loop().create_future()
    return Outcome(EchoResult(args.text), {"engine": "native"})


async def ready_made(context: Context, args: EchoArgs) -> Outcome:
    """A tool whose result is bytes."""
    return Outcome(b"{}")


def spec(name: str, run: Any, **more: Any) -> ToolSpec[Any]:
    """A tool of this file."""
    return ToolSpec(name, "", LaneName.INTERACTIVE, Timeout(1_000, 60_000), EchoArgs, EchoResult, run, **more)


CATALOG = {"echo": spec("echo", echo), "empty": spec("empty", ready_made, reader_may=True)}


def runner(timeouts: Mapping[str, config.Timeout] | None = None) -> Runner:
    """A runner of these tools."""
    lanes = Lanes({name: LaneLimits(4, 8, 1.0) for name in LaneName})
    return Runner(CATALOG, lanes, cast(Ports, None), timeouts or {})  # these tools use no port


def call(tool: str, args: bytes = b"{}", *, timeout_ms: float | None = None, rights: Rights = Rights.FULL) -> Call:
    """One call by one client."""
    return Call(tool, msgspec.Raw(args), Caller("c1", rights=rights), None, timeout_ms, Trace(time.monotonic()))


async def result(of: Call, by: Runner | None = None) -> dict[str, Any]:
    """The decoded result of a call."""
    answer = msgspec.json.decode(b"".join(await (by or runner()).run(of)))
    assert isinstance(answer, dict)
    return answer


async def test_the_result_carries_its_times_and_notes() -> None:
    """`meta` has queue, run and encode times in milliseconds and what the tool noted (features A12)."""
    answer = await result(call("echo", b'{"text": "hi"}'))
    assert answer["text"] == "hi"
    assert answer["meta"].keys() == {"queuedMs", "runMs", "encodeMs", "engine"}


async def test_an_empty_object_stays_valid_json() -> None:
    """A tool that answers `{}` gets only `meta` added."""
    assert (await result(call("empty"))).keys() == {"meta"}


async def test_a_wrong_type_names_the_field() -> None:
    """-32602 names the field, what was expected and what came."""
    with pytest.raises(InvalidParams, match="text: expected `str`, got `int`"):
        await result(call("echo", b'{"text": 5}'))


async def test_an_unknown_tool_is_refused_with_the_known_ones() -> None:
    """The hint lists what there is."""
    with pytest.raises(InvalidParams) as refused:
        await result(call("ech"))
    assert "echo, empty" in refused.value.hint


async def test_a_reader_may_call_only_what_is_allowed() -> None:
    """The read-only socket serves tools marked so, and no other (features H2)."""
    assert await result(call("empty", rights=Rights.READER))
    with pytest.raises(Forbidden):
        await result(call("echo", rights=Rights.READER))


async def test_a_tool_that_never_returns_ends_at_its_deadline() -> None:
    """With nothing usable the answer is `timeout`."""
    with pytest.raises(TimedOut):
        await result(call("echo", b'{"waitS": 1}', timeout_ms=1))


async def test_configuration_caps_what_a_request_asks() -> None:
    """Request <= method maximum <= configuration (features B1)."""
    capped = runner({"echo": config.Timeout(max_ms=1)})
    with pytest.raises(TimedOut):
        await result(call("echo", b'{"waitS": 1}', timeout_ms=1e9), capped)


async def test_the_slot_is_free_after_a_cancel() -> None:
    """A cancelled call lets go of its lane."""
    by = runner()
    task = asyncio.create_task(by.run(call("echo", b'{"waitS": 1}')))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(row["running"] == 0 for row in by._lanes.status())
