"""How soon the command line answers, with and without a daemon, and what an idle daemon costs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.bench.daemon import Daemon
from tests.bench.load import cpu_s
from tests.bench.rows import Row, absolute, main, ratio

WARM_ROUNDS, COLD_ROUNDS, IDLE_S = 25, 9, 10.0
SIDECAR = str(Path(sys.executable).parent / "sidecar")


def timed(argv: list[str], env: dict[str, str]) -> float:
    """Milliseconds of one process, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1e3


def warm() -> Row:
    """`sidecar call` against a bare Python that only imports socket."""
    ours, theirs = [], []
    with Daemon() as daemon:
        for _ in range(WARM_ROUNDS):
            ours.append(timed([SIDECAR, "call", "sidecar/status"], daemon.env))
            theirs.append(timed([sys.executable, "-c", "import socket"], daemon.env))
    return ratio("`sidecar call sidecar/status` with a daemon, of `python -c 'import socket'`", ours, theirs, "ms", 2.5)


def cold() -> Row:
    """The same with no daemon: it is started on the way."""
    ours = []
    with Daemon(started=False) as daemon:
        env = {name: value for name, value in daemon.env.items() if name != "SIDECAR_NO_AUTOSTART"}
        for _ in range(COLD_ROUNDS):
            ours.append(timed([SIDECAR, "call", "sidecar/status"], env))
            timed([SIDECAR, "stop", "--now"], daemon.env)
    return absolute("`sidecar call sidecar/status` with no daemon", ours, "ms", 400)


def idle() -> list[Row]:
    """Memory and CPU with one client that has said hello and nothing else."""
    with Daemon(bare=True) as daemon:
        link = daemon.link()
        link.call("sidecar/hello", {"client": {"name": "bench", "version": "1"}})
        threading.Event().wait(1.0)  # what start-up still does in the background is not idling
        before = cpu_s(daemon.pid)
        threading.Event().wait(IDLE_S)
        share = (cpu_s(daemon.pid) - before) / IDLE_S * 100
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
        link.close()
    return [absolute("idle, one client, before `initialize`: memory", [resident], "MB", 45), absolute("idle, one client: CPU", [share], "%", 0.1)]


def measure() -> list[Row]:
    """All rows of this group."""
    return [warm(), cold(), *idle()]


if __name__ == "__main__":
    main(measure)
