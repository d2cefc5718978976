"""Native grep, the whole round trip through an open connection, against `rg` with as many threads.

Equal results come first: the same files and lines as `rg` prints. Then A and B take turns; rg's output goes into a pipe that is drained.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.load import Link, cpu_s
from tests.bench.rows import Row, main, median, ratio

ROUNDS = 15
THREADS = os.cpu_count() or 1
EVERYTHING = {"limit": 2**32 - 1, "maxBytes": 256 << 20}
PATTERNS = {"a rare word": "asyncio.shield", "a regex": r"def \w+_\w+_handler\b", "a common word": "yield"}
RG = [str(Path(sys.executable).parent / "rg"), "--no-config", "-n", "--no-heading", "--color=never", f"-j{THREADS}"]


def rg(tree: Path, pattern: str) -> bytes:
    """What rg prints; its 1 says that nothing matched."""
    done = subprocess.run([*RG, "-e", pattern, "."], cwd=tree, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def timed_rg(tree: Path, pattern: str) -> float:
    """Seconds of one rg, from its start to its end."""
    started = time.perf_counter()
    rg(tree, pattern)
    return time.perf_counter() - started


def args(tree: Path, pattern: str, **more: Any) -> dict[str, Any]:
    """The params of one grep."""
    return {"root": str(tree), "pattern": pattern, **EVERYTHING, **more}


def check_equal(link: Link, tree: Path, pattern: str) -> int:
    """The number of matches; raises AssertionError when the two sides differ."""
    ours = {(match["path"], match["line"]) for match in link.call("sidecar/grep", args(tree, pattern))["matches"]}
    lines = (line.split(":", 2) for line in rg(tree, pattern).decode(errors="replace").splitlines())
    theirs = {(path.removeprefix("./"), int(number)) for path, number, _ in lines}
    assert ours == theirs, f"{pattern}: {len(ours ^ theirs)} lines differ"
    return len(ours)


def compare(daemon: Daemon, tree: Path, label: str, pattern: str, bound: float, **more: Any) -> Row:
    """One row: ours and rg's, taking turns; CPU time beside, as it is what a busy machine cannot blur."""
    link = daemon.link()
    found = check_equal(link, tree, pattern)
    ours, theirs, our_cpu, their_cpu = [], [], [], []
    for _ in range(ROUNDS):
        before, children = cpu_s(daemon.pid), children_cpu_s()
        ours.append(link.timed("sidecar/grep", args(tree, pattern, **more))[0] * 1e3)
        our_cpu.append((cpu_s(daemon.pid) - before) * 1e3)
        theirs.append(timed_rg(tree, pattern) * 1e3)
        their_cpu.append((children_cpu_s() - children) * 1e3)
    link.close()
    note = f"{found} matches, {THREADS} threads; CPU {median(our_cpu):.3g} against {median(their_cpu):.3g} ms"
    return ratio(f"grep, {label}", ours, theirs, "ms", bound, note)


def children_cpu_s() -> float:
    """CPU seconds of every child that has ended and was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_matches(link: Link, tree: Path, pattern: str) -> Row:
    """50 matches of a common word, against all of rg's."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        seconds, body = link.timed("sidecar/grep", {"root": str(tree), "pattern": pattern, "limit": 50, "order": "any"})
        assert len(json.loads(body)["result"]["matches"]) == 50
        ours.append(seconds * 1e3)
        theirs.append(timed_rg(tree, pattern) * 1e3)
    return ratio("grep, first 50 matches of a common word, order any, of rg's total", ours, theirs, "ms", 0.1)


def measure() -> list[Row]:
    """All rows of this group."""
    large, small = corpus.large(), corpus.small()
    many = f"{corpus.count(large)} files"
    with Daemon() as daemon:
        rows = [compare(daemon, large, f"{many}, order any, {name}", pattern, 1.1, order="any") for name, pattern in PATTERNS.items()]
        rows += [compare(daemon, large, f"{many}, path order, {name}", pattern, 1.3) for name, pattern in PATTERNS.items()]
        rows += [compare(daemon, small, f"500 files, {name}", pattern, 0.6, order="any") for name, pattern in PATTERNS.items()]
        rows.append(first_matches(daemon.link(), large, "self"))
    return rows


if __name__ == "__main__":
    main(measure)
