"""What `make run` ends with: a native grep and a real hover answered at the same time, on this very repository, and what to type next.

Uses the standard-library client alone; the daemon stays as it is.
"""

from __future__ import annotations

import re
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
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


def ask(method: str, params: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """One request on a connection of its own: milliseconds and result."""
    with ndjson.connect(hello={"root": str(ROOT)}) as client:
        started = time.perf_counter()
        result = client.request(method, params)
        return (time.perf_counter() - started) * 1e3, result


def hover() -> tuple[float, dict[str, Any]]:
    """The hover of the tour."""
    lines = (ROOT / FILE).read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if NAME in text)
    args = {"path": FILE, "line": line, "character": lines[line].index(NAME)}
    return ask("sidecar/tools/call", {"tool": "hover", "args": args, "timeoutMs": PATIENCE_MS})


def grep() -> tuple[float, dict[str, Any]]:
    """The grep of the tour."""
    return ask("sidecar/grep", {"pattern": PATTERN, "paths": ["sidecar"]})


def together() -> tuple[Future[tuple[float, dict[str, Any]]], Future[tuple[float, dict[str, Any]]], float]:
    """Both at once, and the milliseconds until both were answered."""
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        pair = threads.submit(grep), threads.submit(hover)
    return (*pair, (time.perf_counter() - started) * 1e3)


def main() -> None:
    """Show it."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}The daemon runs.{plain} Asking for a hover: its language server starts now ...", flush=True)
    first_ms, _ = hover()
    print(f"  first hover, cold language server: {first_ms:.0f} ms\n")
    found, shown, both_ms = together()
    grep_ms, matches = found.result()
    hover_ms, card = shown.result()
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
