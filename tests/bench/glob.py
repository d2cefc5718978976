"""Native glob against `rg --files -g`, and the CLI engine against the CLI itself: whole round trips through an open connection.

Equal results come first: the same files as `rg` names. Then A and B take turns; rg's output goes into a pipe that is drained.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.grep import RG, ROUNDS, THREADS, args, children_cpu_s, timed_rg
from tests.bench.load import Link, cpu_s
from tests.bench.rows import Row, absolute, main, median, ratio

PATTERNS = {"a rare name": "*conftest*.py", "an extension": "*.py", "all but one": "!*.txt"}
WITHIN_MS = 15
"""What `engine: "cli"` may cost above the CLI itself (issue 4)."""


def rg_files(tree: Path, pattern: str) -> bytes:
    """What `rg --files` prints."""
    argv = [RG[0], "--no-config", "--files", f"-j{THREADS}", f"--glob={pattern}", "."]
    return subprocess.run(argv, cwd=tree, capture_output=True, check=False).stdout


def asked(tree: Path, pattern: str) -> dict[str, object]:
    """The params of one glob."""
    return {"root": str(tree), "patterns": pattern, "limit": 2**32 - 1}


def compare(daemon: Daemon, tree: Path, name: str, pattern: str) -> Row:
    """One row: ours and rg's, taking turns; CPU time beside, as it is what a busy machine cannot blur."""
    link = daemon.link()
    theirs_found = sorted(line.removeprefix("./") for line in os.fsdecode(rg_files(tree, pattern)).splitlines())
    assert sorted(link.call("sidecar/glob", asked(tree, pattern))["paths"]) == theirs_found
    ours, theirs, our_cpu, their_cpu = [], [], [], []
    for _ in range(ROUNDS):
        before, children = cpu_s(daemon.pid), children_cpu_s()
        ours.append(link.timed("sidecar/glob", asked(tree, pattern))[0] * 1e3)
        our_cpu.append((cpu_s(daemon.pid) - before) * 1e3)
        started = time.perf_counter()
        rg_files(tree, pattern)
        theirs.append((time.perf_counter() - started) * 1e3)
        their_cpu.append((children_cpu_s() - children) * 1e3)
    link.close()
    note = f"{len(theirs_found)} files, {THREADS} threads; CPU {median(our_cpu):.3g} against {median(their_cpu):.3g} ms"
    return ratio(f"glob, {corpus.count(tree)} files, {name}, of `rg --files -g`", ours, theirs, "ms", 1.1, note)


def over_the_cli(link: Link, tree: Path, name: str, pattern: str) -> Row:
    """How much longer a search by `engine: "cli"` takes than the same `rg`."""
    over = []
    for _ in range(ROUNDS):
        ours = link.timed("sidecar/grep", args(tree, pattern, engine="cli"))[0]
        over.append((ours - timed_rg(tree, pattern)) * 1e3)
    return absolute(f'grep, engine "cli", {corpus.count(tree)} files, {name}: over `rg` itself', over, "ms", WITHIN_MS)


def measure() -> list[Row]:
    """All rows of this group."""
    large, small = corpus.large(), corpus.small()
    with Daemon() as daemon:
        rows = [compare(daemon, large, name, pattern) for name, pattern in PATTERNS.items()]
        rows.append(compare(daemon, small, "an extension", "*.py"))
        link = daemon.link()
        rows += [over_the_cli(link, tree, "a rare word", "asyncio.shield") for tree in (large, small)]
        rows.append(over_the_cli(link, small, "a common word", "yield"))
    return rows


if __name__ == "__main__":
    main(measure)
