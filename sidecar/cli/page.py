"""The page of `sidecar status --watch`: from what the daemon says to what stands on the screen. Pure: it reads no clock and no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BAR = 12
FIXED_LINES = 18
"""Lines that stand on every page: head, lanes, lag and the heads of the lists."""
MIN_ROWS = 2
END = "Ctrl-C or q ends this page; the daemon goes on."


def page(status: Mapping[str, Any], hello: Mapping[str, Any], *, height: int, trouble: str = "") -> RenderableType:
    """The whole page.

    Args:
        status: the result of `sidecar/status`; what a daemon of another version does not tell is left out. Empty: none was seen yet.
        hello: the result of `sidecar/hello`.
        height: lines of the screen; the lists are cut to fit.
        trouble: why `status` is not of now.
    """
    rows = max(MIN_ROWS, (height - FIXED_LINES) // 2)
    parts: list[RenderableType] = [_head(status, hello, trouble)]
    if lanes := status.get("lanes"):
        parts += [Text(), _lanes(lanes)]
    if lag := status.get("loopLag"):
        parts += [Text(), _lag(lag)]
    parts += [Text(), _clients(status.get("clients") or [], rows), Text(), _servers(status.get("servers") or [], rows)]
    parts += [Text(), _processes(status), Text(END, style="dim")]
    return Group(*parts)


def _head(status: Mapping[str, Any], hello: Mapping[str, Any], trouble: str) -> Text:
    said = [f"pid {hello.get('pid')}", f"version {status.get('version') or hello.get('server', {}).get('version')}"]
    said += [f"up {duration(status['uptimeS'])}"] if "uptimeS" in status else []
    said += [f"{status['memory']['rssBytes'] >> 20} MiB"] if "memory" in status else []
    said += [f"{status['threads']} threads"] if "threads" in status else []
    said += [f"{status['cpuS']:.1f} s CPU"] if "cpuS" in status else []
    limit = (status.get("openFilesLimit") or {}).get("soft")
    said += [f"{status['openFiles']} of {limit} files" if limit else f"{status['openFiles']} files"] if "openFiles" in status else []
    line = Text("sidecar  ", style="bold", no_wrap=True, overflow="ellipsis")
    line.append(", ".join(said) if status else "", style="not bold")
    line.append(f"\n{clean(hello.get('socket', ''))}", style="not bold dim")
    return line.append(f"\n{clean(trouble)}", style="bold red") if trouble else line


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def clean(text: object) -> str:
    """A name that a client gave itself, without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text or ""))


def _lanes(lanes: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(("lane", 12), ("running", BAR + 10), ("queued", 8), ("rejected", 8))
    for lane in lanes:
        running, limit = int(lane.get("running", 0)), int(lane.get("limit", 0))
        full = min(BAR, -(-BAR * running // limit)) if limit else 0
        bar = Text("█" * full, style="green" if running < limit else "red").append("·" * (BAR - full), style="dim").append(f" {running}/{limit}")
        rejected = int(lane.get("rejected", 0))
        table.add_row(clean(lane.get("name")), bar, str(lane.get("queued", 0)), Text(str(rejected), style="red" if rejected else ""))
    return table


def _lag(lag: Mapping[str, Any]) -> Text:
    numbers = "  ".join(f"{name} {lag[name]} ms" for name in ("p50", "p99", "p999", "max") if name in lag)
    return Text(f"loop lag    {numbers}", no_wrap=True, overflow="ellipsis")


def _clients(clients: Sequence[Mapping[str, Any]], rows: int) -> Table:
    table = _table((f"clients {len(clients)}", 12), ("name", 18), ("pid", 8), ("queued", 10), ("root", None))
    for one in clients[:rows]:
        queued = f"{int(one.get('queuedBytes') or 0) >> 10} KiB" if one.get("queuedBytes") else ""
        name = clean(one.get("name")) + (" (reader)" if one.get("readOnly") else "")
        table.add_row(clean(one.get("id")), name, clean(one.get("pid")), queued, clean(one.get("root")))
    return _cut(table, len(clients) - rows)


def _servers(servers: Sequence[Mapping[str, Any]], rows: int) -> Table:
    table = _table((f"servers {len(servers)}", 22), ("state", 10), ("pid", 8), ("asked", 6), ("root", None))
    for one in servers[:rows]:
        error = one.get("lastError") if not one.get("running") else None
        state = Text(clean(one.get("readiness") or one.get("state")), style="red" if error else "")
        name = " ".join(clean(part) for part in (one.get("name"), one.get("version")) if part)
        table.add_row(name, state, clean(one.get("pid")), str(one.get("inFlight", "")), clean(error or one.get("root")))
    return _cut(table, len(servers) - rows)


def _processes(status: Mapping[str, Any]) -> Text:
    found = status.get("processes") or {}
    pids = " ".join(str(pid) for pid in found.get("pids") or [])
    said = f"processes {found.get('count', 0)}  {pids}    requests in flight {status.get('inFlight', 0)}    sessions {status.get('sessions', 0)}"
    return Text(said, no_wrap=True, overflow="ellipsis")


def _table(*columns: tuple[str, int | None]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", expand=True)
    for name, width in columns:
        table.add_column(name, width=width, no_wrap=True, overflow="ellipsis", ratio=None if width else 1)
    return table


def _cut(table: Table, more: int) -> Table:
    if more > 0:
        table.add_row(Text(f"and {more} more", style="dim"))
    return table
