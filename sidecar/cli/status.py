"""`sidecar status`: what the daemon does right now."""

from __future__ import annotations

from sidecar.cli import output
from sidecar.client import ndjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

HELP = "show what the daemon does"


def arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the reply's result")
    parser.add_argument(
        "--watch", action="store_true", help="one live page until Ctrl-C or q, which end it with 0; in a pipe a plain page (or line of JSON) a second"
    )


def quick(words: list[str]) -> dict[str, bool] | None:
    """The options, where there is at most --json."""
    return {"as_json": bool(words)} if words in ([], ["--json"]) else None


def run(as_json: bool = False, watch: bool = False) -> int:
    """Print it once, or show it until the user has seen enough."""
    if watch:
        from sidecar.cli import watch as watching

        return watching.watch(text, as_json=as_json)
    with ndjson.connect() as client:
        status = client.request("sidecar/status")
        if as_json:
            output.write_json(status)
        else:
            output.write(text(status, client.hello))
    return 0


def text(status: dict[str, Any], hello: dict[str, Any]) -> str:
    """The status for people; what a daemon of another version does not tell is left out."""
    rows = [("daemon", f"pid {hello.get('pid')}, version {status.get('version')}, {hello.get('socket')}")]
    rows += [("uptime", _duration(status["uptimeS"]))] if "uptimeS" in status else []
    rows += [("memory", f"{status['memory']['rssBytes'] >> 20} MiB, {status.get('openFiles')} open files")] if "memory" in status else []
    rows += [("clients", str(len(status.get("clients", []))))]
    rows += [(f"lane {lane['name']}", _lane(lane)) for lane in status.get("lanes", [])]
    lag = status.get("loopLag", {})
    rows += [("loop lag", ", ".join(f"{name} {lag[name]} ms" for name in ("p50", "p99", "p999", "max") if name in lag))]
    rows += [(f"server {one.get('name')}", _server(one)) for one in status.get("servers", [])]
    return output.aligned(rows)


def _lane(lane: dict[str, Any]) -> str:
    return f"{lane['running']} of {lane['limit']} running, {lane['queued']} queued, {lane['rejected']} rejected"


def _server(server: dict[str, Any]) -> str:
    said = (server.get("readiness") or server.get("state"), f"pid {server['pid']}" if server.get("pid") else None, server.get("root"))
    return ", ".join(str(part) for part in said if part)


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
