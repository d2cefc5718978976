"""Methods about the daemon itself: status, doctor, stop, interrupt, subscriptions."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sidecar.daemon import status as facts
from sidecar.daemon.core import Ask
from sidecar.daemon.stopping import StopMode
from sidecar.errors import InvalidParams


class DoctorParams(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/doctor`; `deep` also starts each language server."""

    deep: bool = False


class Stop(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/stop`; `deadlineMs` bounds a drain, in milliseconds."""

    mode: Literal["drain", "now", "handover"] = "drain"
    deadline_ms: float | None = None


class Interrupt(msgspec.Struct, frozen=True, rename="camel"):
    """Params of `sidecar/interrupt`: exactly one of the two."""

    request_id: int | str | None = None
    scope: Literal["mine", "all"] | None = None


async def status(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/status`, also while every worker is busy."""
    return await facts.status(ask.core)


async def doctor(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/doctor`."""
    return await facts.doctor(ask.core, deep=ask.params.deep)


def stop(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/stop`: the socket's path is gone before the answer is sent."""
    params: Stop = ask.params
    ask.core.server.stop(StopMode(params.mode), None if params.deadline_ms is None else params.deadline_ms / 1e3)
    return {"stopping": True, "pid": ask.core.identity["pid"]}


async def publish(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/publish`."""
    return await ask.core.server.publish()


def interrupt(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/interrupt`.

    Raises:
        InvalidParams: not exactly one of requestId and scope.
    """
    params: Interrupt = ask.params
    if (params.request_id is None) == (params.scope is None):
        raise InvalidParams("requestId or scope: expected exactly one of the two", hint='Send {"scope": "mine"}, or the id of a request of this connection.')
    core, mine = ask.core, ask.connection
    if params.request_id is not None:
        return {"interrupted": core.dispatcher.interrupt([mine], params.request_id)}
    everyone = list(core.connections.values())
    chosen = everyone if params.scope == "all" else [one for one in everyone if one is mine or (mine.session is not None and one.session == mine.session)]
    return {"interrupted": core.dispatcher.interrupt(chosen, None)}


def subscribe(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/events/subscribe`."""
    return ask.core.subscriptions.subscribe(ask.connection.id, ask.params)


def ack(ask: Ask) -> dict[str, Any]:
    """Answer `sidecar/events/ack`."""
    return ask.core.subscriptions.ack(ask.params)
