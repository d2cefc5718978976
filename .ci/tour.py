"""What `make run` ends with: a native grep and a real hover answered at the same time, on this very repository, and what to type next.

Uses the standard-library client alone; the daemon stays as it is.
"""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sidecar.client import ndjson
from sidecar.errors import SidecarError

ROOT = Path(__file__).resolve().parent.parent
PATTERN = r"async def \w+"
FILE, NAME = "sidecar/engine/deadline.py", "remaining_s"
# A first hover waits until the language server has looked at the project, and this is what a person will wait for it.
PATIENCE_MS = 60_000
NEXT = """
  sidecar grep 'TODO|FIXME' .             search like rg, by the daemon
  sidecar hover sidecar/errors.py:13:7    what a name is, by the language server that is already warm
  sidecar status                          lanes, loop lag, language servers
  sidecar doctor                          is everything in order?
  sidecar stop                            end the daemon
"""


Answer = tuple[float, dict[str, Any]]


def ask(client: ndjson.Client, method: str, params: dict[str, Any]) -> Answer:
    """One request: milliseconds and result."""
    started = time.perf_counter()
    result = client.request(method, params)
    return (time.perf_counter() - started) * 1e3, result


def connect() -> ndjson.Client:
    """A connection of its own."""
    return ndjson.connect(hello={"root": str(ROOT)})


def hover(client: ndjson.Client) -> Answer:
    """The hover of the tour."""
    lines = (ROOT / FILE).read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if NAME in text)
    args = {"path": FILE, "line": line, "character": lines[line].index(NAME)}
    return ask(client, "sidecar/tools/call", {"tool": "hover", "args": args, "timeoutMs": PATIENCE_MS})


def grep(client: ndjson.Client) -> Answer:
    """The grep of the tour."""
    return ask(client, "sidecar/grep", {"pattern": PATTERN, "paths": ["sidecar"]})


def together() -> tuple[Answer, Answer, float]:
    """Both at once, each on its own connection, and the milliseconds until both were answered."""
    with connect() as one, connect() as other, ThreadPoolExecutor(2) as threads:
        started = time.perf_counter()
        found, shown = threads.submit(grep, one), threads.submit(hover, other)
        return found.result(), shown.result(), (time.perf_counter() - started) * 1e3


def main() -> None:
    """Show it."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}The daemon runs.{plain} Asking for a hover: its language server starts now ...", flush=True)
    with connect() as client:
        first_ms, _ = hover(client)
    print(f"  first hover, cold language server: {first_ms:.0f} ms\n")
    (grep_ms, matches), (hover_ms, card), both_ms = together()
    print(f"{bold}grep{plain} '{PATTERN}': {len(matches['matches'])} matches in {matches['files']} files")
    for match in matches["matches"][:5]:
        print(f"  {match['path']}:{match['line']}:{match['text'].rstrip()}")
    print(f"\n{bold}hover{plain} {NAME} in {FILE}, by {card['server']} ({card['readiness']})")
    for line in re.sub(r"```\w*\n?|\n---\n", "", (card["contents"] or {"value": "(nothing)"})["value"]).strip().splitlines()[:6]:
        print(f"  {line}")
    print(f"\n{bold}At the same time:{plain} grep {grep_ms:.1f} ms, hover {hover_ms:.1f} ms, both answered after {both_ms:.1f} ms.")
    print(f"\n{bold}What to type next{plain} (. .venv/bin/activate, or .venv/bin/sidecar):{NEXT}", end="")


if __name__ == "__main__":
    try:
        main()
    except SidecarError as error:
        raise SystemExit(f"sidecar: {error.message}\n  {error.hint}") from error
