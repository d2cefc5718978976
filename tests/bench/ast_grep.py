"""Native ast_grep, the whole round trip through an open connection, against the ast-grep CLI with as many threads.

Equal results come first: the same pieces of the same files. Then A and B take turns; the CLI's output goes into a pipe that is drained.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import corpus
from tests.bench.daemon import Daemon
from tests.bench.grep import children_cpu_s
from tests.bench.load import Link, cpu_s
from tests.bench.rows import Row, main, median, ratio

LARGE_ROUNDS, SMALL_ROUNDS = 3, 7  # the CLI parses everything: some 10 s for the large tree
THREADS = os.cpu_count() or 1
AST_GREP = str(Path(sys.executable).parent / "ast-grep")
EVERYTHING = {"limit": 2**32 - 1, "maxBytes": 256 << 20}
RARE = {"pattern": "asyncio.shield($A)", "language": "python"}
RARE_RULE = {"rule": "id: a\nlanguage: python\nrule: {pattern: 'asyncio.shield($A)', inside: {kind: function_definition, stopBy: end}}"}
COMMON = {"pattern": "return $A", "language": "python"}
COMMON_RULE = {"rule": "id: a\nlanguage: python\nrule: {any: [{pattern: return $A}, {kind: lambda}]}"}
ANY_KIND = {"pattern": "$A == $A", "language": "python"}


def cli(tree: Path, args: dict[str, Any]) -> bytes:
    """What the CLI prints; its 1 says that nothing matched."""
    words = ["scan", f"--inline-rules={args['rule']}"] if "rule" in args else ["run", f"--pattern={args['pattern']}", f"--lang={args['language']}"]
    done = subprocess.run([AST_GREP, *words, "--json=stream", f"--threads={THREADS}", "."], cwd=tree, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def check_equal(link: Link, tree: Path, args: dict[str, Any]) -> int:
    """The number of matches; raises AssertionError when the two sides differ."""
    asked = {"root": str(tree), **EVERYTHING, **args}
    ours = sorted((match["path"], match["byteRange"]["start"], match["text"]) for match in link.call("sidecar/astGrep", asked)["matches"])
    found = (json.loads(line) for line in cli(tree, args).splitlines())
    theirs = sorted((match["file"], match["range"]["byteOffset"]["start"], match["text"]) for match in found)
    assert ours == theirs, f"{args}: {len(set(ours) ^ set(theirs))} matches differ"
    return len(ours)


def compare(daemon: Daemon, tree: Path, label: str, args: dict[str, Any], bound: float, rounds: int) -> Row:
    """One row: ours and the CLI's, taking turns; CPU time beside, as it is what a busy machine cannot blur."""
    link = daemon.link()
    found = check_equal(link, tree, args)
    ours, theirs, our_cpu, their_cpu = [], [], [], []
    for _ in range(rounds):
        before, children = cpu_s(daemon.pid), children_cpu_s()
        ours.append(link.timed("sidecar/astGrep", {"root": str(tree), **EVERYTHING, **args})[0] * 1e3)
        our_cpu.append((cpu_s(daemon.pid) - before) * 1e3)
        started = time.perf_counter()
        cli(tree, args)
        theirs.append((time.perf_counter() - started) * 1e3)
        their_cpu.append((children_cpu_s() - children) * 1e3)
    link.close()
    note = f"{found} matches, {THREADS} threads; CPU {median(our_cpu):.3g} against {median(their_cpu):.3g} ms"
    return ratio(f"ast_grep, {label}", ours, theirs, "ms", bound, note)


def measure() -> list[Row]:
    """All rows of this group: rare at least 10 times the CLI's speed, common at least 0.95 times."""
    large, small = corpus.large(), corpus.small()
    many = f"{corpus.count(large)} files"
    with Daemon() as daemon:
        rows = [
            compare(daemon, large, f"{many}, a pattern whose literal is rare", RARE, 0.1, LARGE_ROUNDS),
            compare(daemon, large, f"{many}, a rule whose literal is rare", RARE_RULE, 0.1, LARGE_ROUNDS),
            compare(daemon, large, f"{many}, a common pattern", COMMON, 1 / 0.95, LARGE_ROUNDS),
        ]
        for label, args in (("a common pattern", COMMON), ("a common rule", COMMON_RULE), ("a repeated variable", ANY_KIND)):
            rows.append(compare(daemon, small, f"500 files, {label}", args, 1 / 0.95, SMALL_ROUNDS))
    return rows


if __name__ == "__main__":
    main(measure)
